//! Counts the runs of each workflow by status, as runs change.

use std::collections::BTreeMap;

use dormouse_journal::Status;

use crate::ReadError;
use crate::rows::RowsMut;
use crate::tables::counts;

/// The changes of the counts by one group.
#[derive(Default)]
pub(crate) struct Counts(BTreeMap<String, BTreeMap<Status, i64>>);

impl Counts {
    /// Notes that a run of a workflow has another status. None stands for a run that does not exist.
    pub(crate) fn moved(&mut self, workflow: &str, before: Option<Status>, after: Option<Status>) {
        if before == after {
            return;
        }
        let workflow = match self.0.get_mut(workflow) {
            Some(known) => known,
            None => self.0.entry(workflow.to_owned()).or_default(),
        };
        for (status, by) in [(before, -1), (after, 1)] {
            if let Some(status) = status {
                *workflow.entry(status).or_default() += by;
            }
        }
    }

    /// Writes the changed counts.
    pub(crate) fn save(self, rows: &mut (impl RowsMut + ?Sized)) -> Result<(), ReadError> {
        for (workflow, changes) in self.0 {
            if changes.values().any(|by| *by != 0) {
                counts::change(rows, &workflow, &changes)?;
            }
        }
        Ok(())
    }
}
