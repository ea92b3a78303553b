//! Errors between HTTP and the runtime. One file in the server maps them to statuses.

use dormouse_store::{ReadError, WriteError};

use crate::CompileFailure;

/// The host cannot do this now, through no fault of the caller.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unavailable {
    /// Something could not be made durable.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

/// Why a component was not deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The component is larger than is allowed.
    #[error(
        "the component has {size} bytes, and may have {limit}; the setting is `{}`",
        dormouse_limits::COMPONENT
    )]
    TooLarge {
        /// The size of the component in bytes.
        size: u64,
        /// The largest size that is allowed, in bytes.
        limit: u64,
    },
    /// The upload is not a workflow.
    #[error(transparent)]
    Invalid(#[from] dormouse_component::Invalid),
    /// The upload is JavaScript or TypeScript, but not a workflow. The text is for its author.
    #[error("{0}")]
    InvalidScript(String),
    /// The component was not compiled.
    #[error(transparent)]
    NotCompiled(#[from] CompileFailure),
    /// The component does not fit the contract, which only linking has shown.
    #[error("{0}")]
    NotLinked(String),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a run was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no workflow of this name.
    #[error("there is no workflow {0:?}: deploy it first")]
    UnknownWorkflow(String),
    /// The workflow has no such version.
    #[error(
        "workflow {0:?} has no such version: `dormouse workflows show {0}`, or `GET /v1/workflows/{0}`, lists those it has"
    )]
    UnknownVersion(String),
    /// The workflow was deleted.
    #[error("workflow {0:?} was deleted: deploy it again to start runs")]
    Deleted(String),
    /// The key was used for another input.
    #[error("this Idempotency-Key was used to start run {0} with another input: use a new key")]
    OtherInput(dormouse_journal::RunId),
    /// The input is more than a run may own on the disk.
    #[error(
        "the input is larger than the disk space that a run may use; the setting is `{}`",
        dormouse_limits::STORAGE
    )]
    TooLarge,
    /// The runs of the workflow own as much on the disk as they may.
    #[error(
        "the runs of workflow {0:?} use all disk space that they may; the setting is `{setting}`. Runs that have ended \
         free their space when they are removed",
        setting = dormouse_limits::WORKFLOW_STORAGE
    )]
    WorkflowFull(String),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an event was not sent to all runs that wait for it.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// Runs have not yet taken as many large events as the host keeps.
    #[error(
        "the host keeps as many large events as it may, because runs have not taken them; try again later"
    )]
    Full,
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<WriteError> for NotifyError {
    fn from(error: WriteError) -> Self {
        NotifyError::Unavailable(error.into())
    }
}

impl From<WriteError> for DeployError {
    fn from(error: WriteError) -> Self {
        DeployError::Unavailable(error.into())
    }
}

impl From<WriteError> for StartError {
    fn from(error: WriteError) -> Self {
        StartError::Unavailable(error.into())
    }
}

impl From<ReadError> for DeployError {
    fn from(error: ReadError) -> Self {
        DeployError::Unavailable(error.into())
    }
}
