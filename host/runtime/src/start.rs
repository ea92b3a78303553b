//! Starting runs.

use std::sync::Arc;

use dormouse_engine::WASM_STACK;
use dormouse_journal::{GuestLimits, Header, Labels, Payload, RunId, VersionId};
use dormouse_limits::Limits;
use dormouse_seams::{Entropy, HostClock};
use dormouse_store::{
    Following, Run, RunView, StartRun, Started, State, Store, Triggered, WriteError,
};
use dormouse_webhook::quoted;

use crate::StartError;
use crate::hint::{EarlyStart, Hint};
use crate::run_ids::RunIds;
use crate::storage::storage_limits;
use crate::wake::Wake;

/// The options of a run that is started.
#[derive(Debug, Clone)]
pub struct Start {
    /// The name of the workflow.
    pub workflow: String,
    /// The version. None for the current version.
    pub version: Option<VersionId>,
    /// The input of the run.
    pub input: Payload,
    /// The headers of the request. Credentials must have been left out.
    pub headers: Vec<Header>,
    /// The key by which a repeat of this start is recognised.
    pub idempotency_key: Option<String>,
    /// The run that this start restarts, if there is one.
    pub restarted: Option<RunId>,
    /// The labels of the run.
    pub labels: Labels,
    /// The trigger that started the restarted run, if one did.
    pub trigger: Option<Triggered>,
}

/// Starts runs.
pub(crate) struct Starter {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) wake: Wake,
    pub(crate) ids: Arc<RunIds>,
    pub(crate) limits: Arc<Limits>,
}

impl Starter {
    /// Starts a run. Returns its id, and true if it is new.
    pub(crate) async fn start(&self, start: Start) -> Result<(RunId, bool), StartError> {
        let run = self.ids.next(self.clock.now());
        let mut key = [0; 32];
        self.entropy.fill(&mut key);
        let name = start.workflow.clone();
        let start = StartRun {
            run,
            workflow: start.workflow,
            version: start.version,
            input: start.input,
            headers: start.headers,
            key,
            limits: GuestLimits {
                memory: self.limits.memory,
                stack: WASM_STACK as u64,
            },
            earlier_key: start.idempotency_key.as_deref().map(quoted),
            idempotency_key: start.idempotency_key,
            remember: self.limits.duplicate_window,
            storage: storage_limits(&self.limits),
            restarted: start.restarted,
            parent: None,
            labels: start.labels,
            trigger: start.trigger,
        };
        match self.start_and_wake(start).await? {
            Started::New { version, .. } => {
                tracing::debug!(%run, workflow = name, %version, "a run was started");
                Ok((run, true))
            }
            Started::Existing(run) => Ok((run, false)),
            Started::OtherInput(run) => Err(StartError::OtherInput(run)),
            Started::UnknownWorkflow => Err(StartError::UnknownWorkflow(name)),
            Started::UnknownVersion => Err(StartError::UnknownVersion(name)),
            Started::Deleted => Err(StartError::Deleted(name)),
            Started::TooLarge => Err(StartError::TooLarge),
            Started::WorkflowFull => Err(StartError::WorkflowFull(name)),
        }
    }

    /// Starts a run. The run is woken as soon as its start is decided, while the start becomes
    /// durable.
    async fn start_and_wake(&self, start: StartRun) -> Result<Started, WriteError> {
        let wake = self.wake.clone();
        let (id, input) = (start.run, start.input.clone());
        let (workflow, headers) = (start.workflow.clone(), start.headers.clone());
        let (key, limits, restarted) = (start.key, start.limits, start.restarted);
        let (labels, trigger) = (start.labels.clone(), start.trigger.clone());
        let decided = move |started: &Started| -> Option<Following> {
            let Started::New { version, created } = *started else {
                return None;
            };
            let run = Run {
                workflow,
                version,
                created,
                key,
                limits,
                headers,
                restarted,
                parent: None,
                labels,
                trigger,
            };
            let state = State::pending(created);
            let view = RunView {
                id,
                run,
                state,
                paused: None,
                held_by: None,
            };
            let hint = Hint::Start(Box::new(EarlyStart { view, input }));
            Some(wake.following(id, hint))
        };
        self.store.start_run(start, Box::new(decided)).await
    }
}
