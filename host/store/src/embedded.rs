//! A store in this process: the rules and the queue over a backend that keeps rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::{
    Beginning, CancelOptions, Channel, Digest, Failure, Head, Moment, OperationNumber, Outcome,
    Payload, RunId, Status, Time, TriggerId, VersionId, WebhookNumber,
};
use dormouse_seams::{Clock, Entropy, HostClock, Spawner};
use futures::channel::oneshot;

use crate::backend::Backend;
use crate::opening::{self, StoreKeys};
use crate::queries::View;
use crate::queue::{Commits, Decided, Writer};
use crate::rows::Extent;
use crate::rows::here::Here;
use crate::rules::accept::AcceptRequest;
use crate::rules::activate::Activate;
use crate::rules::attempts::RecordAttempt;
use crate::rules::control::{Block, Cancel, Resume};
use crate::rules::defer;
use crate::rules::deploy::{DeleteWorkflow, KeepCode, SetWorkflow};
use crate::rules::events::{Notify, ServeEvents};
use crate::rules::mail::NotifyRun;
use crate::rules::orders::ServeOrders;
use crate::rules::pause::{PutBackNext, SetAside, SetPause, Unpause};
use crate::rules::prepare_back::PrepareBack;
use crate::rules::prepared::CommitLimits;
use crate::rules::retire::{Delete, Retire};
use crate::rules::retried::FreezeMore;
use crate::rules::retry::Retry;
use crate::rules::secrets::DeleteSecret;
use crate::rules::start::BeginRun;
use crate::rules::trigger::Arrive;
use crate::rules::trigger_settings::ActOnTrigger;
use crate::rules::{
    Accept, Accepted, Activated, AimedNotified, AttemptMade, AttemptNoted, Broke, Cancelled,
    Carried, CommitRefused, Deleted, Deploy, Deployed, Due, FireTrigger, Forget, Forgot,
    MailLimits, NewActivation, Notified, OrderLimits, OverStorage, Pausable, Paused, PutBack,
    PutSecret, RememberedKey, Repair, Repaired, Resumed, RetriedFailed, RetryFailed, SecretPut,
    Served, SetTrigger, StartRun, Started, TakeBack, TakenBack, Transaction, TriggerActed,
    TriggerAction, TriggerFired, TriggerSet, Unpaused, Write,
};
use crate::store::{Read, Store, StoreReader, Written};
use crate::tables::{
    Attempts, Call, PastTry, Pause, Pauses, Restore, SealedSecret, State, TokenKeys, Workflow,
    WorkflowSettings,
};
use crate::views::{
    Answer, CallPage, ChannelItem, DuePage, FailedRun, Incoming, JournalPage, LogPage,
    RunGeneration, RunPage, RunQuery, RunShown, RunToContinue, SendingView, Timer, TimerPage,
    TriggerCalled, TriggerView, WebhookView,
};
use crate::{OpenError, ReadError, StorageError, WriteError};

/// A store whose rows a backend keeps in this process. Cheap to clone.
pub struct Embedded<B: Backend> {
    backend: Arc<B>,
    writer: Arc<Writer<B>>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    keys: Arc<StoreKeys>,
}

impl<B: Backend> Clone for Embedded<B> {
    fn clone(&self) -> Self {
        Embedded {
            backend: self.backend.clone(),
            writer: self.writer.clone(),
            clock: self.clock.clone(),
            spawner: self.spawner.clone(),
            keys: self.keys.clone(),
        }
    }
}

/// Writes only the time, after everything that was queued for a run.
struct ClockWrite(Option<RunId>);

impl Transaction for ClockWrite {
    type Output = ();

    fn run(&self) -> Option<RunId> {
        self.0
    }

    fn cost(&self) -> Extent {
        Extent::default()
    }

    fn apply(&self, _: &mut Write<'_>) -> Result<(), ReadError> {
        Ok(())
    }
}

impl<B: Backend> Embedded<B> {
    /// Opens the store that a backend keeps. Initialises a new store, and migrates a store that an earlier version
    /// wrote.
    ///
    /// # Errors
    /// When a newer version wrote the store, it is damaged, or the disk fails.
    pub async fn open(
        backend: B,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        spawner: Arc<dyn Spawner>,
    ) -> Result<Self, OpenError> {
        let (clock, keys) = opening::open(&backend, clock, entropy).await?;
        let backend = Arc::new(backend);
        Ok(Embedded {
            writer: Writer::new(backend.clone(), clock.clone(), spawner.clone()),
            backend,
            clock,
            spawner,
            keys: Arc::new(keys),
        })
    }

