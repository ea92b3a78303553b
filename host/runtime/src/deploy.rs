//! Deploying a workflow: uploaded bytes become a program that is ready to run before the upload is answered.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::VersionId;
use dormouse_limits::Limits;
use dormouse_store::{Deploy, Deployed, Store};

use crate::companions::{self, PlannedWorkflow};
use crate::compile_error::CompileError;
use crate::large_work::LargeWork;
use crate::programs::Programs;
use crate::{BuiltComponent, CompileFailure, DeployError, ScriptFacts};

/// The result of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The name under which the upload was deployed.
    pub name: String,
    /// The workflows whose current version the upload is now: the workflow of that name, or workflows whose names begin
    /// with it.
    pub workflows: Vec<String>,
    /// Notes for the author.
    pub notes: Vec<String>,
    /// The version that is now current.
    pub version: VersionId,
    /// True if the workflow did not have this version before.
    pub new: bool,
    /// True if the upload was a core module, from which the host made a component.
    pub wrapped: bool,
}

/// Uploaded bytes that can be executed.
struct Ready {
    version: VersionId,
    component: Bytes,
    code: Bytes,
    wrapped: bool,
    /// What the evaluation of the upload has shown, if it is JavaScript.
    facts: ScriptFacts,
}

/// Deploys workflows.
pub(crate) struct Deployer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) programs: Arc<Programs>,
    pub(crate) large_work: LargeWork,
    /// The limits. The limit on the bytes of a component is used here.
    pub(crate) limits: Arc<Limits>,
}

impl Deployer {
    /// Makes uploaded bytes the current version of a workflow.
    pub(crate) async fn deploy(
        &self,
        name: &str,
        upload: Bytes,
    ) -> Result<Deployment, DeployError> {
        let ready = self.ready(upload).await?;
        let planned = companions::plan(name, &ready.facts)?;
        for one in &planned {
            companions::refuse_other(&*self.store, one).await?;
        }
        let (mut new, mut workflows) = (false, Vec::new());
        let mut notes = ready.facts.notes.clone();
        for one in &planned {
            let (is_new, note) = self.deploy_one(one, &ready).await?;
            new |= is_new;
            notes.extend(note);
            workflows.push(one.name.clone());
            workflows.extend(one.failed.clone());
        }
        Ok(Deployment {
            name: name.to_owned(),
            workflows,
            notes,
            version: ready.version,
            new,
            wrapped: ready.wrapped,
        })
    }

    /// Makes a version the current version of a workflow, and of the workflow that is started when its runs fail. The
    /// latter comes first, so that it exists before a run can fail. Returns true if the version is new, and the notes
    /// for the author.
    async fn deploy_one(
        &self,
        one: &PlannedWorkflow,
        ready: &Ready,
    ) -> Result<(bool, Option<String>), DeployError> {
        let before = self.store.workflow(one.name.clone()).await?;
        let before = before.map(|workflow| workflow.current);
        let mut deployed = Deployed::Known;
        for name in one.failed.iter().chain([&one.name]) {
            let deploy = Deploy {
                name: name.clone(),
                version: ready.version,
                component: ready.component.clone(),
                code: ready.code.clone(),
            };
            deployed = self.store.deploy(deploy).await?;
            tracing::info!(workflow = name, version = %ready.version, "a version of a workflow was deployed");
        }
        let note = companions::connect(&*self.store, one, before).await?;
        Ok((deployed == Deployed::New, note))
    }

    /// Makes uploaded bytes ready to be executed, without deploying them. Returns their version.
    pub(crate) async fn check(&self, upload: Bytes) -> Result<VersionId, DeployError> {
        let Ready { version, code, .. } = self.ready(upload).await?;
        // Code that came from the store is not in memory yet.
        self.programs.hold_code(version, &code).await;
        Ok(version)
    }

    /// Checks uploaded bytes, and compiles them.
    async fn ready(&self, upload: Bytes) -> Result<Ready, DeployError> {
        let limit = self.limits.component;
        let size = upload.len() as u64;
        if size > limit {
            return Err(DeployError::TooLarge { size, limit });
        }
        let (upload, facts) = if dormouse_component::is_script(&upload) {
            let made = self.programs.build_component(upload).await;
            let BuiltComponent { component, facts } = made.map_err(|failure| match failure {
                CompileError::NotCompiled(CompileFailure::Refused(why)) => {
                    DeployError::InvalidScript(why)
                }
                failure => failure.into(),
            })?;
            (Bytes::from(component), facts)
        } else {
            (upload, ScriptFacts::default())
        };
        let preparing = self.large_work.compute(upload.len(), || prepared(upload));
        let (version, component, wrapped) = preparing.await?;
        let code = self.code(version, &component).await?;
        Ok(Ready {
            version,
            component,
            code,
            wrapped,
            facts,
        })
    }

    /// Returns the compiled code of a component, from the store or compiled now.
    async fn code(&self, version: VersionId, component: &Bytes) -> Result<Bytes, DeployError> {
        if let Some(code) = self.programs.compiled(version).await? {
            return Ok(code);
        }
        let compiled = self.programs.compile_upload(version, component.clone());
        match compiled.await {
            Ok((program, sealed)) => {
                self.programs.hold(version, program).await;
                Ok(sealed)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Checks a component. Returns its version, the component, and true if the upload was a core module.
fn prepared(upload: Bytes) -> Result<(VersionId, Bytes, bool), DeployError> {
    let prepared = dormouse_component::prepare(&upload)?;
    let component = match prepared.wrapped {
        true => Bytes::from(prepared.component),
        false => upload,
    };
    Ok((VersionId::of(&component), component, prepared.wrapped))
}

impl From<CompileError> for DeployError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::NotCompiled(failure) => DeployError::NotCompiled(failure),
            CompileError::NotLinked(reason) => DeployError::NotLinked(reason),
            CompileError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}
