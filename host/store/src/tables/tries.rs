//! `tries`: what was set aside of the journals of runs that were taken back.
//!
//! Key: run, number of the branch that the journal goes on with. Row: [`PastTry`]. The records that are set aside stay where
//! they are in `journal`.

use dormouse_journal::{Failure, RunId, Status, Time};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32), PastTry> = Table::new(TableId::Tries);

/// A part of a journal that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastTry {
    /// When.
    pub at: Time,
    /// The step that the run was taken back to.
    pub step: String,
    /// The first activation that was set aside.
    pub from: u32,
    /// The first activation that was never made.
    pub until: u32,
    /// How many operations the run had made.
    pub operations: u32,
    /// The branches of the journal before.
    pub branches: Vec<Branch>,
    /// Where the run stood.
    pub status: Status,
    /// Why it had failed or was blocked.
    pub failure: Option<Failure>,
}

/// From an activation on, the journal lies in a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// The first activation that is in it.
    pub from: u32,
    /// Its number. What lies in front of the first branch has the number 0.
    pub number: u32,
}

/// Returns the branch that has an activation.
pub(crate) fn branch_of(branches: &[Branch], activation: u32) -> u32 {
    let mut last_first = branches.iter().rev();
    let found = last_first.find(|branch| branch.from <= activation);
    found.map_or(0, |branch| branch.number)
}

impl Row for PastTry {}
