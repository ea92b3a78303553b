//! `restores`: what a run gets again that is taken back, or retried with much to do. The rows are prepared before the
//! decision.
//!
//! Key: run, number from 0. Row: [`Restore`]. The rows of a run are not read before `orders` has an order to take it
//! back or to retry it.

use dormouse_journal::{Activation, Kind, Open, OperationNumber, RunId};
use serde::{Deserialize, Serialize};

use super::{Call, TableId};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32), Restore> = Table::new(TableId::Restores);

/// Something that a run which is taken back or retried gets again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Restore {
    /// An operation that was open waits again.
    Open {
        /// The number of the operation.
        operation: OperationNumber,
        /// The operation as it was.
        open: Open,
        /// True if it has no outcome yet, even if it was about to get one.
        is_done_again: bool,
    },
    /// A call is made again.
    Call {
        /// The number of the operation.
        operation: OperationNumber,
        /// The call. Its first attempt is due when everything is restored.
        call: Call,
        /// The number of times that it was made again after a definite answer or with other arguments, including this
        /// time.
        repeats: u32,
    },
    /// A record of the journal that stays is replaced, because the code gives other arguments to operations that are
    /// done again.
    Record {
        /// The number of the activation.
        activation: u32,
        /// The new record.
        record: Activation,
    },
    /// An operation of a retried run had a bad answer, and is done again.
    Again {
        /// The number of the operation.
        operation: OperationNumber,
        /// The operation's kind, with its present arguments.
        kind: Kind,
        /// The call, if it is one, and how often it was made again after a definite answer, including this time.
        call: Option<(Call, u32)>,
    },
}

impl Row for Restore {}
