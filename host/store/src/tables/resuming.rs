//! `resuming`: what goes on after a pause, and what was set aside is being put back for.
//!
//! Key: workflow, run. The workflow alone has the run [`RunId::MIN`], and the host no workflow either. Row: [`Resuming`].

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use super::{TableId, set_aside};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<Key, Resuming> = Table::new(TableId::Resuming);

/// A key of the table.
pub(crate) type Key = (String, RunId);

/// How far what was set aside was put back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Resuming {
    /// The last key of `set_aside` that was looked at.
    pub(crate) cursor: Option<set_aside::Key>,
}

impl Row for Resuming {}
