//! `tries`: the parts of the journals that were set aside when runs were taken back.
//!
//! Key: run, number of the branch in which the journal continues. Row: [`PastTry`]. The records that are set aside stay
//! where they are in `journal`.

use dormouse_journal::{Failure, RunId, Status, Time};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32), PastTry> = Table::new(TableId::Tries);

/// A part of a journal that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastTry {
    /// When the run was taken back.
    pub at: Time,
    /// The step before whose answer the run was taken back.
    pub step: String,
    /// The first activation that was set aside.
    pub from: u32,
    /// The first activation that was never made.
    pub until: u32,
    /// The number of operations that the run had made.
    pub operations: u32,
    /// The branches of the journal before the run was taken back.
    pub branches: Vec<Branch>,
    /// The status that the run had.
    pub status: Status,
    /// The reason why the run had failed or was blocked.
    pub failure: Option<Failure>,
}

/// A branch of a journal, which begins at an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The first activation in the branch.
    pub from: u32,
    /// The number of the branch. The part before the first branch has the number 0.
    pub number: u32,
}

/// Returns the branch that has an activation.
pub(crate) fn branch_of(branches: &[Branch], activation: u32) -> u32 {
    let mut last_first = branches.iter().rev();
    let found = last_first.find(|branch| branch.from <= activation);
    found.map_or(0, |branch| branch.number)
}

impl Row for PastTry {}
