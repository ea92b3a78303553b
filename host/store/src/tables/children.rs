//! `children`: the runs that a run has started, as long as both exist.
//!
//! Key: run, the run that it started. Row: [`Child`].

use dormouse_journal::{RunId, WhenParentEnds};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, RunId), Child> = Table::new(TableId::Children);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Child {
    /// What happens to the child when the run that started it ends.
    pub(crate) when_parent_ends: WhenParentEnds,
}

impl Row for Child {}
