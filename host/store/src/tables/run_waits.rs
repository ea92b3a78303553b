//! `run_waits`: who waits for a run to end.
//!
//! Key: the run that is waited for, the run that waits, operation. No row. There is none for a run that has ended, but for
//! those that are about to be told.

use dormouse_journal::{OperationNumber, RunId};

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(RunId, RunId, OperationNumber)> = Index::new(TableId::RunWaits);