    /// Returns the backend.
    #[must_use]
    pub fn backend(&self) -> &Arc<B> {
        &self.backend
    }

    /// Returns the same store, whose long reads run on another spawner.
    #[must_use]
    pub fn reading_on(&self, spawner: Arc<dyn Spawner>) -> Self {
        Embedded {
            spawner,
            ..self.clone()
        }
    }

    /// Reads a few rows on this thread: moving to another thread would cost more than the read. If it turns out to be more than
    /// a few small rows, they are read on another thread after all.
    fn few<T: Send + 'static>(
        &self,
        question: impl Fn(&View<Here<B::Snapshot>>) -> Result<T, ReadError> + Send + 'static,
    ) -> Read<T> {
        let store = self.clone();
        Box::pin(async move {
            let view = View::new(Here::a_few(store.backend.snapshot()?));
            let answer = question(&view);
            let is_refused = view.rows().has_refused();
            // Nothing of a snapshot is kept while this waits.
            drop(view);
            match answer {
                Err(_) if is_refused => store.many(question).await,
                answer => answer,
            }
        })
    }

    /// Reads what may be many rows on another thread, so that waiting for the disk delays no other task. The read begins
    /// at once, not when the result is first polled, so that the caller can do something else meanwhile.
    fn many<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View<Here<B::Snapshot>>) -> Result<T, ReadError> + Send + 'static,
    ) -> Read<T> {
        let backend = self.backend.clone();
        let (sender, receiver) = oneshot::channel();
        self.spawner.spawn_blocking(Box::pin(async move {
            let answer = backend
                .snapshot()
                .and_then(|snapshot| question(&View::new(Here::all(snapshot))));
            // Whoever asked may have gone away.
            let _ = sender.send(answer);
        }));
        Box::pin(async move {
            let cut_off = || Err(StorageError::new(ReadCancelled).into());
            receiver.await.unwrap_or_else(|_| cut_off())
        })
    }

    fn write<T: Transaction>(&self, transaction: T) -> Written<T::Output> {
        Box::pin(self.writer.write(transaction, None))
    }

    /// Prepares a retry in small commits, and then decides it.
    async fn retry_in_pieces(self, retry: RetryFailed) -> Result<RetriedFailed, WriteError> {
        let (run, tries) = (retry.run, retry.tries);
        let mut next = Some(OperationNumber(0));
        while let Some(from) = next {
            next = self.write(FreezeMore { run, tries, from }).await?;
        }
        let (retry, batches) = Retry::in_pieces(retry);
        for batch in batches {
            if !self.write(batch).await? {
                return Ok(RetriedFailed::Moved);
            }
        }
        self.write(retry).await
    }
}

/// A read whose task was dropped.
#[derive(Debug, thiserror::Error)]
#[error("the read was cancelled")]
struct ReadCancelled;

impl<B: Backend> StoreReader for Embedded<B> {
    fn state(&self, run: RunId) -> Read<Option<State>> {
        self.few(move |view| view.state(run))
    }

    fn show(&self, run: RunId, open: usize) -> Read<Option<RunShown>> {
        self.many(move |view| view.show(run, open))
    }

    fn failed(&self, run: RunId) -> Read<Option<FailedRun>> {
        self.many(move |view| view.failed(run))
    }

    fn input(&self, run: RunId) -> Read<Option<Payload>> {
        self.few(move |view| view.input(run))
    }

    fn generation(&self, run: RunId) -> Read<Option<(Beginning, Payload)>> {
        self.few(move |view| view.generation(run))
    }

    fn run_generation(&self, run: RunId) -> Read<Option<RunGeneration>> {
        self.few(move |view| view.run_generation(run))
    }

    fn output(&self, run: RunId) -> Read<Option<(Status, Option<Payload>)>> {
        self.many(move |view| view.output(run))
    }

