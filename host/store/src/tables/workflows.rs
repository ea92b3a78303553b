//! `workflows`: names, and the versions behind them.
//!
//! Key: name. Row: [`Workflow`].

use dormouse_journal::{Time, VersionId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<String, Workflow> = Table::new(TableId::Workflows);

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// What new runs get.
    pub current: VersionId,
    /// Whether it was deleted: no new runs until it is deployed again.
    pub deleted: bool,
    /// All that were ever deployed under this name, oldest first.
    pub versions: Vec<Version>,
}

impl Row for Workflow {}

/// A version of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its digest.
    pub id: VersionId,
    /// When it was first deployed.
    pub deployed: Time,
    /// Its size in bytes.
    pub size: u64,
}
