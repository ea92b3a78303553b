//! `states`: what changes about a run.
//!
//! Key: run. Row: [`Standing`], rewritten by every commit that touches the run, and therefore small. A pending run has
//! none: it would say nothing that `runs` does not, and grow at once.
//!
//! Version 1 did not count what the run owns. Migration 3 did, and rewrote those rows. Version 2 knew no runs that start
//! others, no graceful cancel and no repair; version 3 none that are taken back.

use dormouse_journal::{
    DecodeError, Failure, Open, OperationNumber, RunId, Status, Time, WebhookNumber, decode_body,
};
use serde::{Deserialize, Serialize};

use super::few::Few;
use super::frozen::{Frozen, Stood};
use super::tries::Branch;
use super::{TableId, Webhook, journal};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Standing> = Table::new(TableId::States);

/// What changes about a run. That its first webhooks and operations lie here makes of a dozen pages that a request and
/// its delivery would touch one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) state: State,
    /// Those that have no row in `webhooks`.
    pub(crate) webhooks: Few<WebhookNumber, Webhook>,
    /// Those that have no row in `open`.
    pub(crate) open: Few<OperationNumber, Open>,
}

impl Row for Standing {
    const VERSION: u8 = 4;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let (state, webhooks, open): (StateV1, _, _) = decode_body(body)?;
                Ok(Standing {
                    state: state.into(),
                    webhooks,
                    open,
                })
            }
            2 => {
                let (state, webhooks, open): (StateV2, _, _) = decode_body(body)?;
                Ok(Standing {
                    state: state.into(),
                    webhooks,
                    open,
                })
            }
            3 => {
                let (state, webhooks, open): (StateV3, _, _) = decode_body(body)?;
                Ok(Standing {
                    state: state.into(),
                    webhooks,
                    open,
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

impl Standing {
    /// Of a run without a row, which owns so many bytes.
    pub(crate) fn pending(
        created: Time,
        workflow: String,
        storage_bytes: u64,
        is_child: bool,
    ) -> Self {
        Standing {
            state: State {
                workflow,
                storage_bytes,
                is_child,
                ..State::pending(created)
            },
            webhooks: Few::default(),
            open: Few::default(),
        }
    }
}

/// What changes about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Where it stands.
    pub status: Status,
    /// How many activations it has made, in all its generations.
    pub activations: u32,
    /// How many operations.
    pub operations: u32,
    /// How large the journal of this generation is.
    pub journal_bytes: u64,
    /// How much this generation has logged, as the engine counts it against the limit.
    pub log_bytes: u64,
    /// The time of the last activation.
    pub time: Time,
    /// How many channels have something to deliver, plus how many operations were given up and not completed. While it
    /// is not 0 the run is in the table `due`.
    pub ready: u32,
    /// When it ended.
    pub ended: Option<Time>,
    /// Why it failed, or why it is blocked.
    pub failure: Option<Failure>,
    /// Where in the guest it failed.
    pub backtrace: Option<String>,
    /// Requests and events accepted and not taken when it ended, or when it continued as new without their webhook.
    pub untaken: u64,
    /// Its workflow, which has a sum of what its runs own.
    pub workflow: String,
    /// How much the run owns on the disk: the rows of all tables that are led by its id, but for this one.
    pub storage_bytes: u64,
    /// How much of that was sent to it.
    pub received_bytes: u64,
    /// Requests and aimed events that lie in its inboxes.
    pub queued: u64,
    /// The size of the requests among them.
    pub queued_bytes: u64,
    /// How many operations it waits for that the host carries out piece by piece: notifies to all, starts and cancels.
    pub notifying: u32,
    /// True if another run started it.
    pub is_child: bool,
    /// How many runs that it started have not ended.
    pub children: u32,
    /// That it was asked to cancel, or why it is cancelled.
    pub cancel: Option<CancelAsked>,
    /// How many waits for being asked to cancel are open.
    pub cancel_waits: u32,
    /// True if it is blocked because its own code broke.
    pub is_broken: bool,
    /// How often it was retried or moved to another version. What reports to it later than that is of an earlier try.
    pub tries: u32,
    /// From when its timeout counts, if that is not its start.
    pub timed_from: Option<Time>,
    /// How often it has continued as new.
    pub generation: u32,
    /// The first activation of this generation.
    pub first_activation: u32,
    /// The first operation of this generation.
    pub first_operation: u32,
    /// Requests that were accepted, not taken, and went with a webhook that was not kept when it continued as new.
    pub dropped: u64,
    /// What it keeps to be retried, if it has failed. None if it was given up.
    pub frozen: Option<Frozen>,
    /// The branches of its journal, in order. None if it was never taken back in this generation.
    pub branches: Vec<Branch>,
    /// True while what it gets again is being restored after it was taken back, and while it is handed requests that the run
    /// before it with its key has not taken. Nothing of it is executed meanwhile.
    pub is_restoring: bool,
}

/// A request to a run to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAsked {
    /// Why.
    pub reason: String,
    /// When it was asked.
    pub at: Time,
    /// When it is cancelled.
    pub until: Time,
}

/// What a state begins with, for those who look at many and decode no more than this.
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
    /// Of a run just started.
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

    /// Returns how much the run owns on the disk by what it did itself.
    #[must_use]
    pub fn own_bytes(&self) -> u64 {
        self.storage_bytes.saturating_sub(self.received_bytes)
    }

    /// Returns true if the run was asked to cancel and waits to hear of it.
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

    /// Returns where the run stands, to be restored if what follows is taken back.
    pub(crate) fn stands(&self) -> Stood {
        Stood {
            operations: self.operations,
            journal_bytes: self.journal_bytes,
            log_bytes: self.log_bytes,
            time: self.time,
        }
    }

    /// Takes the last activation back, before which the run stood so.
    pub(crate) fn take_back(&mut self, before: Stood) {
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

    /// Whether start-up must look at the run.
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
