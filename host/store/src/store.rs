//! The outer seam: what the host asks of its store.
//!
//! The interface speaks of the product (start this run, accept this request, append these activations, what is due) and
//! not of tables. Every read is one question with one answer, so that a store behind a network needs one round trip for
//! it; no read hands out a view of the store that outlives it.

use std::collections::BTreeMap;

use bytes::Bytes;
use dormouse_journal::{
    Beginning, CancelOptions, Channel, Digest, Failure, Moment, OperationNumber, Outcome, Payload,
    RunId, Status, Time, TriggerId, VersionId, WebhookNumber,
};
use dormouse_seams::{HostClock, Task};

use crate::queue::{Commits, Decided};
use crate::rules::{
    Accept, Accepted, Activated, AimedNotified, AttemptMade, AttemptNoted, Broke, Cancelled,
    Carried, CommitRefused, Deleted, Deploy, Deployed, Due, Forget, Forgot, MailLimits,
    NewActivation, Notified, OrderLimits, OverStorage, Pausable, Paused, PutBack, PutSecret,
    RememberedKey, Repair, Repaired, Resumed, RetriedFailed, RetryFailed, SecretPut, Served,
    SetTrigger, StartRun, Started, TakeBack, TakenBack, TriggerActed, TriggerAction, TriggerSet,
    Trip, Tripped, Unpaused,
};
use crate::tables::{
    Attempts, PastTry, Pause, Pauses, Restore, SealedSecret, State, TokenKeys, Workflow,
    WorkflowSettings,
};
use crate::views::{
    Answer, BegunRun, CallPage, DuePage, FailedRun, IncomingView, JournalPage, LogPage, Lying,
    Recalled, RunPage, RunQuery, RunShown, SendingView, TimerPage, TriggerCalled, TriggerView,
    WebhookView,
};
use crate::{BackupError, ReadError, WriteError};

/// A read under way. It fails when the disk does, or when a row that it needs is damaged.
pub type Read<T> = Task<Result<T, ReadError>>;

/// A write that is in the queue. It resolves when it is durable, or when it could not be made so.
pub type Written<T> = Task<Result<T, WriteError>>;

