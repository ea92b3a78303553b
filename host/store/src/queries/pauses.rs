//! What is paused.

use dormouse_journal::RunId;

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::{Pause, Pauses, pauses, resuming, runs};

impl<R: Rows> View<R> {
    /// Returns what is paused.
    pub(crate) fn pauses(&self) -> Result<Pauses, ReadError> {
        Ok(pauses::get(&self.0)?.unwrap_or_default())
    }

    /// Returns those of these runs that are paused. While nothing is paused, none of them is looked at.
    pub(crate) fn pauses_of(&self, ids: &[RunId]) -> Result<Vec<(RunId, Pause)>, ReadError> {
        let Some(pauses) = pauses::get(&self.0)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for id in ids {
            let workflow = match pauses.workflows.is_empty() {
                true => String::new(),
                false => self.name_of_workflow(*id)?,
            };
            let pause = pauses::of_these(&self.0, &pauses, *id, &workflow)?;
            found.extend(pause.map(|pause| (*id, pause)));
        }
        Ok(found)
    }

    /// Returns the name of a run's workflow, with which its row begins.
    fn name_of_workflow(&self, run: RunId) -> Result<String, ReadError> {
        let name: Option<String> = runs::TABLE.get_prefix(&self.0, run)?;
        Ok(name.unwrap_or_default())
    }

    /// Returns true if what was set aside is being put back.
    pub(crate) fn is_resuming(&self) -> Result<bool, ReadError> {
        let first = resuming::TABLE.keys(&self.0, resuming::TABLE.all(), false, 1)?;
        Ok(!first.is_empty())
    }
}
