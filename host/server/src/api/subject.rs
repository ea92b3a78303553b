//! Looks up what a request's path names, for requests whose body is slow to arrive.
//!
//! A client that asks something of a run which does not exist gets this answer without sending its whole body. For all
//! other requests this lookup would be a second one, because the transaction of the request finds it out anyway. So the
//! lookup is made only for clients that announce that they wait before they send, and for clients whose body is not
//! there a moment after the head.

use std::pin::pin;
use std::time::Duration;

use dormouse_journal::{RunId, VersionId};
use dormouse_runtime::StartError;
use http::HeaderMap;
use http::header::EXPECT;

use super::runs;
use super::state::AppState;
use crate::problem::Problem;

/// How long after its head a body may arrive without a lookup. A body that is sent together with its head arrives much
/// sooner.
const LOOKUP_AFTER: Duration = Duration::from_millis(100);

/// The subject of a request.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'r> {
    /// The host, which always exists.
    Host,
    /// A run.
    Run(RunId),
    /// A run that gets a message.
    Receiver(RunId),
    /// A workflow.
    Workflow(&'r str),
    /// A workflow that a run is started of.
    Start {
        /// The workflow's name.
        workflow: &'r str,
        /// The version that is asked for. None for the current version.
        version: Option<VersionId>,
        /// True if this may repeat another start, which is answered whatever happened to the workflow since.
        may_repeat: bool,
    },
    /// A secret.
    Secret(&'r str),
    /// A trigger.
    Trigger(&'r str),
}

impl Subject<'_> {
    /// Reads a body with `read`. Fails before the body is complete if it is slow to arrive and the subject does not
    /// exist.
    pub(super) async fn read<T>(
        self,
        state: &AppState,
        headers: &HeaderMap,
        read: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let mut read = pin!(read);
        // Beginning to read tells such a client to send.
        if !headers.contains_key(EXPECT)
            && let Ok(read) = tokio::time::timeout(LOOKUP_AFTER, &mut read).await
        {
            return read;
        }
        self.check_without_body(state).await?;
        read.await
    }

    /// Returns the error that the request gets whatever its body is. Checks in the same order as with the body.
    async fn check_without_body(self, state: &AppState) -> Result<(), Problem> {
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
