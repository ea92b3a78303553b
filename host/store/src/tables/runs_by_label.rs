//! `runs_by_label`: an index for lists.
//!
//! Key: label as `key:value`, run. No row. The key of a label has no colon, so that no two labels have the same text.

use dormouse_journal::{Labels, RunId};

use super::TableId;
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(String, RunId)> = Index::new(TableId::RunsByLabel);

/// Updates the index when the labels of a run change.
pub(super) fn change(
    rows: &mut (impl RowsMut + ?Sized),
    run: RunId,
    before: &Labels,
    after: &Labels,
) -> Result<(), ReadError> {
    for label in before.iter().filter(|label| !after.has(label)) {
        TABLE.remove(rows, (label.to_string(), run))?;
    }
    for label in after.iter().filter(|label| !before.has(label)) {
        TABLE.add(rows, (label.to_string(), run))?;
    }
    Ok(())
}