    fn webhooks(&self, run: RunId, limit: usize) -> Read<Option<Vec<WebhookView>>> {
        if limit <= FEW {
            self.few(move |view| view.webhooks(run, limit))
        } else {
            self.many(move |view| view.webhooks(run, limit))
        }
    }

    fn journal(&self, run: RunId, from: u32, limit: usize) -> Read<JournalPage> {
        if limit <= FEW {
            self.few(move |view| view.journal(run, from, limit))
        } else {
            self.many(move |view| view.journal(run, from, limit))
        }
    }

    fn tries(&self, run: RunId, limit: usize) -> Read<Vec<(u32, PastTry)>> {
        self.many(move |view| view.tries(run, limit))
    }

    fn set_aside_journal(
        &self,
        run: RunId,
        number: u32,
        from: u32,
        limit: usize,
    ) -> Read<Option<JournalPage>> {
        self.many(move |view| view.set_aside(run, number, from, limit))
    }

    fn repeats(&self, run: RunId, calls: Vec<(OperationNumber, Digest)>) -> Read<Vec<u32>> {
        self.few(move |view| view.repeats_of(run, &calls))
    }

    fn logs(&self, run: RunId, from: (u32, u32), limit: usize) -> Read<LogPage> {
        self.many(move |view| view.logs(run, from, limit))
    }

    fn runs(&self, query: RunQuery) -> Read<RunPage> {
        self.many(move |view| view.runs(&query))
    }

    fn counts(&self, workflow: Option<String>) -> Read<BTreeMap<Status, u64>> {
        self.many(move |view| view.counts(workflow))
    }

    fn run_to_continue(&self, run: RunId) -> Read<Option<RunToContinue>> {
        self.few(move |view| view.run_to_continue(run))
    }

    fn heads(&self, run: RunId, channels: Vec<Channel>) -> Read<Vec<(Channel, Head)>> {
        self.few(move |view| view.heads(run, channels.iter().cloned()))
    }

    fn arrival(&self, run: RunId, channel: Channel, place: u64) -> Read<Option<Outcome>> {
        self.few(move |view| view.arrival(run, &channel, place))
    }

    fn channel_items(&self, run: RunId, channel: Channel) -> Read<Vec<ChannelItem>> {
        self.many(move |view| view.channel_items(run, &channel))
    }

    fn incoming(&self, run: RunId, webhook: WebhookNumber) -> Read<Incoming> {
        self.few(move |view| view.incoming(run, webhook))
    }

    fn remembers(&self, run: RunId, webhook: WebhookNumber, key: Option<[u8; 32]>) -> Read<bool> {
        self.few(move |view| view.remembers(run, webhook, key))
    }

    fn repeat(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        key: RememberedKey,
    ) -> Read<Option<Accepted>> {
        self.few(move |view| view.repeat(run, webhook, key))
    }

    fn answer(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        delivery: String,
        place: u64,
    ) -> Read<Answer> {
        // A stored response may be as large as a body.
        self.many(move |view| view.answer(run, webhook, &delivery, place))
    }

    fn called(&self, trigger: TriggerId) -> Read<Option<TriggerCalled>> {
        self.few(move |view| view.called(trigger))
    }

    fn trigger(&self, name: String) -> Read<Option<TriggerView>> {
        self.few(move |view| view.trigger(&name))
    }

    fn triggers(&self, after: Option<String>, limit: usize) -> Read<Vec<TriggerView>> {
        self.many(move |view| view.triggers(after.as_deref(), limit))
    }

    fn trigger_remembers(&self, trigger: TriggerId, key: Option<[u8; 32]>) -> Read<bool> {
        self.few(move |view| view.trigger_remembers(trigger, key))
    }

    fn trigger_repeat(&self, trigger: TriggerId, key: RememberedKey) -> Read<Option<TriggerFired>> {
        self.few(move |view| view.trigger_repeat(trigger, key))
    }

    fn sending(&self, run: RunId, operation: OperationNumber) -> Read<Option<SendingView>> {
        self.few(move |view| view.sending(run, operation))
    }

    fn call_body(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempts: Attempts,
    ) -> Read<Option<Bytes>> {
        self.many(move |view| view.call_body(run, operation, attempts))
    }

    fn call(&self, run: RunId, operation: OperationNumber) -> Read<Option<Call>> {
        self.many(move |view| view.call(run, operation))
    }

