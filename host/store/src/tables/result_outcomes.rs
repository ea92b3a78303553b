//! `result_outcomes`: outcomes that are too large for their rows of `results`.
//!
//! Key: run, operation. Row: an outcome.

use dormouse_journal::{OperationNumber, Outcome, RunId};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Outcome> =
    Table::new(TableId::ResultOutcomes);

impl Row for Outcome {}
