//! `repeats`: how often a call was done again after a definite answer.
//!
//! Key: run, operation. Row: [`Repeats`]. The `Idempotency-Key` that the host makes for the call names it, so that whoever
//! has refused a call does not take the next for a repeat of it.

use dormouse_journal::{OperationNumber, RunId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Repeats> = Table::new(TableId::Repeats);

/// How often a call was done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repeats(pub(crate) u32);

impl Row for Repeats {}
