//! Deploying a workflow: from uploaded bytes to a program that is ready to run, before the upload is answered.

use bytes::Bytes;
use dormouse_journal::VersionId;
use dormouse_store::{Deploy, Deployed};

use crate::programs::CompileError;
use crate::{DeployError, Runtime};

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

impl Runtime {
    /// Makes uploaded bytes the current version of a workflow.
    ///
    /// # Errors
    /// When they are not a workflow, take too much to compile, or cannot be made durable.
    pub async fn deploy(&self, name: &str, upload: Bytes) -> Result<Deployment, DeployError> {
        let limit = self.settings().limits.component;
        let size = upload.len() as u64;
        if size > limit {
            return Err(DeployError::TooLarge { size, limit });
        }
        let prepared = dormouse_component::prepare(&upload)?;
        let component = if prepared.wrapped {
            Bytes::from(prepared.component)
        } else {
            upload
        };
        let version = VersionId::of(&component);
        let code = self.code(version, &component).await?;
        let deploy = Deploy {
            name: name.to_owned(),
            version,
            component,
            code,
        };
        let deployed = self.store().deploy(deploy).await?;
        tracing::info!(workflow = name, %version, "deployed");
        let new = deployed == Deployed::New;
        Ok(Deployment {
            name: name.to_owned(),
            version,
            new,
            wrapped: prepared.wrapped,
        })
    }

    /// The compiled code of a component: what the store has of it, or compiled now.
    async fn code(&self, version: VersionId, component: &Bytes) -> Result<Bytes, DeployError> {
        if self.programs().is_compiled(version)?
            && let Some(code) = self.store().read()?.code(version)?
        {
            return Ok(code);
        }
        match self.programs().compile(version, component.clone()).await {
            Ok((program, sealed)) => {
                self.programs().hold(version, program).await;
                Ok(sealed)
            }
            Err(CompileError::NotCompiled(failure)) => Err(DeployError::NotCompiled(failure)),
            Err(CompileError::NotLinked(reason)) => Err(DeployError::NotLinked(reason)),
        }
    }
}
