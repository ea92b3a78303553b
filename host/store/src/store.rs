//! The outer interface of the store: what the host asks of it.
//!
//! The interface uses the words of the product (start this run, accept this request, append this activation, return what is
//! due) instead of those of tables. Every read is one question with one answer, so that a store behind a network needs one
//! round trip for it. No read returns a view of the store that outlives it.

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
    Carried, CommitRefused, Deleted, Deploy, Deployed, Due, FireTrigger, Forget, Forgot,
    MailLimits, NewActivation, Notified, OrderLimits, OverStorage, Pausable, Paused, PutBack,
    PutSecret, RememberedKey, Repair, Repaired, Resumed, RetriedFailed, RetryFailed, SecretPut,
    Served, SetTrigger, StartRun, Started, TakeBack, TakenBack, TriggerActed, TriggerAction,
    TriggerFired, TriggerSet, Unpaused,
};
use crate::tables::{
    Attempts, Call, PastTry, Pause, Pauses, Restore, SealedSecret, State, TokenKeys, Workflow,
    WorkflowSettings,
};
use crate::views::{
    Answer, CallPage, ChannelItem, DuePage, FailedRun, Incoming, JournalPage, LogPage,
    RunGeneration, RunPage, RunQuery, RunShown, RunToContinue, SendingView, TimerPage,
    TriggerCalled, TriggerView, WebhookView,
};
use crate::{BackupError, ReadError, WriteError};

/// A read under way. It fails when the disk does, or when a row that it needs is damaged.
pub type Read<T> = Task<Result<T, ReadError>>;

/// A write that is in the queue. It resolves when it is durable, or when it could not be made so.
pub type Written<T> = Task<Result<T, WriteError>>;

