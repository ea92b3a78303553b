//! `states`: the part of a run that changes.
//!
//! Key: run. Row: [`StateRow`]. Every commit that touches the run writes the row again, so it is small. A pending run
//! has no row: its row would repeat `runs`, and would grow at once.
//!
//! Version 1 did not count the disk space of the run. Migration 3 counted it and rewrote these rows. Version 2 had no
//! runs that start others, no graceful cancel and no repair. Version 3 had no runs that are taken back.

use dormouse_journal::{
    DecodeError, Failure, Open, OperationNumber, RunId, Status, Time, WebhookNumber, decode_body,
};
use serde::{Deserialize, Serialize};

use super::frozen::{Frozen, StateBefore};
use super::inline_rows::InlineRows;
use super::tries::Branch;
use super::{TableId, Webhook, journal};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, StateRow> = Table::new(TableId::States);

/// The row of a run in this table. Because it contains the first webhooks and operations, a request and its delivery
/// touch one page instead of a dozen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StateRow {
    pub(crate) state: State,
    /// The webhooks that have no row in `webhooks`.
    pub(crate) webhooks: InlineRows<WebhookNumber, Webhook>,
    /// The operations that have no row in `open`.
    pub(crate) open: InlineRows<OperationNumber, Open>,
}

impl Row for StateRow {
    const VERSION: u8 = 4;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let (state, webhooks, open): (StateV1, _, _) = decode_body(body)?;
                Ok(StateRow {
                    state: state.into(),
                    webhooks,
                    open,
                })
            }
            2 => {
                let (state, webhooks, open): (StateV2, _, _) = decode_body(body)?;
                Ok(StateRow {
                    state: state.into(),
                    webhooks,
                    open,
                })
            }
            3 => {
                let (state, webhooks, open): (StateV3, _, _) = decode_body(body)?;
                Ok(StateRow {
                    state: state.into(),
                    webhooks,
                    open,
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

impl StateRow {
    /// Creates the row of a pending run that uses this many bytes of disk space.
    pub(crate) fn pending(
        created: Time,
        workflow: String,
        storage_bytes: u64,
        is_child: bool,
    ) -> Self {
        StateRow {
            state: State {
                workflow,
                storage_bytes,
                is_child,
                ..State::pending(created)
            },
            webhooks: InlineRows::default(),
            open: InlineRows::default(),
        }
    }
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The status of the run.
    pub status: Status,
    /// The number of activations that the run has made, in all its generations.
    pub activations: u32,
    /// The number of operations that the run has made, in all its generations.
    pub operations: u32,
    /// The size of the journal of this generation, in bytes.
    pub journal_bytes: u64,
    /// The size of the log of this generation in bytes, as the engine counts it against the limit.
    pub log_bytes: u64,
    /// The time of the last activation.
    pub time: Time,
    /// The number of channels with something to deliver, plus the number of operations that were given up and have not
    /// completed. While it is not 0, the run is in the table `due`.
    pub ready: u32,
    /// When the run ended.
    pub ended: Option<Time>,
    /// Why the run failed or is blocked.
    pub failure: Option<Failure>,
    /// Where in the guest the run failed.
    pub backtrace: Option<String>,
    /// The number of requests and events that were accepted but not taken, because the run ended or continued as new
    /// without their webhook.
    pub untaken: u64,
    /// The name of the workflow, which has a sum of the disk space of its runs.
    pub workflow: String,
    /// The disk space of the run in bytes: the rows of all tables whose keys begin with its id, except this row.
    pub storage_bytes: u64,
    /// The part of the disk space that others sent to the run.
    pub received_bytes: u64,
    /// The number of requests and aimed events in the run's inboxes.
    pub queued: u64,
    /// The size of these requests in bytes.
    pub queued_bytes: u64,
    /// The number of open operations that the host carries out piece by piece: events to all, starts and cancels.
    pub notifying: u32,
    /// True if another run started this one.
    pub is_child: bool,
    /// The number of runs that this run started and that have not ended.
    pub children: u32,
    /// The request to cancel, or the reason why the run was cancelled.
    pub cancel: Option<CancelAsked>,
    /// The number of open waits for a request to cancel.
    pub cancel_waits: u32,
    /// True if the run is blocked because its own code broke.
    pub is_broken: bool,
    /// The number of times that the run was retried or moved to another version. A report with a smaller number is of
    /// an earlier try.
    pub tries: u32,
    /// The time from which the timeout counts, if that is not the start of the run.
    pub timed_from: Option<Time>,
    /// The number of times that the run has continued as new.
    pub generation: u32,
    /// The first activation of this generation.
    pub first_activation: u32,
    /// The first operation of this generation.
    pub first_operation: u32,
    /// The number of requests that were accepted but not taken, and were removed with a webhook that was not kept when
    /// the run continued as new.
    pub dropped: u64,
    /// What the run keeps for a retry, if it has failed. None if it was given up.
    pub frozen: Option<Frozen>,
    /// The branches of the journal, in order. Empty if the run was never taken back in this generation.
    pub branches: Vec<Branch>,
    /// True while the run is being restored after it was taken back or retried, while it gets the requests that the
    /// previous run of its key has not taken, and while what was deferred of its last activation is written. Nothing of the
    /// run is executed meanwhile.
    pub is_restoring: bool,
}

/// A request to a run to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAsked {
    /// The reason of the request.
    pub reason: String,
    /// The time of the request.
    pub at: Time,
    /// The time at which the run is cancelled.
    pub until: Time,
}

/// The beginning of a state, for reads of many states that need no more.
#[derive(Debug, Deserialize)]
#[expect(
    dead_code,
    reason = "what lies before a field must be read to get there"
)]
pub(crate) struct StateHead {
    pub(crate) status: Status,
    activations: u32,
    operations: u32,
    journal_bytes: u64,
    log_bytes: u64,
    time: Time,
    ready: u32,
    pub(crate) ended: Option<Time>,
    pub(crate) failure: Option<Failure>,
}

