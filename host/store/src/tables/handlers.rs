//! `handlers`: for a run that was started for the failure of another, the failed run.
//!
//! Key: run. Row: [`Handles`]. The failure of such a run starts nothing.

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Handles> = Table::new(TableId::Handlers);

/// The run that failed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Handles(pub(crate) RunId);

impl Row for Handles {}