/// The reads of a store. They return only what is durable.
pub trait StoreReader: Send + Sync + 'static {
    /// Returns the status of a run.
    fn state(&self, run: RunId) -> Read<Option<State>>;

    /// Returns a run with its output and the operations that it waits for, at most this many.
    fn show(&self, run: RunId, open: usize) -> Read<Option<RunShown>>;

    /// Returns a failed run that may be retried, with what a retry does again. None if there is no such run.
    fn failed(&self, run: RunId) -> Read<Option<FailedRun>>;

    /// Returns the input that a run was started with.
    fn input(&self, run: RunId) -> Read<Option<Payload>>;

    /// Returns what the present generation of a run began with, and its input. None if that is the first one, or if there
    /// is no such run.
    fn generation(&self, run: RunId) -> Read<Option<(Beginning, Payload)>>;

    /// Returns a run with what its present generation began with, as of one moment.
    fn run_generation(&self, run: RunId) -> Read<Option<RunGeneration>>;

    /// Returns the status of a run, and its output if it has completed.
    fn output(&self, run: RunId) -> Read<Option<(Status, Option<Payload>)>>;

    /// Returns the webhooks of a run, in the order in which it created them, at most this many.
    fn webhooks(&self, run: RunId, limit: usize) -> Read<Option<Vec<WebhookView>>>;

    /// Returns a run's journal from this activation on: at most this many activations, and a few MiB.
    fn journal(&self, run: RunId, from: u32, limit: usize) -> Read<JournalPage>;

    /// Returns what was set aside of a run's journal when it was taken back, the newest first, at most this many parts.
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

    /// Returns a run's log from this activation and line on, at most this many lines.
    fn logs(&self, run: RunId, from: (u32, u32), limit: usize) -> Read<LogPage>;

    /// Returns a page of runs, newest first.
    fn runs(&self, query: RunQuery) -> Read<RunPage>;

    /// Returns the number of runs with each status, of one workflow or of all. A status without runs is left out.
    fn counts(&self, workflow: Option<String>) -> Read<BTreeMap<Status, u64>>;

    /// Returns a run with everything that decides what it does next.
    fn run_to_continue(&self, run: RunId) -> Read<Option<RunToContinue>>;

    /// Returns what is first in these channels of a run. A channel that is not in the answer is empty.
    fn heads(
        &self,
        run: RunId,
        channels: Vec<Channel>,
    ) -> Read<Vec<(Channel, dormouse_journal::Head)>>;

    /// Returns what is in a channel of a run at this place, as the outcome of the operation that takes it.
    fn arrival(&self, run: RunId, channel: Channel, place: u64) -> Read<Option<Outcome>>;

    /// Returns everything in a channel of a run. The size is not bounded; for tests.
    fn channel_items(&self, run: RunId, channel: Channel) -> Read<Vec<ChannelItem>>;

    /// Returns what decides whether a request to a webhook is accepted.
    fn incoming(&self, run: RunId, webhook: WebhookNumber) -> Read<Incoming>;

    /// Returns true if a request to this webhook is remembered by this key, or, if no key is given, by any key.
    fn remembers(&self, run: RunId, webhook: WebhookNumber, key: Option<[u8; 32]>) -> Read<bool>;

    /// Returns the answer to a request that repeats another, whatever the limits are and even if its run has ended. None if
    /// the request repeats no other. Nothing is written, so that a flood of repeats costs no syncs.
    fn repeat(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        key: RememberedKey,
    ) -> Read<Option<Accepted>>;

    /// Returns what is decided about the caller of a delivery, which was in the inbox at this place.
    fn answer(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        delivery: String,
        place: u64,
    ) -> Read<Answer>;

    /// Returns what decides whether a request to a trigger is accepted. None if the trigger was deleted.
    fn called(&self, trigger: TriggerId) -> Read<Option<TriggerCalled>>;

    /// Returns the trigger of this name.
    fn trigger(&self, name: String) -> Read<Option<TriggerView>>;

    /// Returns triggers in the order of their names, after this one, at most this many.
    fn triggers(&self, after: Option<String>, limit: usize) -> Read<Vec<TriggerView>>;

    /// Returns true if a request to this trigger is remembered by this key, or, if no key is given, by any key.
    fn trigger_remembers(&self, trigger: TriggerId, key: Option<[u8; 32]>) -> Read<bool>;

    /// Returns the answer to a request to a trigger that repeats another. None if it repeats no other. Nothing is written.
    fn trigger_repeat(&self, trigger: TriggerId, key: RememberedKey) -> Read<Option<TriggerFired>>;

    /// Returns a call that has no result yet, with the present values of its secrets. A large body is not read.
    fn sending(&self, run: RunId, operation: OperationNumber) -> Read<Option<SendingView>>;

    /// Returns the body of a call that has come so far. None if it is no longer there, or has come farther.
    fn call_body(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempts: Attempts,
    ) -> Read<Option<Bytes>>;

    /// Returns a call that has no result yet, with its body.
    fn call(&self, run: RunId, operation: OperationNumber) -> Read<Option<Call>>;

    /// Returns calls without a result, after the one given, at most this many. An empty list means that there are no more.
    fn calls(&self, after: Option<(RunId, OperationNumber)>, limit: usize) -> Read<CallPage>;

    /// Returns runs that can go on now, after the run given, at most this many.
    fn due_runs(&self, after: Option<RunId>, limit: usize) -> Read<DuePage>;

    /// Returns blocked runs, after the run given, at most this many.
    fn blocked_runs(&self, after: Option<RunId>, limit: usize) -> Read<Vec<RunId>>;

    /// Returns the timers after the one given that have passed by now, at most this many, and when the next one passes. A timer
    /// that passes at a date has the steady time that corresponds to the date now.
    fn timers(&self, after: Option<crate::Timer>, now: Moment, limit: usize) -> Read<TimerPage>;

    /// Returns true if an event that was decided has not reached all its waits yet.
    fn is_broadcasting(&self) -> Read<bool>;

    /// Returns true if something is to be carried out for runs.
    fn has_orders(&self) -> Read<bool>;

    /// Returns what is paused.
    fn pauses(&self) -> Read<Pauses>;

    /// Returns those of these runs that are paused, themselves or by something above them.
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

/// The store. When a method that writes returns, its write is in the queue, behind those that came before.
pub trait Store: StoreReader {
    /// Returns the host's clock, which this store keeps from going backwards.
    fn clock(&self) -> &HostClock;

    /// Returns the keys of webhook tokens.
    fn token_keys(&self) -> &TokenKeys;

    /// Returns the key that seals compiled code.
    fn code_key(&self) -> [u8; 32];

    /// Returns the reason why nothing can be written any more, if there is one.
    fn failure(&self) -> Option<WriteError>;

    /// Returns true if writes are refused because there is too little space.
    fn is_full(&self) -> bool;

    /// Returns what was made durable since the store was opened.
    fn commits(&self) -> Commits;

    /// Accepts a request. Once `Queued` is returned, the request is durable.
    ///
    /// `decided` is called as soon as the outcome is known, which is before the request is durable, if it ever becomes so. At
    /// this time nothing that follows from the request may be released. What is written while the hold is kept may become
    /// durable by the same sync, and never before. If many requests come together, there is no hold.
    fn accept(&self, accept: Accept, decided: Decided<Accepted>) -> Written<Accepted>;

    /// Starts a run. `decided` is called as for [`Store::accept`].
    fn start_run(&self, start: StartRun, decided: Decided<Started>) -> Written<Started>;

