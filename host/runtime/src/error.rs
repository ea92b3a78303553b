//! What goes wrong between HTTP and the runtime. One file above maps these to statuses.

use dormouse_store::{ReadError, WriteError};

use crate::CompileFailure;

/// The host cannot do it now, through no fault of the caller.
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
    /// It is larger than a component may be.
    #[error(
        "the component has {size} bytes, and may have {limit}; the setting is `{}`",
        dormouse_limits::COMPONENT
    )]
    TooLarge {
        /// Its size.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// It is not a workflow.
    #[error(transparent)]
    Invalid(#[from] dormouse_component::Invalid),
    /// It is JavaScript or TypeScript, and no workflow: what its author reads.
    #[error("{0}")]
    InvalidScript(String),
    /// It was not compiled.
    #[error(transparent)]
    NotCompiled(#[from] CompileFailure),
    /// It does not fit the contract in a way that only linking shows.
    #[error("{0}")]
    NotLinked(String),
    /// The host cannot do it now.
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
    /// The host cannot do it now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an event was not sent to all who wait.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// As many large events as there may be have reached runs that have not taken them.
    #[error(
        "the host keeps as many large events as it may, because runs have not taken them; try again later"
    )]
    Full,
    /// The host cannot do it now.
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
