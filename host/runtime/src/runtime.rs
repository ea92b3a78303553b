//! The interface between HTTP and the rest of the host.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_engine::Engine;
use dormouse_journal::{
    CancelOptions, HistoryHead, Payload, RunId, Status, Until, VersionId, WebhookOptions,
};
use dormouse_limits::Budget;
use dormouse_seams::HostClock;
use dormouse_secret::{Secret, SecretName, Use};
use dormouse_store::{
    AimedNotified, Cancelled, Commits, Deleted, Pausable, Paused, PausedBy, Pauses, ReadError,
    StoreReader, Triggered, Unpaused, WorkflowSettings, WriteError,
};
use futures::FutureExt;

use crate::assemble::{Services, assemble};
use crate::hint::Hint;
use crate::start::Start;
use crate::trigger_control::TriggerControl;
use crate::urls::Address;
use crate::watchers::RunStatus;
use crate::{
    BadStep, DeployError, Deployment, Endpoint, ForgetError, Forgotten, Move, NotifyError, Parts,
    Reached, Refusal, RepairError, RepairedRun, Retry, RunHistory, SecretView, SetSecret,
    SetSecretError, Settings, StartError, Unavailable, UnusableSecret,
};

/// The host without HTTP. Cheap to clone.
#[derive(Clone)]
pub struct Runtime(Arc<Services>);

/// The number of webhooks whose secrets are checked at once. Their descriptions of providers are compiled for that.
const CHECKED_AT_ONCE: usize = 64;

/// Tells whether the host can take work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// The host can take work.
    Ready,
    /// The host cannot take work, for this reason.
    NotReady(String),
}

