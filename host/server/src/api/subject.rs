//! What a request is about, as its path names it, for requests whose body is slow to come.
//!
//! Whoever asks something of a run that there is not gets this answer without sending a body to its end. The look that this
//! takes would be a second one for everybody else: what is asked for finds out by itself, in its own transaction. So only
//! those pay for it who say that they wait before they send, and those whose body is not there a moment after the head.

use std::pin::pin;
use std::time::Duration;

use dormouse_journal::{RunId, VersionId};
use dormouse_runtime::StartError;
use http::HeaderMap;
use http::header::EXPECT;

use super::runs;
use super::state::AppState;
use crate::problem::Problem;

/// How long after its head a body may come without a look at what the request is about. A body that is sent together with its
/// head is there in far less.
const SOON: Duration = Duration::from_millis(100);

/// What a request is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'r> {
    /// The host, which is always there.
    Host,
    /// A run.
    Run(RunId),
    /// A run that is sent something.
    Receiver(RunId),
    /// A workflow.
    Workflow(&'r str),
    /// A workflow of which a run is started.
    Start {
        /// The workflow's name.
        workflow: &'r str,
        /// Which version is asked for, if not the current one.
        version: Option<VersionId>,
        /// True if this may repeat another start, which is answered whatever became of the workflow since.
        may_repeat: bool,
    },
    /// A secret.
    Secret(&'r str),
    /// A trigger.
    Trigger(&'r str),
}

impl Subject<'_> {
    /// Reads a body by `read`. Fails without the body if that is slow to come, and there is nothing that this is about.
    pub(super) async fn read<T>(
        self,
        state: &AppState,
        headers: &HeaderMap,
        read: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let mut read = pin!(read);
        // To begin to read is what tells such a client to send.
        if !headers.contains_key(EXPECT)
            && let Ok(read) = tokio::time::timeout(SOON, &mut read).await
        {
            return read;
        }
        self.judge(state).await?;
        read.await
    }

    /// Says what will be the answer whatever the body is, in the order in which it is found out with the body.
    async fn judge(self, state: &AppState) -> Result<(), Problem> {
        match self {
            Subject::Host => Ok(()),
            Subject::Run(run) => runs::status(state, run).await.map(drop),
            Subject::Receiver(run) => {
                let found = state.runtime.reader().state(run).await?;
                let found = found.ok_or_else(|| Problem::unknown_run(run))?;
                match found.status.has_ended() {
                    true if found.is_frozen() => Err(Problem::takes_events_if_retried()),
                    true => Err(Problem::takes_no_events(run)),
                    false => Ok(()),
                }
            }
            Subject::Workflow(name) => {
                let found = state.runtime.reader().workflow(name.to_owned()).await?;
                found
                    .map(drop)
                    .ok_or_else(|| Problem::unknown_workflow(name))
            }
            Subject::Start {
                workflow: name,
                version,
                may_repeat,
            } => {
                let found = state.runtime.reader().workflow(name.to_owned()).await?;
                let found = found.ok_or_else(|| StartError::UnknownWorkflow(name.to_owned()))?;
                let is_known = |id: VersionId| found.versions.iter().any(|known| known.id == id);
                if may_repeat {
                    Ok(())
                } else if found.deleted {
                    Err(StartError::Deleted(name.to_owned()).into())
                } else if !version.is_none_or(is_known) {
                    Err(StartError::UnknownVersion(name.to_owned()).into())
                } else {
                    Ok(())
                }
            }
            Subject::Secret(name) => {
                let found = state.runtime.secret(name).await?;
                found.map(drop).ok_or_else(|| Problem::unknown_secret(name))
            }
            Subject::Trigger(name) => {
                let found = state.runtime.triggers().show(name).await?;
                found
                    .map(drop)
                    .ok_or_else(|| Problem::unknown_trigger(name))
            }
        }
    }
}