    fn calls(&self, after: Option<(RunId, OperationNumber)>, limit: usize) -> Read<CallPage> {
        self.many(move |view| view.calls(after, limit))
    }

    fn due_runs(&self, after: Option<RunId>, limit: usize) -> Read<DuePage> {
        self.few(move |view| view.due_runs(after, limit))
    }

    fn blocked_runs(&self, after: Option<RunId>, limit: usize) -> Read<Vec<RunId>> {
        self.few(move |view| view.blocked_runs(after, limit))
    }

    fn timers(&self, after: Option<Timer>, now: Moment, limit: usize) -> Read<TimerPage> {
        self.few(move |view| view.timers(after, now, limit))
    }

    fn is_broadcasting(&self) -> Read<bool> {
        self.few(move |view| view.is_broadcasting())
    }

    fn has_orders(&self) -> Read<bool> {
        self.few(move |view| view.has_orders())
    }

    fn pauses(&self) -> Read<Pauses> {
        self.few(move |view| view.pauses())
    }

    fn pauses_of(&self, runs: Vec<RunId>) -> Read<Vec<(RunId, Pause)>> {
        self.few(move |view| view.pauses_of(&runs))
    }

    fn is_resuming(&self) -> Read<bool> {
        self.few(move |view| view.is_resuming())
    }

    fn next_expiry(&self) -> Read<Option<Time>> {
        self.few(move |view| view.next_expiry())
    }

    fn inbox_bytes(&self) -> Read<u64> {
        self.few(move |view| view.inbox_bytes())
    }

    fn workflow(&self, name: String) -> Read<Option<Workflow>> {
        self.few(move |view| view.workflow(&name))
    }

    fn workflows(&self) -> Read<Vec<(String, Workflow)>> {
        self.many(move |view| view.workflows())
    }

    fn component(&self, version: VersionId) -> Read<Option<Bytes>> {
        self.many(move |view| view.component(version))
    }

    fn code(&self, version: VersionId) -> Read<Option<Bytes>> {
        self.few(move |view| view.code(version))
    }

    fn secret(&self, name: String) -> Read<Option<SealedSecret>> {
        self.few(move |view| view.secret(&name))
    }

    fn secrets(&self) -> Read<Vec<(String, SealedSecret)>> {
        self.many(move |view| view.secrets())
    }
}

/// The largest number of rows that are read on this thread. Most runs have fewer webhooks, and fewer activations to
/// replay.
const FEW: usize = 32;

impl<B: Backend> Store for Embedded<B> {
    fn clock(&self) -> &HostClock {
        &self.clock
    }

    fn token_keys(&self) -> &TokenKeys {
        &self.keys.tokens
    }

    fn code_key(&self) -> [u8; 32] {
        self.keys.code
    }

    fn failure(&self) -> Option<WriteError> {
        self.writer.failure()
    }

    fn is_full(&self) -> bool {
        self.writer.is_full()
    }

    fn commits(&self) -> Commits {
        self.writer.commits()
    }

    fn accept(&self, accept: Accept, decided: Decided<Accepted>) -> Written<Accepted> {
        let accept = AcceptRequest::new(accept);
        Box::pin(self.writer.write(accept, Some(decided)))
    }

    fn start_run(&self, start: StartRun, decided: Decided<Started>) -> Written<Started> {
        let begin = BeginRun::new(start);
        Box::pin(self.writer.write(begin, Some(decided)))
    }

    fn fire_trigger(
        &self,
        firing: FireTrigger,
        decided: Decided<TriggerFired>,
    ) -> Written<TriggerFired> {
        Box::pin(self.writer.write(Arrive::new(firing), Some(decided)))
    }

    fn forget(&self, forget: Forget) -> Written<Forgot> {
        self.write(forget)
    }

    fn set_trigger(&self, set: SetTrigger) -> Written<TriggerSet> {
        self.write(set)
    }

    fn act_on_trigger(&self, name: String, action: TriggerAction) -> Written<TriggerActed> {
        self.write(ActOnTrigger { name, action })
    }

    fn activate(
        &self,
        run: RunId,
        number: u32,
        new: NewActivation,
        retention: u64,
        mail: MailLimits,
    ) -> Written<Result<Activated, CommitRefused>> {
        self.write(Activate {
            run,
            number,
            tries: new.tries,
            new: defer::prepare(new),
            limits: CommitLimits { retention, mail },
        })
    }

