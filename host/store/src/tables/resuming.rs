//! `resuming`: runs, workflows or the host that were resumed, and whose work is being put back.
//!
//! Key: workflow, run. For a workflow, the run is [`RunId::MIN`]. For the host, the workflow is empty too. Row:
//! [`Resuming`].

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::{TableId, set_aside};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<Key, Resuming> = Table::new(TableId::Resuming);

/// A key of the table.
pub(crate) type Key = (String, RunId);

/// The progress of putting work back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Resuming {
    /// The last key of `set_aside` that was visited.
    pub(crate) cursor: Option<set_aside::Key>,
}

impl Row for Resuming {}