/// What can be asked of a store: what is durable.
pub trait StoreReader: Send + Sync + 'static {
    /// Returns where a run stands.
    fn state(&self, run: RunId) -> Read<Option<State>>;

    /// Returns a run with its output and what it waits for, at most so many operations.
    fn show(&self, run: RunId, open: usize) -> Read<Option<RunShown>>;

    /// Returns a failed run that may be retried, with what is done again then. None if there is no such run.
    fn failed(&self, run: RunId) -> Read<Option<FailedRun>>;

    /// Returns what a run was started with.
    fn input(&self, run: RunId) -> Read<Option<Payload>>;

    /// Returns what the present generation of a run began with, and its input. None if that is the first one, or if there
    /// is no such run.
    fn generation(&self, run: RunId) -> Read<Option<(Beginning, Payload)>>;

    /// Returns a run with what its present generation began with, all of one moment.
    fn begun(&self, run: RunId) -> Read<Option<BegunRun>>;

    /// Returns where a run stands, and its output if it has completed.
    fn output(&self, run: RunId) -> Read<Option<(Status, Option<Payload>)>>;

    /// Returns the webhooks of a run, in the order in which it created them, at most so many.
    fn webhooks(&self, run: RunId, limit: usize) -> Read<Option<Vec<WebhookView>>>;

    /// Returns a run's journal from this activation on: at most so many activations, and no more once they have a few MiB.
    fn journal(&self, run: RunId, from: u32, limit: usize) -> Read<JournalPage>;

    /// Returns what was set aside of a run's journal when it was taken back, the newest first, at most so much.
    fn tries(&self, run: RunId, limit: usize) -> Read<Vec<(u32, PastTry)>>;

    /// Returns a part of what was set aside as this try, from this activation on. None if there is none of this number.
    fn set_aside_journal(
        &self,
        run: RunId,
        number: u32,
        from: u32,
        limit: usize,
    ) -> Read<Option<JournalPage>>;

    /// Returns how often the calls of these operations were done again, if they are made now with these arguments.
    fn repeats(&self, run: RunId, calls: Vec<(OperationNumber, Digest)>) -> Read<Vec<u32>>;

    /// Returns a run's log from this activation and line on, at most so many lines.
    fn logs(&self, run: RunId, from: (u32, u32), limit: usize) -> Read<LogPage>;

    /// Returns a page of runs, newest first.
    fn runs(&self, query: RunQuery) -> Read<RunPage>;

    /// Returns how many runs of a workflow, or of all, have each status. A status that none has is left out.
    fn counts(&self, workflow: Option<String>) -> Read<BTreeMap<Status, u64>>;

    /// Returns a run with all that decides what comes next.
    fn recall(&self, run: RunId) -> Read<Option<Recalled>>;

    /// Returns what lies first in these channels of a run. A channel that is not in the answer is empty.
    fn heads(
        &self,
        run: RunId,
        channels: Vec<Channel>,
    ) -> Read<Vec<(Channel, dormouse_journal::Head)>>;

    /// Returns what lies in a channel of a run at this place, as the outcome of the operation that takes it.
    fn arrival(&self, run: RunId, channel: Channel, place: u64) -> Read<Option<Outcome>>;

    /// Returns all that lies in a channel of a run. It is not bounded, and for tests.
    fn lying(&self, run: RunId, channel: Channel) -> Read<Vec<Lying>>;

    /// Returns what a request to a webhook is judged by. None if the run never created it, or was removed.
    fn incoming(&self, run: RunId, webhook: WebhookNumber) -> Read<Option<IncomingView>>;

    /// Returns true if a request to this webhook is remembered by this key, or by any if none is given.
    fn remembers(&self, run: RunId, webhook: WebhookNumber, key: Option<[u8; 32]>) -> Read<bool>;

    /// Returns what a request is answered that repeats another, whatever the limits are and whether its run has ended. None
    /// if it repeats none. Nothing is written, so that a flood of repeats costs no syncs.
    fn repeat(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        key: RememberedKey,
    ) -> Read<Option<Accepted>>;

    /// Returns what is decided about the caller of a delivery, which lay in the inbox at this place.
    fn answer(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        delivery: String,
        place: u64,
    ) -> Read<Answer>;

    /// Returns what a request to a trigger is judged by. None if it was deleted.
    fn called(&self, trigger: TriggerId) -> Read<Option<TriggerCalled>>;

    /// Returns the trigger of this name.
    fn trigger(&self, name: String) -> Read<Option<TriggerView>>;

    /// Returns triggers in the order of their names, after one, at most so many.
    fn triggers(&self, after: Option<String>, limit: usize) -> Read<Vec<TriggerView>>;

    /// Returns true if a request to this trigger is remembered by this key, or by any if none is given.
    fn trigger_remembers(&self, trigger: TriggerId, key: Option<[u8; 32]>) -> Read<bool>;

    /// Returns what a request to a trigger is answered that repeats another. None if it repeats none. Nothing is written.
    fn trigger_repeat(&self, trigger: TriggerId, key: RememberedKey) -> Read<Option<Tripped>>;

    /// Returns a call that has no result yet, with the secrets as they are now.
    fn sending(&self, run: RunId, operation: OperationNumber) -> Read<Option<SendingView>>;

    /// Returns calls without a result, after the one given, at most so many. None of them means that there are no more.
    fn calls(&self, after: Option<(RunId, OperationNumber)>, limit: usize) -> Read<CallPage>;

    /// Returns runs that can go on right now, after the run given, at most so many.
    fn due_runs(&self, after: Option<RunId>, limit: usize) -> Read<DuePage>;

    /// Returns blocked runs, after the run given, at most so many.
    fn blocked_runs(&self, after: Option<RunId>, limit: usize) -> Read<Vec<RunId>>;

    /// Returns the timers after the one given that pass until now, at most so many, and when the next one passes. What
    /// passes at a date has the steady time that the date is now.
    fn timers(&self, after: Option<crate::Timer>, now: Moment, limit: usize) -> Read<TimerPage>;

    /// Returns true if an event that was decided has not reached everybody yet.
    fn is_broadcasting(&self) -> Read<bool>;

    /// Returns true if something is to be carried out for runs.
    fn has_orders(&self) -> Read<bool>;

    /// Returns what is paused.
    fn pauses(&self) -> Read<Pauses>;

    /// Returns those of these runs that are paused, by themselves or by something above them.
    fn pauses_of(&self, runs: Vec<RunId>) -> Read<Vec<(RunId, Pause)>>;

    /// Returns true if what was set aside during a pause is being put back.
    fn is_resuming(&self) -> Read<bool>;

    /// Returns when the next thing expires.
    fn next_expiry(&self) -> Read<Option<Time>>;

    /// Returns the size of all requests in all inboxes.
    fn inbox_bytes(&self) -> Read<u64>;

    /// Returns a workflow.
    fn workflow(&self, name: String) -> Read<Option<Workflow>>;

    /// Returns all workflows, by name.
    fn workflows(&self) -> Read<Vec<(String, Workflow)>>;

    /// Returns the bytes of a component.
    fn component(&self, version: VersionId) -> Read<Option<Bytes>>;

    /// Returns a component's compiled code, sealed.
    fn code(&self, version: VersionId) -> Read<Option<Bytes>>;

    /// Returns a secret, sealed.
    fn secret(&self, name: String) -> Read<Option<SealedSecret>>;

    /// Returns all secrets, sealed, by name.
    fn secrets(&self) -> Read<Vec<(String, SealedSecret)>>;
}

