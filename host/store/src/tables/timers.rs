//! `timers`: deadlines of waits and ends of sleeps.
//!
//! Key: when, run, operation. No row. Scanned from the front.

use dormouse_journal::{OperationNumber, RunId, Time};

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(Time, RunId, OperationNumber)> = Index::new(TableId::Timers);
