//! What reads return.

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

/// A run: what never changes about it, and where it stands.
#[derive(Debug, Clone)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// What never changes.
    pub run: Run,
    /// Where it stands.
    pub state: State,
    /// That it is paused, if it is. A run that has ended is not.
    pub paused: Option<Pause>,
    /// The run above it that holds it, if one does: that has failed or is paused.
    pub held_by: Option<RunId>,
}

/// A run with what its present generation began with, all of one moment.
#[derive(Debug, Clone)]
pub struct BegunRun {
    /// The run.
    pub view: RunView,
    /// What its generation began with.
    pub beginning: Beginning,
    /// The input of its generation.
    pub input: Payload,
    /// True if the last record of its journal is that of the activation in which it has failed.
    pub has_failing: bool,
}

/// A run with what it waits for, as it is shown.
#[derive(Debug, Clone)]
pub struct RunShown {
    /// The run.
    pub view: RunView,
    /// Its output, if it has completed.
    pub output: Option<Payload>,
    /// The operations that have not completed, oldest first, as many as were asked for.
    pub open: Vec<(OperationNumber, Open)>,
    /// How far those of them have come that are calls without a result.
    pub calls: Vec<(OperationNumber, CallProgress)>,
    /// What was set aside of its journal when it was taken back, the newest first, a few at most.
    pub tries: Vec<(u32, PastTry)>,
    /// What is kept of the tries in which it broke or failed, by their numbers, oldest first.
    pub failed_tries: Vec<(u32, FailedTry)>,
}

/// A failed run that may be retried.
#[derive(Debug, Clone)]
pub struct FailedRun {
    /// The run.
    pub view: RunView,
    /// True if it failed in an activation, which is the last of its journal and is taken back.
    pub was_activated: bool,
    /// How many operations it has open, the one included that completed in that activation.
    pub open: u64,
    /// The operations that are done again.
    pub bad: Vec<BadAnswer>,
}

/// An operation of a failed run that ended badly.
#[derive(Debug, Clone)]
pub struct BadAnswer {
    /// Which.
    pub operation: OperationNumber,
    /// What it was.
    pub open: Open,
    /// What came of it. It may be large.
    pub outcome: Outcome,
    /// True if the run was given this in the activation in which it failed. If not, it has arrived and was not given.
    pub was_given: bool,
    /// How often it was done again after a definite answer.
    pub repeats: u32,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallProgress {
    /// Its attempts.
    pub attempts: Attempts,
    /// How long it is tried.
    pub bounds: Bounds,
    /// Why the last attempt that was made did not succeed.
    pub last_error: Option<String>,
}

/// A run with everything that its owner needs to know what comes next.
#[derive(Debug, Clone)]
pub struct Recalled {
    /// The run.
    pub view: RunView,
    /// The operations that have not completed. Empty if the run has ended, is blocked or paused.
    pub open: Vec<(OperationNumber, Open)>,
    /// What lies first in the channels of these operations. A channel that is not here is empty.
    pub heads: Vec<(Channel, Head)>,
}

/// A webhook of a run.
#[derive(Debug, Clone)]
pub struct WebhookView {
    /// Its number.
    pub number: WebhookNumber,
    /// The webhook.
    pub webhook: Webhook,
    /// Its URL, as the guest was given it.
    pub url: String,
}

/// What a request to a webhook is judged by before it is accepted.
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
    /// The secrets that the webhook names for its signature, as far as they exist.
    pub secrets: Vec<(String, SealedSecret)>,
}

/// A trigger, as it is shown.
#[derive(Debug, Clone)]
pub struct TriggerView {
    /// Its id.
    pub id: TriggerId,
    /// The trigger.
    pub trigger: Trigger,
    /// What came of the requests to it.
    pub counts: TriggerCounts,
}

/// What a request to a trigger is judged by before it is accepted.
#[derive(Debug, Clone)]
pub struct TriggerCalled {
    /// The trigger.
    pub trigger: Trigger,
    /// False if its workflow was deleted.
    pub has_workflow: bool,
    /// The secrets that the trigger names for its signature, as far as they exist.
    pub secrets: Vec<(String, SealedSecret)>,
}

