//! `runs_by_workflow`: an index for lists.
//!
//! Key: workflow, run. No row.

use dormouse_journal::RunId;

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(String, RunId)> = Index::new(TableId::RunsByWorkflow);
