//! Deploying a workflow: from uploaded bytes to a program that is ready to run, before the upload is answered.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::VersionId;
use dormouse_limits::Limits;
use dormouse_store::{Deploy, Deployed, Store};

use crate::compile_error::CompileError;
use crate::programs::Programs;
use crate::{CompileFailure, DeployError};

/// A workflow that was deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// The version that is now current.
    pub version: VersionId,
    /// Whether the workflow did not have this version.
    pub new: bool,
    /// Whether the upload was a core module that the host made a component of.
    pub wrapped: bool,
}

/// Uploaded bytes that can be executed.
struct Ready {
    version: VersionId,
    component: Bytes,
    code: Bytes,
    wrapped: bool,
}

/// Deploys workflows.
pub(crate) struct Deployer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) programs: Arc<Programs>,
    /// Bytes of a component.
    pub(crate) limits: Arc<Limits>,
}

impl Deployer {
    /// Makes uploaded bytes the current version of a workflow.
    pub(crate) async fn deploy(
        &self,
        name: &str,
        upload: Bytes,
    ) -> Result<Deployment, DeployError> {
        let Ready {
            version,
            component,
            code,
            wrapped,
        } = self.ready(upload).await?;
        let deploy = Deploy {
            name: name.to_owned(),
            version,
            component,
            code,
        };
        let deployed = self.store.deploy(deploy).await?;
        tracing::info!(workflow = name, %version, "deployed");
        Ok(Deployment {
            name: name.to_owned(),
            version,
            new: deployed == Deployed::New,
            wrapped,
        })
    }

    /// Makes uploaded bytes ready to be executed, and deploys nothing. Returns the version that they are.
    pub(crate) async fn check(&self, upload: Bytes) -> Result<VersionId, DeployError> {
        let Ready { version, code, .. } = self.ready(upload).await?;
        // Code that the store has of it is not in memory yet.
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
        let upload = if dormouse_component::is_script(&upload) {
            let made = self.programs.take_in(upload).await;
            made.map_err(|failure| match failure {
                CompileError::NotCompiled(CompileFailure::Refused(why)) => {
                    DeployError::InvalidScript(why)
                }
                failure => failure.into(),
            })?
        } else {
            upload
        };
        let prepared = dormouse_component::prepare(&upload)?;
        let component = if prepared.wrapped {
            Bytes::from(prepared.component)
        } else {
            upload
        };
        let version = VersionId::of(&component);
        let code = self.code(version, &component).await?;
        Ok(Ready {
            version,
            component,
            code,
            wrapped: prepared.wrapped,
        })
    }

    /// Returns the compiled code of a component: what the store has of it, or what is compiled now.
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

impl From<CompileError> for DeployError {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::NotCompiled(failure) => DeployError::NotCompiled(failure),
            CompileError::NotLinked(reason) => DeployError::NotLinked(reason),
            CompileError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}
