//! Reads of what is paused.

use dormouse_journal::RunId;

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::{Pause, Pauses, State, held, pauses, resuming, runs};

impl<R: Rows> View<R> {
    /// Returns the pauses of the host and of workflows.
    pub(crate) fn pauses(&self) -> Result<Pauses, ReadError> {
        Ok(pauses::get(&self.0)?.unwrap_or_default())
    }

    /// Returns those of these runs that are paused or held.
    pub(crate) fn pauses_of(&self, ids: &[RunId]) -> Result<Vec<(RunId, Pause)>, ReadError> {
        let pauses = pauses::get(&self.0)?.unwrap_or_default();
        let mut found = Vec::new();
        for id in ids {
            let workflow = match pauses.workflows.is_empty() {
                true => String::new(),
                false => self.name_of_workflow(*id)?,
            };
            let pause = match pauses::of_these(&self.0, &pauses, *id, &workflow)? {
                Some(pause) => Some(pause),
                None => self.held(*id)?,
            };
            found.extend(pause.map(|pause| (*id, pause)));
        }
        Ok(found)
    }

    /// Returns the pause of a run that is held by a run above it. None if it is not held.
    fn held(&self, id: RunId) -> Result<Option<Pause>, ReadError> {
        match self.state(id)? {
            Some(state) => self.held_so(id, &state),
            None => Ok(None),
        }
    }

    /// Returns the pause of a run with this state that is held by a run above it. None if it is not
    /// held.
    pub(super) fn held_so(&self, id: RunId, state: &State) -> Result<Option<Pause>, ReadError> {
        if !state.is_child {
            return Ok(None);
        }
        held::of(id, |run| match self.state(run)? {
            Some(state) => held::link(&self.0, run, &state).map(Some),
            None => Ok(None),
        })
    }

    /// Returns the name of a run's workflow, which is the first field of the run's row.
    fn name_of_workflow(&self, run: RunId) -> Result<String, ReadError> {
        let name: Option<String> = runs::TABLE.get_prefix(&self.0, run)?;
        Ok(name.unwrap_or_default())
    }

    /// Returns true if work that was set aside is being put back.
    pub(crate) fn is_resuming(&self) -> Result<bool, ReadError> {
        let first = resuming::TABLE.keys(&self.0, resuming::TABLE.all(), false, 1)?;
        Ok(!first.is_empty())
    }
}