    /// Accepts a request to a trigger. `decided` is called as for [`Store::accept`].
    fn fire_trigger(
        &self,
        firing: FireTrigger,
        decided: Decided<TriggerFired>,
    ) -> Written<TriggerFired>;

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

    /// Records the outcome of this attempt at a call. `over` says how much storage the run may use, and what becomes of the run
    /// if the response is more.
    fn attempt_made(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempt: Attempts,
        made: AttemptMade,
        over: OverStorage,
    ) -> Written<AttemptNoted>;

    /// Sends an event to all runs that wait for it. When this resolves, the event is decided; it reaches the waits in pieces
    /// ([`Store::serve_events`]). `decided` is called as for [`Store::accept`], and so before any wait is reached.
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

    /// Ends a run, which is then kept for `retention` milliseconds, or asks it to end. The commit of an activation is refused if
    /// the run has ended meanwhile.
    fn cancel(&self, run: RunId, options: CancelOptions, retention: u64) -> Written<Cancelled>;

    /// Blocks a run. Returns false if it has ended meanwhile.
    fn block(&self, run: RunId, reason: Failure, broke: Option<Broke>) -> Written<bool>;

    /// Lets a run go on after it broke, or with another version.
    fn repair(&self, repair: Repair) -> Written<Repaired>;

    /// Lets a failed run go on from before the activation in which it failed.
    fn retry_failed(&self, retry: RetryFailed) -> Written<RetriedFailed>;

    /// Prepares a part of what a run gets back when it is taken back, from this number on, for this try. Returns false if the run
    /// has gone on meanwhile.
    fn prepare_back(&self, run: RunId, tries: u32, first: u32, rows: Vec<Restore>)
    -> Written<bool>;

    /// Takes a run back to before one of its steps was answered. What it gets back is restored in pieces
    /// ([`Store::serve_orders`]).
    fn take_back(&self, back: TakeBack) -> Written<TakenBack>;

    /// Lets a run go on that is blocked because of the host's own trouble.
    fn resume(&self, run: RunId) -> Written<Resumed>;

    /// Pauses a run, a workflow or the host: from this commit on no activation of it is committed.
    fn pause(&self, what: Pausable) -> Written<Paused>;

    /// Resumes a run, a workflow or the host. What was set aside meanwhile is put back in pieces ([`Store::put_back`]).
    fn unpause(&self, what: Pausable) -> Written<Unpaused>;

    /// Sets aside the work of paused runs, so that it is not found due any more. Returns the work of the other runs.
    fn set_aside(&self, works: Vec<Due>) -> Written<Vec<Due>>;

    /// Puts back the next piece of what was set aside. `last` is what was served last.
    fn put_back(&self, last: Option<(String, RunId)>) -> Written<PutBack>;

    /// Removes an ended run before its time, or clears a part of what it had open.
    fn delete_run(&self, run: RunId) -> Written<Deleted>;

    /// Removes some of what has expired. Returns true if there is more.
    fn retire(&self) -> Written<bool>;

    /// Makes a component the current version of a workflow.
    fn deploy(&self, deploy: Deploy) -> Written<Deployed>;

    /// Sets the settings of a workflow. Returns false if there is no such workflow.
    fn set_workflow(&self, workflow: String, settings: WorkflowSettings) -> Written<bool>;

    /// Deletes a workflow: it gets no new runs, and runs that exist go on. Returns false if there is no workflow of this name.
    fn delete_workflow(&self, name: String) -> Written<bool>;

    /// Keeps compiled code for the next start.
    fn keep_code(&self, version: VersionId, sealed: Bytes) -> Written<()>;

    /// Sets a secret.
    fn put_secret(&self, put: PutSecret) -> Written<SecretPut>;

    /// Deletes a secret. Returns false if there is no secret of this name.
    fn delete_secret(&self, name: String) -> Written<bool>;

    /// Resolves when everything that was decided about a run before this call is durable, or has failed.
    fn barrier(&self, run: RunId) -> Written<()>;

    /// Finds out whether a disk that was full accepts writes again.
    fn probe(&self) -> Written<()>;
}

/// A store that can copy itself while the host goes on.
pub trait Backup: Send + Sync + 'static {
    /// Copies everything that is durable now into `target`, an empty file on the same disk as the store. It blocks its thread
    /// until the copy is made, and asks `is_wanted` from time to time whether to go on.
    ///
    /// # Errors
    /// When the copy is not wanted any more, there is too little space, or a disk fails.
    fn back_up(
        &self,
        target: std::fs::File,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(), BackupError>;
}
