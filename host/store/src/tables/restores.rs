//! `restores`: what a run gets again that is taken back, prepared before that is decided.
//!
//! Key: run, number from 0. Row: [`Restore`]. Nobody looks at the rows of a run before `orders` says that it is taken back.

use dormouse_journal::{Activation, Open, OperationNumber, RunId};
use serde::{Deserialize, Serialize};

use super::{Call, TableId};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32), Restore> = Table::new(TableId::Restores);

/// Something that a run gets again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Restore {
    /// An operation that was open waits again.
    Open {
        /// Which.
        operation: OperationNumber,
        /// What it was.
        open: Open,
        /// True if it has no outcome yet, also if it was about to get one.
        is_done_again: bool,
    },
    /// A call is made again.
    Call {
        /// Which operation.
        operation: OperationNumber,
        /// The call. Its first attempt is made when all is restored.
        call: Call,
        /// How often it was done again after a definite answer or with other arguments, this time included.
        repeats: u32,
    },
    /// A record of the journal that stays says now what the code makes of it that the run goes on with.
    Record {
        /// The number of the activation.
        activation: u32,
        /// The record.
        record: Activation,
    },
}

impl Row for Restore {}