/// The store. A write is in the queue when the method returns, behind those that came before.
pub trait Store: StoreReader {
    /// Returns the host's clock, which this store keeps from going backwards.
    fn clock(&self) -> &HostClock;

    /// Returns the keys of webhook tokens.
    fn token_keys(&self) -> &TokenKeys;

    /// Returns the key that seals compiled code.
    fn code_key(&self) -> [u8; 32];

    /// Returns why nothing can be written any more, if so.
    fn failure(&self) -> Option<WriteError>;

    /// Returns true if writes are refused for want of space.
    fn is_full(&self) -> bool;

    /// Returns what was made durable since the store was opened.
    fn commits(&self) -> Commits;

    /// Accepts a request. Once `Queued` is returned, the request is durable.
    ///
    /// `decided` is called as soon as it is known what comes of it, which is before it is durable, if it ever is, and
    /// returns what is to be done then. Nothing that follows may be released yet. What is written while the hold is kept
    /// may become durable by the same sync, and never before; there is no hold where many come together.
    fn accept(&self, accept: Accept, decided: Decided<Accepted>) -> Written<Accepted>;

    /// Starts a run. `decided` is called as for [`Store::accept`].
    fn start_run(&self, start: StartRun, decided: Decided<Started>) -> Written<Started>;

    /// Takes a request to a trigger. `decided` is called as for [`Store::accept`].
    fn trip(&self, trip: Trip, decided: Decided<Tripped>) -> Written<Tripped>;

    /// Forgets that requests with these keys were accepted at a webhook or a trigger.
    fn forget(&self, forget: Forget) -> Written<Forgot>;

    /// Sets a trigger.
    fn set_trigger(&self, set: SetTrigger) -> Written<TriggerSet>;

    /// Rotates, pauses, resumes or deletes a trigger.
    fn act_on_trigger(&self, name: String, action: TriggerAction) -> Written<TriggerActed>;

    /// Appends an activation of this number to a run's journal, and does in the same commit what it decided. A run that
    /// ends with it is kept for `retention` milliseconds; events aimed at a run are kept up to the limits of `mail`.
    fn activate(
        &self,
        run: RunId,
        number: u32,
        new: NewActivation,
        retention: u64,
        mail: MailLimits,
    ) -> Written<Result<Activated, CommitRefused>>;

    /// Records what came of this attempt. `over` says how much the run may own, and what becomes of it if
    /// the response is more.
    fn attempt_made(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempt: Attempts,
        made: AttemptMade,
        over: OverStorage,
    ) -> Written<AttemptNoted>;

    /// Sends an event to all who wait for it. It is decided when this resolves, and reaches them by and by
    /// ([`Store::serve_events`]). `decided` is called as for [`Store::accept`], and so before any of them is reached.
    fn notify(
        &self,
        event: String,
        payload: Payload,
        decided: Decided<Notified>,
    ) -> Written<Notified>;