impl State {
    /// Returns the state of a run that was just started.
    #[must_use]
    pub fn pending(created: Time) -> Self {
        State {
            status: Status::Pending,
            activations: 0,
            operations: 0,
            journal_bytes: 0,
            log_bytes: 0,
            time: created,
            ready: 0,
            ended: None,
            failure: None,
            backtrace: None,
            untaken: 0,
            workflow: String::new(),
            storage_bytes: 0,
            received_bytes: 0,
            queued: 0,
            queued_bytes: 0,
            notifying: 0,
            is_child: false,
            children: 0,
            cancel: None,
            cancel_waits: 0,
            is_broken: false,
            tries: 0,
            timed_from: None,
            generation: 0,
            first_activation: 0,
            first_operation: 0,
            dropped: 0,
            frozen: None,
            branches: Vec::new(),
            is_restoring: false,
        }
    }

    /// Returns the disk space that the run uses for what it did itself, in bytes.
    #[must_use]
    pub fn own_bytes(&self) -> u64 {
        self.storage_bytes.saturating_sub(self.received_bytes)
    }

    /// Returns true if the run was asked to cancel and waits for that request.
    #[must_use]
    pub fn hears_of_cancel(&self) -> bool {
        self.cancel.is_some() && self.cancel_waits > 0
    }

    /// Returns true if the guest was called in this generation, and the outcome is committed.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.activations > self.first_activation
    }

    /// Returns the key of an activation in the journal of this run.
    pub(crate) fn record_key(&self, run: RunId, activation: u32) -> (RunId, u32, u32) {
        journal::key(run, &self.branches, activation)
    }

    /// Returns the state before the next activation, which is restored if that activation is taken back.
    pub(crate) fn before_next(&self) -> StateBefore {
        StateBefore {
            operations: self.operations,
            journal_bytes: self.journal_bytes,
            log_bytes: self.log_bytes,
            time: self.time,
        }
    }

    /// Takes the last activation back. `before` is the state of the run before it.
    pub(crate) fn take_back(&mut self, before: StateBefore) {
        self.activations = self.activations.saturating_sub(1);
        self.operations = before.operations;
        self.journal_bytes = before.journal_bytes;
        self.log_bytes = before.log_bytes;
        self.time = before.time;
    }

    /// Returns true if the run has failed and may be retried.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Returns true if the run has ended and cannot be retried, so that nothing reaches it any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status.has_ended() && self.frozen.is_none()
    }

    /// Returns true if a webhook that has no row may have been created by the run's last activation, which is still being
    /// written in pieces.
    #[must_use]
    pub(crate) fn may_create_webhooks(&self) -> bool {
        self.is_restoring && !self.is_gone()
    }

    /// Returns true if the run is in the table `due`, unless its work is set aside.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.status.has_ended() && !self.is_restoring && (self.ready > 0 || !self.has_begun())
    }
}

/// The state in a row of version 1.
#[derive(Serialize, Deserialize)]
pub(crate) struct StateV1 {
    status: Status,
    activations: u32,
    operations: u32,
    journal_bytes: u64,
    log_bytes: u64,
    time: Time,
    ready: u32,
    ended: Option<Time>,
    failure: Option<Failure>,
    backtrace: Option<String>,
    untaken: u64,
}

impl From<StateV1> for State {
    fn from(state: StateV1) -> Self {
        State {
            status: state.status,
            activations: state.activations,
            operations: state.operations,
            journal_bytes: state.journal_bytes,
            log_bytes: state.log_bytes,
            ready: state.ready,
            ended: state.ended,
            failure: state.failure,
            backtrace: state.backtrace,
            untaken: state.untaken,
            ..State::pending(state.time)
        }
    }
}

/// The state in a row of version 2.
#[derive(Serialize, Deserialize)]
pub(crate) struct StateV2 {
    first: StateV1,
    workflow: String,
    storage_bytes: u64,
    received_bytes: u64,
    queued: u64,
    queued_bytes: u64,
    notifying: u32,
}

impl From<StateV2> for State {
    fn from(state: StateV2) -> Self {
        State {
            workflow: state.workflow,
            storage_bytes: state.storage_bytes,
            received_bytes: state.received_bytes,
            queued: state.queued,
            queued_bytes: state.queued_bytes,
            notifying: state.notifying,
            ..state.first.into()
        }
    }
}

/// The state in a row of version 3.
#[derive(Serialize, Deserialize)]
pub(crate) struct StateV3 {
    first: StateV2,
    is_child: bool,
    children: u32,
    cancel: Option<CancelAsked>,
    cancel_waits: u32,
    is_broken: bool,
    tries: u32,
    timed_from: Option<Time>,
    generation: u32,
    first_activation: u32,
    first_operation: u32,
    dropped: u64,
    frozen: Option<Frozen>,
}

impl From<StateV3> for State {
    fn from(state: StateV3) -> Self {
        State {
            is_child: state.is_child,
            children: state.children,
            cancel: state.cancel,
            cancel_waits: state.cancel_waits,
            is_broken: state.is_broken,
            tries: state.tries,
            timed_from: state.timed_from,
            generation: state.generation,
            first_activation: state.first_activation,
            first_operation: state.first_operation,
            dropped: state.dropped,
            frozen: state.frozen,
            ..state.first.into()
        }
    }
}