/// A call that is to be attempted.
#[derive(Debug, Clone)]
pub struct SendingView {
    /// The call. If its body is large, it is not here.
    pub call: Call,
    /// The size of the body that is not in `call`: [`Store::call_body`](crate::Store::call_body) returns it. None if the call
    /// has its body.
    pub large_body: Option<u64>,
    /// How far it has come.
    pub attempts: Attempts,
    /// How long it is tried.
    pub bounds: Bounds,
    /// The name of the run's workflow.
    pub workflow: String,
    /// The secrets that the call names, as far as they exist.
    pub secrets: Vec<(String, SealedSecret)>,
    /// True if the run is paused, so that the attempt must not be made.
    pub is_paused: bool,
}

/// A call without a result, as start-up finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutstandingCall {
    /// Whose call it is.
    pub run: RunId,
    /// The name of the run's workflow.
    pub workflow: Arc<str>,
    /// Which operation it is.
    pub operation: OperationNumber,
    /// How far it has come.
    pub attempts: Attempts,
    /// How long it is tried.
    pub bounds: Bounds,
}

/// What is decided about the caller of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The workflow may still answer.
    Open,
    /// It has answered.
    Decided(Response),
    /// It never will.
    Ended {
        /// True if the run was given the request.
        was_taken: bool,
    },
}

/// Which runs to list.
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
    /// Only runs that this one has started.
    pub parent: Option<RunId>,
    /// Only runs that have all these labels.
    pub labels: Vec<Label>,
    /// Only runs that were created in this range.
    pub created: TimeRange,
    /// Only runs that have ended in this range.
    pub ended: TimeRange,
    /// Only runs that have failed, or are blocked, with this code.
    pub failure: Option<String>,
    /// Only runs that wait for such a thing.
    pub awaited: Option<Awaited>,
    /// Only runs with ids from the first of these to the second.
    pub ids: Option<(RunId, RunId)>,
    /// Only runs older than this one.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: usize,
}

/// A range of steady time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// Its beginning, which belongs to it. None if there is none.
    pub since: Option<Time>,
    /// Its end, which does not belong to it. None if there is none.
    pub until: Option<Time>,
}

/// Runs, newest first.
#[derive(Debug, Clone)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunView>,
    /// Where the next page begins, if there may be one.
    pub next: Option<RunId>,
}

/// A part of a run's journal.
#[derive(Debug, Clone, Default)]
pub struct JournalPage {
    /// The activations, in order.
    pub activations: Vec<Activation>,
    /// True if there are more.
    pub more: bool,
}

/// A part of a run's log.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// The lines, each with the number of its activation and its place in it.
    pub lines: Vec<((u32, u32), LogLine)>,
    /// The place of the first line that follows, if there are more.
    pub next: Option<(u32, u32)>,
}

/// A deadline of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When it passes.
    pub due: Time,
    /// Whose it is.
    pub run: RunId,
    /// Which operation's.
    pub operation: OperationNumber,
}

/// Runs that can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePage {
    /// The runs.
    pub runs: Vec<RunId>,
    /// Those of them that are paused or held.
    pub paused: BTreeMap<RunId, Pause>,
}

/// Calls without a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallPage {
    /// The calls.
    pub calls: Vec<OutstandingCall>,
    /// Those of their runs that are paused or held.
    pub paused: BTreeMap<RunId, Pause>,
}

/// Timers that are due, and when the next one is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TimerPage {
    /// Those that are due, earliest first, as many as were asked for.
    pub due: Vec<Timer>,
    /// Those of their runs that are paused or held.
    pub paused: BTreeMap<RunId, Pause>,
    /// When the first timer passes that is not due. None if there is none, or if more are due than were asked for.
    pub next: Option<Time>,
}

/// An item that lies in a channel of a run.
#[derive(Debug, Clone)]
pub struct Lying {
    /// Where it lies.
    pub head: Head,
    /// What the operation that takes it completes with.
    pub outcome: Outcome,
}
