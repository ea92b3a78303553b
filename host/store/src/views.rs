//! The types that reads return.

use std::collections::BTreeMap;
use std::sync::Arc;

use dormouse_journal::{
    Activation, Awaited, Beginning, Channel, Head, Label, LogLine, Open, OperationNumber, Outcome,
    Payload, Response, RunId, Status, Time, TriggerId, VersionId, WebhookNumber,
};

use crate::tables::{
    Attempts, Bounds, Call, FailedTry, PastTry, Pause, Run, SealedSecret, State, Trigger,
    TriggerCounts, Webhook,
};

/// A run: the part that never changes, and its state.
#[derive(Debug, Clone)]
pub struct RunView {
    /// The id of the run.
    pub id: RunId,
    /// The part of the run that never changes.
    pub run: Run,
    /// The state of the run.
    pub state: State,
    /// The pause that applies to the run, if there is one. None if the run has ended.
    pub paused: Option<Pause>,
    /// The run above this one that holds it, if there is one: a run that has failed or is paused.
    pub held_by: Option<RunId>,
}

/// A run with the beginning of its present generation, all as of one moment.
#[derive(Debug, Clone)]
pub struct RunGeneration {
    /// The run.
    pub view: RunView,
    /// The beginning of the present generation.
    pub beginning: Beginning,
    /// The input of the present generation.
    pub input: Payload,
    /// True if the last record of the journal is the activation in which the run has failed.
    pub has_failing: bool,
}

/// A run with the operations that it waits for, as it is shown to users.
#[derive(Debug, Clone)]
pub struct RunShown {
    /// The run.
    pub view: RunView,
    /// The output of the run, if it has completed.
    pub output: Option<Payload>,
    /// The operations that have not completed, oldest first, as many as were asked for.
    pub open: Vec<(OperationNumber, Open)>,
    /// The progress of those operations in `open` that are calls without a result.
    pub calls: Vec<(OperationNumber, CallProgress)>,
    /// The parts of the journal that were set aside when the run was taken back, the newest first, at most a few.
    pub tries: Vec<(u32, PastTry)>,
    /// The kept tries in which the run broke or failed, by their numbers, oldest first.
    pub failed_tries: Vec<(u32, FailedTry)>,
}

/// A failed run that may be retried.
#[derive(Debug, Clone)]
pub struct FailedRun {
    /// The run.
    pub view: RunView,
    /// True if the run failed in an activation. That activation is the last of its journal, and a retry takes it
    /// back.
    pub was_activated: bool,
    /// The number of open operations, including the one that completed in that activation.
    pub open: u64,
    /// The operations that a retry does again.
    pub bad: Vec<BadAnswer>,
}

/// An operation of a failed run that had a bad answer.
#[derive(Debug, Clone)]
pub struct BadAnswer {
    /// The number of the operation.
    pub operation: OperationNumber,
    /// The operation.
    pub open: Open,
    /// The outcome of the operation. It may be large.
    pub outcome: Outcome,
    /// True if the run took the outcome in the activation in which it failed. False if the outcome has arrived but
    /// was not taken.
    pub was_given: bool,
    /// The number of times that the call was made again after a definite answer.
    pub repeats: u32,
}

/// The progress of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallProgress {
    /// The attempts at the call.
    pub attempts: Attempts,
    /// The limits on further attempts.
    pub bounds: Bounds,
    /// The reason why the last attempt did not succeed.
    pub last_error: Option<String>,
}

/// A run with everything that its owner needs to decide what comes next.
#[derive(Debug, Clone)]
pub struct RunToContinue {
    /// The run.
    pub view: RunView,
    /// The operations that have not completed. Empty if the run has ended, or is blocked or paused.
    pub open: Vec<(OperationNumber, Open)>,
    /// The first item in each channel of these operations. A channel that is not listed is empty.
    pub heads: Vec<(Channel, Head)>,
}

/// A webhook of a run.
#[derive(Debug, Clone)]
pub struct WebhookView {
    /// The number of the webhook.
    pub number: WebhookNumber,
    /// The webhook.
    pub webhook: Webhook,
    /// The URL, as it was given to the guest.
    pub url: String,
}

/// What a genuine token of a webhook names.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// This webhook.
    Known(Box<IncomingView>),
    /// The run's last activation is being written in pieces, and may have created this webhook.
    ToCome,
    /// No webhook: the run never created it or did not keep it, or was removed.
    Unknown,
}

impl Incoming {
    /// Returns the webhook, if it is known.
    #[must_use]
    pub fn known(self) -> Option<IncomingView> {
        match self {
            Incoming::Known(incoming) => Some(*incoming),
            Incoming::ToCome | Incoming::Unknown => None,
        }
    }
}

/// The webhook data that decides whether a request is accepted.
#[derive(Debug, Clone)]
pub struct IncomingView {
    /// The webhook.
    pub webhook: Webhook,
    /// True if the run has ended, and cannot be retried.
    pub has_ended: bool,
    /// True if the run has failed, and may be retried.
    pub has_failed: bool,
    /// The name of the run's workflow.
    pub workflow: String,
    /// Those of the secrets named for the webhook's signature that exist.
    pub secrets: Vec<(String, SealedSecret)>,
}

