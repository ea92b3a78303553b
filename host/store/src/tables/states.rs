//! `states`: what changes about a run.
//!
//! Key: run. Row: [`Standing`], rewritten by every commit that touches the run, and therefore small. A pending run has
//! none: it would say nothing that `runs` does not, and grow at once.

use dormouse_journal::{Failure, Open, OperationNumber, RunId, Status, Time, WebhookNumber};
use serde::{Deserialize, Serialize};

use super::few::Few;
use super::{TableId, Webhook};
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

impl Row for Standing {}

impl Standing {
    /// Of a run without a row.
    pub(crate) fn pending(created: Time) -> Self {
        Standing {
            state: State::pending(created),
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
    /// How many activations are in its journal.
    pub activations: u32,
    /// How many operations.
    pub operations: u32,
    /// How large the journal is.
    pub journal_bytes: u64,
    /// How much was logged, as the engine counts it against the limit.
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
    /// Requests and events accepted and not taken when it ended.
    pub untaken: u64,
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
        }
    }

    /// Whether start-up must look at the run.
    #[must_use]
    pub fn is_due(&self) -> bool {
        !self.status.has_ended() && (self.ready > 0 || self.activations == 0)
    }
}
