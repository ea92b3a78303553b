//! `handled`: for a failed run, the run that was started for its failure.
//!
//! Key: the failed run. Row: [`Handled`], for its last failure.

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Handled> = Table::new(TableId::Handled);

/// The run that was started for the failure.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Handled(pub(crate) RunId);

impl Row for Handled {}
