//! `runs_by_workflow`: an index for lists.
//!
//! Key: workflow, run. No value.

use redb::TableDefinition;

use super::RunKey;

pub(crate) const TABLE: TableDefinition<'static, (&'static str, RunKey), ()> =
    TableDefinition::new("runs_by_workflow");