    /// Sends an event to one run.
    fn notify_run(
        &self,
        run: RunId,
        event: String,
        payload: Payload,
        limits: MailLimits,
    ) -> Written<AimedNotified>;

    /// Serves the next piece of the events that are under way. `last` is the name that was served last.
    fn serve_events(&self, last: Option<String>) -> Written<Served>;

    /// Carries out the next piece of what was decided about runs. `last` is the run that had its turn last.
    fn serve_orders(&self, last: Option<RunId>, limits: OrderLimits) -> Written<Carried>;

    /// Ends a run, which is kept for `retention` milliseconds, or asks it to end. An activation in progress of one that has
    /// ended is refused its commit.
    fn cancel(&self, run: RunId, options: CancelOptions, retention: u64) -> Written<Cancelled>;

    /// Sets a run aside. Returns false if it has ended meanwhile.
    fn block(&self, run: RunId, reason: Failure, broke: Option<Broke>) -> Written<bool>;

    /// Has a run go on: after it broke, or with another version.
    fn repair(&self, repair: Repair) -> Written<Repaired>;

    /// Has a failed run go on from before the activation in which it failed.
    fn retry_failed(&self, retry: RetryFailed) -> Written<RetriedFailed>;

    /// Prepares a part of what a run gets again that is about to be taken back, from this number on, in a try of its. Returns
    /// false if it has moved on.
    fn prepare_back(&self, run: RunId, tries: u32, first: u32, rows: Vec<Restore>)
    -> Written<bool>;

    /// Takes a run back to before one of its steps was answered. What it gets again is restored by and by
    /// ([`Store::serve_orders`]).
    fn take_back(&self, back: TakeBack) -> Written<TakenBack>;

    /// Lets a run go on that is blocked for the host's trouble.
    fn resume(&self, run: RunId) -> Written<Resumed>;

    /// Pauses a run, a workflow or the host: from this commit on no activation of it is committed.
    fn pause(&self, what: Pausable) -> Written<Paused>;

    /// Has a run, a workflow or the host go on. What was set aside meanwhile is put back by and by
    /// ([`Store::put_back`]).
    fn unpause(&self, what: Pausable) -> Written<Unpaused>;

    /// Sets work aside whose runs are paused, so that nobody finds it due. Returns the work whose runs are not.
    fn set_aside(&self, works: Vec<Due>) -> Written<Vec<Due>>;

    /// Puts back the next piece of what was set aside. `last` is what had its turn last.
    fn put_back(&self, last: Option<(String, RunId)>) -> Written<PutBack>;

    /// Removes an ended run before its time, or clears a part of what it had open.
    fn delete_run(&self, run: RunId) -> Written<Deleted>;

    /// Removes some of what has expired. Returns whether there is more.
    fn retire(&self) -> Written<bool>;

    /// Makes a component the current version of a workflow.
    fn deploy(&self, deploy: Deploy) -> Written<Deployed>;

    /// Sets the settings of a workflow. Returns false if there is no such workflow.
    fn set_workflow(&self, workflow: String, settings: WorkflowSettings) -> Written<bool>;

    /// Deletes a workflow: no new runs; those that exist go on. Returns false if there is none of this name.
    fn delete_workflow(&self, name: String) -> Written<bool>;

    /// Keeps compiled code for the next start.
    fn keep_code(&self, version: VersionId, sealed: Bytes) -> Written<()>;

    /// Sets a secret.
    fn put_secret(&self, put: PutSecret) -> Written<SecretPut>;

    /// Deletes a secret. Returns false if there is none of this name.
    fn delete_secret(&self, name: String) -> Written<bool>;

    /// Resolves when all that was decided about a run before this call is durable, or has failed.
    fn barrier(&self, run: RunId) -> Written<()>;

    /// Finds out whether a disk that was full takes writes again.
    fn probe(&self) -> Written<()>;
}

/// A store that can copy itself while the host goes on.
pub trait Backup: Send + Sync + 'static {
    /// Copies everything that is durable now into `target`, an empty file on the disk that the store itself is on. It
    /// blocks its thread for as long as the disk takes, and asks `is_wanted` every now and then whether to go on.
    ///
    /// # Errors
    /// When it is not wanted any more, there is too little space, or a disk fails.
    fn back_up(
        &self,
        target: std::fs::File,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(), BackupError>;
}