    fn attempt_made(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempt: Attempts,
        made: AttemptMade,
        over: OverStorage,
    ) -> Written<AttemptNoted> {
        let call = (run, operation);
        self.write(RecordAttempt::new(call, attempt, made, over))
    }

    fn notify(
        &self,
        event: String,
        payload: Payload,
        decided: Decided<Notified>,
    ) -> Written<Notified> {
        let notify = Notify::new(event, payload);
        Box::pin(self.writer.write(notify, Some(decided)))
    }

    fn notify_run(
        &self,
        run: RunId,
        event: String,
        payload: Payload,
        limits: MailLimits,
    ) -> Written<AimedNotified> {
        self.write(NotifyRun::new(run, event, payload, limits))
    }

    fn serve_events(&self, last: Option<String>) -> Written<Served> {
        self.write(ServeEvents { last })
    }

    fn serve_orders(&self, last: Option<RunId>, limits: OrderLimits) -> Written<Carried> {
        self.write(ServeOrders { last, limits })
    }

    fn cancel(&self, run: RunId, options: CancelOptions, retention: u64) -> Written<Cancelled> {
        self.write(Cancel {
            run,
            options,
            retention,
        })
    }

    fn block(&self, run: RunId, reason: Failure, broke: Option<Broke>) -> Written<bool> {
        let block = Block { run, reason, broke };
        let lines = block.lines_before();
        if lines.is_empty() {
            return self.write(block);
        }
        let store = self.clone();
        Box::pin(async move {
            for some in lines {
                store.write(some).await?;
            }
            store.write(block).await
        })
    }

    fn repair(&self, repair: Repair) -> Written<Repaired> {
        self.write(repair)
    }

    fn retry_failed(&self, retry: RetryFailed) -> Written<RetriedFailed> {
        if retry.dry_run || !retry.is_large() {
            return self.write(Retry::at_once(retry));
        }
        Box::pin(self.clone().retry_in_pieces(retry))
    }

    fn prepare_back(
        &self,
        run: RunId,
        tries: u32,
        first: u32,
        rows: Vec<Restore>,
    ) -> Written<bool> {
        self.write(PrepareBack::new(run, tries, first, &rows))
    }

    fn take_back(&self, back: TakeBack) -> Written<TakenBack> {
        self.write(back)
    }

    fn set_workflow(&self, workflow: String, settings: WorkflowSettings) -> Written<bool> {
        self.write(SetWorkflow { workflow, settings })
    }

    fn resume(&self, run: RunId) -> Written<Resumed> {
        self.write(Resume(run))
    }

    fn pause(&self, what: Pausable) -> Written<Paused> {
        self.write(SetPause(what))
    }

    fn unpause(&self, what: Pausable) -> Written<Unpaused> {
        self.write(Unpause(what))
    }

    fn set_aside(&self, works: Vec<Due>) -> Written<Vec<Due>> {
        self.write(SetAside(works))
    }

    fn put_back(&self, last: Option<(String, RunId)>) -> Written<PutBack> {
        self.write(PutBackNext { last })
    }

    fn delete_run(&self, run: RunId) -> Written<Deleted> {
        self.write(Delete(run))
    }

    fn retire(&self) -> Written<bool> {
        self.write(Retire)
    }

    fn deploy(&self, deploy: Deploy) -> Written<Deployed> {
        self.write(deploy)
    }

    fn delete_workflow(&self, name: String) -> Written<bool> {
        self.write(DeleteWorkflow(name))
    }

    fn keep_code(&self, version: VersionId, sealed: Bytes) -> Written<()> {
        self.write(KeepCode { version, sealed })
    }

    fn put_secret(&self, put: PutSecret) -> Written<SecretPut> {
        self.write(put)
    }

    fn delete_secret(&self, name: String) -> Written<bool> {
        self.write(DeleteSecret(name))
    }

    fn barrier(&self, run: RunId) -> Written<()> {
        // The writes of one run keep their order, so everything decided for the run before is durable when this is.
        self.write(ClockWrite(Some(run)))
    }

    fn probe(&self) -> Written<()> {
        self.write(ClockWrite(None))
    }
}