/// A trigger, as it is shown to users.
#[derive(Debug, Clone)]
pub struct TriggerView {
    /// The id of the trigger.
    pub id: TriggerId,
    /// The trigger.
    pub trigger: Trigger,
    /// The results of the requests to the trigger, counted.
    pub counts: TriggerCounts,
}

/// The trigger data that decides whether a request is accepted.
#[derive(Debug, Clone)]
pub struct TriggerCalled {
    /// The trigger.
    pub trigger: Trigger,
    /// False if the workflow of the trigger was deleted.
    pub has_workflow: bool,
    /// Those of the secrets named for the trigger's signature that exist.
    pub secrets: Vec<(String, SealedSecret)>,
}

/// A call whose next attempt is due.
#[derive(Debug, Clone)]
pub struct SendingView {
    /// The call. If its body is large, it is not here.
    pub call: Call,
    /// The size in bytes of the body, if it is not in `call`: [`Store::call_body`](crate::Store::call_body) returns it then.
    /// None if `call` has the body.
    pub large_body: Option<u64>,
    /// The attempts at the call.
    pub attempts: Attempts,
    /// The limits on further attempts.
    pub bounds: Bounds,
    /// The name of the run's workflow.
    pub workflow: String,
    /// Those of the secrets named by the call that exist.
    pub secrets: Vec<(String, SealedSecret)>,
    /// True if the run is paused, so that the attempt must not be made.
    pub is_paused: bool,
}

/// A call without a result, as a scan finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutstandingCall {
    /// The run that made the call.
    pub run: RunId,
    /// The name of the run's workflow.
    pub workflow: Arc<str>,
    /// The operation that the call is.
    pub operation: OperationNumber,
    /// The attempts at the call.
    pub attempts: Attempts,
    /// The limits on further attempts.
    pub bounds: Bounds,
}

/// The decision about the caller of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The workflow may still answer.
    Open,
    /// The workflow has answered.
    Decided(Response),
    /// The workflow never will answer.
    Ended {
        /// True if the run took the request.
        was_taken: bool,
    },
}

/// The conditions of a list of runs.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Only runs of this workflow.
    pub workflow: Option<String>,
    /// Only runs with this status.
    pub status: Option<Status>,
    /// Only runs on this version.
    pub version: Option<VersionId>,
    /// Only runs that are not on this version.
    pub other_than: Option<VersionId>,
    /// Only runs that have not ended.
    pub alive: bool,
    /// Only runs that this run has started.
    pub parent: Option<RunId>,
    /// Only runs that have all these labels.
    pub labels: Vec<Label>,
    /// Only runs that were created in this range.
    pub created: TimeRange,
    /// Only runs that have ended in this range.
    pub ended: TimeRange,
    /// Only runs that have failed, or are blocked, with this code.
    pub failure: Option<String>,
    /// Only runs that wait for something of this kind.
    pub awaited: Option<Awaited>,
    /// Only runs with ids from the first of these to the second.
    pub ids: Option<(RunId, RunId)>,
    /// Only runs older than this run.
    pub before: Option<RunId>,
    /// The largest number of runs to return.
    pub limit: usize,
}

/// A range of steady time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// The first time in the range. None if the range has no beginning.
    pub since: Option<Time>,
    /// The first time after the range. None if the range has no end.
    pub until: Option<Time>,
}

/// Runs, newest first.
#[derive(Debug, Clone)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunView>,
    /// The id before which the next page begins, if there may be one.
    pub next: Option<RunId>,
}

/// A part of a run's journal.
#[derive(Debug, Clone, Default)]
pub struct JournalPage {
    /// The activations, in order.
    pub activations: Vec<Activation>,
    /// True if there are more activations.
    pub more: bool,
    /// The size of the activations in the store, in bytes.
    pub bytes: usize,
}

/// A part of a run's log.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// The lines, each with the number of its activation and its place in that activation.
    pub lines: Vec<((u32, u32), LogLine)>,
    /// The place of the next line, if there are more.
    pub next: Option<(u32, u32)>,
}

/// A deadline of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// The time at which the deadline passes.
    pub due: Time,
    /// The run that waits.
    pub run: RunId,
    /// The operation that waits.
    pub operation: OperationNumber,
}

/// Runs that can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The runs.
    pub runs: Vec<RunId>,
    /// Those of the runs that are paused or held.
    pub paused: BTreeMap<RunId, Pause>,
}

/// Calls without a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<OutstandingCall>,
    /// Those of the runs of these calls that are paused or held.
    pub paused: BTreeMap<RunId, Pause>,
}

/// Timers that are due, and the time of the next one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimerPage {
    /// The timers that are due, earliest first, as many as were asked for.
    pub due: Vec<Timer>,
    /// Those of the runs of these timers that are paused or held.
    pub paused: BTreeMap<RunId, Pause>,
    /// The time of the first timer that is not due yet. None if there is none, or if more timers are due than were
    /// asked for.
    pub next: Option<Time>,
}

/// An item in a channel of a run.
#[derive(Debug, Clone)]
pub struct ChannelItem {
    /// The place of the item in the channel.
    pub head: Head,
    /// The outcome of the operation that takes the item.
    pub outcome: Outcome,
}
