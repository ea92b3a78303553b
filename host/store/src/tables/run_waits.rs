//! `run_waits`: waits for the end of a run.
//!
//! Key: the run that is waited for, the run that waits, operation. No row. A run that has ended has no rows except for
//! waits that are about to be told.

use dormouse_journal::{OperationNumber, RunId};

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(RunId, RunId, OperationNumber)> = Index::new(TableId::RunWaits);