impl Runtime {
    /// Builds the host from its parts, and starts all work that is due.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(parts: Parts, engine: Engine, settings: Settings) -> Result<Self, ReadError> {
        let services = assemble(parts, engine, settings);
        services.begin().await?;
        Ok(Runtime(Arc::new(services)))
    }

    /// Returns the reads of the store.
    #[must_use]
    pub fn reader(&self) -> Arc<dyn StoreReader> {
        self.0.store.clone()
    }

    /// Begins to read the history of a run. None if there is no such run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        run: RunId,
    ) -> Result<Option<(HistoryHead, RunHistory)>, ReadError> {
        RunHistory::begin(self.reader(), run).await
    }

    /// Starts a run. Returns its id, and whether it is new.
    ///
    /// # Errors
    /// When the workflow or the version does not exist, or the start cannot be made durable.
    pub async fn start(&self, start: Start) -> Result<(RunId, bool), StartError> {
        let starter = self.0.starter.clone();
        let size = start.input.body.len();
        let starting = async move { starter.start(start).await };
        self.0.large_work.begin(size, starting).await
    }

    /// Resolves when a run has reached this point, this much time has passed, or the host stops. Returns what is known of
    /// the run then, if the run exists.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn wait_until(
        &self,
        run: RunId,
        until: Until,
        wait: Duration,
    ) -> Result<Option<RunStatus>, Unavailable> {
        // Wait first, then look, so that nothing in between is missed.
        let mut reached = self.0.watchers.wait(run, until).fuse();
        let run_status = self.run_status(run).await?;
        if run_status.is_none_or(|run_status| until.is_reached_by(run_status.status)) {
            return Ok(run_status);
        }
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let clock = &self.0.clock;
        let mut passed = clock.sleep_until(clock.now().after(wait)).fuse();
        let reached = futures::select_biased! {
            run_status = reached => run_status,
            () = passed => None,
        };
        match reached {
            Some(run_status) => Ok(Some(run_status)),
            None => self.run_status(run).await,
        }
    }

    /// Returns the status of a run, and the size of its journal, if there is such a run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn run_status(&self, run: RunId) -> Result<Option<RunStatus>, Unavailable> {
        let state = self.0.store.state(run).await?;
        Ok(state.as_ref().map(RunStatus::from))
    }

    /// Returns the status of a run, if there is such a run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn status(&self, run: RunId) -> Result<Option<Status>, Unavailable> {
        let run_status = self.run_status(run).await?;
        Ok(run_status.map(|run_status| run_status.status))
    }

    /// Ends a run, or asks it to end.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn cancel(
        &self,
        run: RunId,
        options: CancelOptions,
    ) -> Result<Cancelled, Unavailable> {
        let retention = self.0.settings.limits.retention;
        let cancelled = self.0.store.cancel(run, options, retention).await?;
        match cancelled {
            Cancelled::Now => self.0.orders.cancelled(run),
            Cancelled::Asked => {
                self.0.wake.wake(run, Hint::Anything);
                self.0.orders.sooner.notify_one();
            }
            Cancelled::GivenUp => {
                tracing::info!(%run, "a failed run was given up");
                self.0.orders.given_up(run);
            }
            Cancelled::Before | Cancelled::Ended(_) | Cancelled::Unknown => {}
        }
        Ok(cancelled)
    }

    /// Removes a run that has ended, before its time.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn delete(&self, run: RunId) -> Result<Deleted, Unavailable> {
        loop {
            let deleted = self.0.store.delete_run(run).await?;
            match deleted {
                // There is more to remove, or an order for the run must be carried out first.
                Deleted::InPart => {
                    self.0.orders.hint();
                    let clock = &self.0.clock;
                    clock.sleep_until(clock.now().after(BETWEEN_PARTS)).await;
                }
                Deleted::Now(_) => {
                    tracing::info!(%run, "a run was deleted");
                    return Ok(deleted);
                }
                Deleted::Alive(_) | Deleted::Unknown => return Ok(deleted),
            }
        }
    }

    /// Starts a new run with the input that a run was started with, or another input, on the current version of its workflow.
    /// Returns the new run's id, and false if it was started before. None if there is no run with the given id.
    ///
    /// # Errors
    /// When its workflow cannot be started, or it cannot be made durable.
    pub async fn restart(
        &self,
        run: RunId,
        input: Option<Payload>,
        idempotency_key: Option<String>,
    ) -> Result<Option<(RunId, bool)>, StartError> {
        let unreadable = |error: ReadError| StartError::Unavailable(error.into());
        let store = &self.0.store;
        let Some(before) = store.show(run, 0).await.map_err(unreadable)? else {
            return Ok(None);
        };
        let input = match input {
            Some(input) => input,
            None => match store.input(run).await.map_err(unreadable)? {
                Some(input) => input,
                None => return Ok(None),
            },
        };
        let start = Start {
            workflow: before.view.run.workflow,
            version: None,
            input,
            headers: before.view.run.headers,
            idempotency_key,
            restarted: Some(run),
            labels: before.view.run.labels,
            trigger: before.view.run.trigger.map(|trigger| Triggered {
                key: None,
                ..trigger
            }),
        };
        self.start(start).await.map(Some)
    }

    /// Resumes a run. The pause of a paused run ends, and the run is tried again if it is also blocked because the host could
    /// not execute it. A run that is only blocked is tried again: from where it was if the host could not execute it, and as
    /// by [`Runtime::retry`] if its code broke.
    ///
    /// # Errors
    /// When it is neither paused nor blocked, would break again, or it cannot be made durable.
    pub async fn resume(&self, run: RunId) -> Result<RepairedRun, RepairError> {
        let state = self.0.store.state(run).await;
        let state = state.map_err(Unavailable::from)?;
        let Some(state) = state else {
            return Err(RepairError::UnknownRun);
        };
        let pauses = self.0.store.pauses_of(vec![run]).await;
        let pauses = pauses.map_err(Unavailable::from)?;
        let by = pauses.first().map(|(_, pause)| pause.by);
        if by == Some(PausedBy::Run) {
            self.unpause(Pausable::Run(run)).await?;
            if state.status != Status::Blocked || state.is_broken {
                return self.0.repairs.unchanged(run).await;
            }
        }
        match (self.0.repairs.resume(run).await, by) {
            (Err(RepairError::NotBlocked(_)), Some(PausedBy::Run)) => {
                self.0.repairs.unchanged(run).await
            }
            (Err(RepairError::NotBlocked(_)), Some(by)) => Err(RepairError::PausedAbove {
                by,
                workflow: state.workflow,
            }),
            (resumed, _) => resumed,
        }
    }

    /// Retries a blocked or failed run: on the version asked for, otherwise on the current version of its workflow if that
    /// repeats the journal, and otherwise on its own version.
    ///
    /// # Errors
    /// When the run is neither blocked nor failed, would break again, no version can continue it, or the retry cannot be made
    /// durable.
    pub async fn retry(&self, run: RunId, retry: &Retry) -> Result<RepairedRun, RepairError> {
        self.0.repairs.retry(run, retry).await
    }

    /// Returns the steps of a failed run that had a bad answer: those that a retry does again, then earlier ones, the last first.
    /// Empty for a run that has not failed or was given up.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn bad_answers(&self, run: RunId) -> Result<Vec<BadStep>, RepairError> {
        self.0.repairs.bad_answers(run).await
    }

    /// Pauses a run, a workflow or the host: nothing of it is executed or sent until it is resumed.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn pause(&self, what: Pausable) -> Result<Paused, Unavailable> {
        self.0.pauses.pause(what).await
    }

    /// Resumes a paused run, workflow or host.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn unpause(&self, what: Pausable) -> Result<Unpaused, Unavailable> {
        self.0.pauses.unpause(what).await
    }

    /// Returns what is paused.
    #[must_use]
    pub fn pauses(&self) -> Pauses {
        self.0.pause_cache.pauses()
    }

    /// Moves a run to another version of its workflow, which must repeat its journal.
    ///
    /// # Errors
    /// When the version does not repeat the journal, the run has ended, or the move cannot be made durable.
    pub async fn move_to(&self, run: RunId, asked: Move) -> Result<RepairedRun, RepairError> {
        self.0.repairs.move_to(run, asked).await
    }

    /// Sets the settings of a workflow. Returns false if there is no such workflow.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn set_workflow(
        &self,
        workflow: &str,
        settings: WorkflowSettings,
    ) -> Result<bool, Unavailable> {
        let workflow = workflow.to_owned();
        Ok(self.0.store.set_workflow(workflow, settings).await?)
    }

    /// Sends an event to all runs that wait for it. Returns the runs that it has reached: all, or those of the first few
    /// seconds.
    ///
    /// # Errors
    /// When there is no room for it, or it cannot be made durable.
    pub async fn notify(&self, event: String, payload: Payload) -> Result<Reached, NotifyError> {
        let (events, size) = (self.0.events.clone(), payload.body.len());
        let sending = async move { events.send_to_all(event, payload).await };
        self.0.large_work.begin(size, sending).await
    }

    /// Sends an event to one run, which keeps it for its next wait.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn notify_run(
        &self,
        run: RunId,
        event: String,
        payload: Payload,
    ) -> Result<AimedNotified, Unavailable> {
        let (events, size) = (self.0.events.clone(), payload.body.len());
        let sending = async move { events.send_to_run(run, event, payload).await };
        Ok(self.0.large_work.begin(size, sending).await?)
    }

    /// Computes something from a value of this many bytes, whose size somebody outside chose. If they are many, another thread
    /// does it, in turn with other such work.
    pub async fn compute<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        self.0.large_work.compute(bytes, work).await
    }

    /// Returns what a token names, if the token is genuine. The store is not asked.
    #[must_use]
    pub fn read_token(&self, text: &str) -> Option<Address> {
        self.0.urls.read(text)
    }

    /// Returns the webhook or the trigger that a token names, to which a request can be passed.
    ///
    /// # Errors
    /// When the store cannot be read, or when the webhook may be among what is still being written of its run.
    pub async fn endpoint(&self, address: Address) -> Result<Endpoint, Refusal> {
        Endpoint::find(self.0.webhooks.clone(), address).await
    }

    /// Forgets that the request with this id was accepted at a webhook or a trigger, so that it is accepted as a new one when it
    /// comes again. `name` has several parts if the provider's description has several places for the id.
    ///
    /// # Errors
    /// When this host did not make the URL, its webhook or trigger is gone, no request with this id is remembered, or the change
    /// cannot be made durable.
    pub async fn forget(&self, url: &str, name: &[String]) -> Result<Forgotten, ForgetError> {
        self.0.forget(url, name).await
    }

    /// Returns, for each of these options, the secrets that are not valid keys for the provider's signature.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unusable_secrets(
        &self,
        workflow: &str,
        options: &[&WebhookOptions],
    ) -> Result<Vec<Vec<UnusableSecret>>, Unavailable> {
        let mut unusable = Vec::new();
        for some in options.chunks(CHECKED_AT_ONCE) {
            let own = some
                .iter()
                .filter_map(|options| options.description.as_ref());
            let size = own.map(String::len).sum();
            let (services, workflow) = (self.0.clone(), workflow.to_owned());
            let some: Vec<WebhookOptions> = some.iter().copied().cloned().collect();
            let checking = async move {
                let options: Vec<&WebhookOptions> = some.iter().collect();
                services.unusable_secrets(&workflow, &options).await
            };
            unusable.extend(self.0.large_work.begin(size, checking).await?);
        }
        Ok(unusable)
    }

    /// Returns the service that sets and shows triggers.
    #[must_use]
    pub fn triggers(&self) -> TriggerControl<'_> {
        TriggerControl::new(&self.0)
    }

    /// Makes uploaded bytes the current version of a workflow.
    ///
    /// # Errors
    /// When the bytes are not a workflow, need too much to compile, or cannot be made durable.
    pub async fn deploy(&self, name: &str, upload: Bytes) -> Result<Deployment, DeployError> {
        self.0.deployer.deploy(name, upload).await
    }

    /// Prepares uploaded bytes to be checked against runs ([`Runtime::check_run`]), without deploying them. Returns their
    /// version.
    ///
    /// # Errors
    /// When the bytes are not a workflow, or need too much to compile.
    pub async fn check(&self, upload: Bytes) -> Result<VersionId, DeployError> {
        self.0.deployer.check(upload).await
    }

    /// Replays a run's journal against a version, without effects. Returns the run's status.
    ///
    /// # Errors
    /// When the version does not repeat the journal, or the run has ended.
    pub async fn check_run(&self, run: RunId, version: VersionId) -> Result<Status, RepairError> {
        self.0.repairs.check(run, version).await
    }

    /// Deletes a workflow: it gets no new runs until it is deployed again. Returns false if there is no workflow of this name.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn delete_workflow(&self, name: &str) -> Result<bool, Unavailable> {
        Ok(self.0.store.delete_workflow(name.to_owned()).await?)
    }

    /// Sets a secret, and replaces a secret of the same name. Only these uses are allowed.
    ///
    /// # Errors
    /// When the host has no key, the uses do not fit the value, or it cannot be made durable.
    pub async fn set_secret(
        &self,
        name: SecretName,
        secret: Secret,
        uses: Vec<Use>,
    ) -> Result<SetSecret, SetSecretError> {
        self.0.secrets.set(name, secret, uses).await
    }

    /// Allows further uses of a secret, and then forbids others. Its value does not change.
    ///
    /// # Errors
    /// When there is no secret of this name, the host cannot open it, no use or too many would be left, or the change cannot be
    /// made durable.
    pub async fn change_secret_uses(
        &self,
        name: SecretName,
        add: Vec<Use>,
        remove: &[Use],
    ) -> Result<SecretView, SetSecretError> {
        self.0.secrets.change_uses(name, add, remove).await
    }

    /// Returns all secrets, by name, without their values.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn secrets(&self) -> Result<Vec<SecretView>, Unavailable> {
        Ok(self.0.secrets.list().await?)
    }

    /// Returns a secret without its value.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn secret(&self, name: &str) -> Result<Option<SecretView>, Unavailable> {
        Ok(self.0.secrets.show(name).await?)
    }

    /// Deletes a secret. Returns false if there is no secret of this name.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn delete_secret(&self, name: &str) -> Result<bool, Unavailable> {
        Ok(self.0.secrets.delete(name).await?)
    }

    /// Returns true if an activation of this run is executing or about to.
    #[must_use]
    pub fn is_active(&self, run: RunId) -> bool {
        self.0.slots.is_active(run)
    }

    /// Returns the number of runs that are being executed, and the number of warm instances.
    #[must_use]
    pub fn instances(&self) -> (usize, usize) {
        self.0.slots.counts()
    }

    /// Returns what was made durable since the host started.
    #[must_use]
    pub fn commits(&self) -> Commits {
        self.0.store.commits()
    }

    /// Returns the number of callers that wait for an answer of a workflow.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.replies.held()
    }

    /// Returns the host's clock.
    #[must_use]
    pub fn clock(&self) -> &HostClock {
        &self.0.clock
    }

    /// Returns the budget of the host's memory.
    #[must_use]
    pub fn memory(&self) -> &Budget {
        &self.0.memory
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Returns whether the host can take work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if let Some(failure) = self.0.store.failure() {
            Readiness::NotReady(failure.to_string())
        } else if self.is_stopping() {
            Readiness::NotReady("the host is stopping".into())
        } else if self.0.store.is_full() {
            Readiness::NotReady("the disk of the data directory is full; reading goes on".into())
        } else {
            Readiness::Ready
        }
    }

    /// Returns true if there is too little space on the disk for anything but housekeeping.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.0.store.is_full()
    }

    /// Writes only the time, and resolves when that is durable.
    ///
    /// # Errors
    /// When nothing can be written.
    pub async fn probe(&self) -> Result<(), WriteError> {
        self.0.store.probe().await
    }

    /// Returns the number of secrets for which this host has no key.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn closed_secrets(&self) -> Result<usize, ReadError> {
        self.0.secrets.closed().await
    }

    /// Returns true if the disk has failed, so that the host must exit.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.0.store.failure().is_some()
    }

    /// Returns true when the host takes no more work.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.slots.is_stopping()
    }

    /// Takes no more work, and resolves when what is being executed has been committed or thrown away, and attempts at calls that
    /// were under way have been recorded. A caller that cannot wait for the attempts counts them as cut off.
    ///
    /// Callers of webhooks that wait get what is decided within [`HOLD_AT_STOP`], and 202 after that.
    pub async fn stop(&self) {
        let clock = &self.0.clock;
        let mut stopped = pin!(self.0.slots.stop().fuse());
        let mut passed = clock.sleep_until(clock.now().after(HOLD_AT_STOP)).fuse();
        let all_stopped = futures::select_biased! {
            () = stopped => true,
            () = passed => false,
        };
        self.0.watchers.release_all();
        self.0.replies.release_all();
        if !all_stopped {
            stopped.await;
        }
        self.0.calls.stopped().await;
    }
}

/// The time in milliseconds between two parts of a deletion.
const BETWEEN_PARTS: u64 = 10;

/// The time in milliseconds that a stopping host gives to activations before it answers the callers that wait for them. The
/// rest of its time to stop is for these answers.
const HOLD_AT_STOP: u64 = 1_000;
