//! Reads of runs and of their records.

use std::ops::Range;

use dormouse_journal::{Beginning, End, Kind, Open, OperationNumber, Payload, RunId, Status};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::counted::counted;
use crate::rows::table::between;
use crate::tables::runs::{self, StoredRun};
use crate::tables::states::{self, StateRow};
use crate::tables::tries::branch_of;
use crate::tables::{
    Branch, PastTry, PausedBy, State, TableId, calls, failed_tries, generation_inputs, generations,
    inputs, journal, logs, open, pauses, tries,
};
use crate::views::{CallProgress, JournalPage, LogPage, RunGeneration, RunShown, RunView};

/// The size in bytes at which a page of a journal ends. Its reader holds the whole page in memory.
const PAGE_BYTES: usize = 4 << 20;

/// The largest number of parts that are shown of what was set aside of a journal.
const TRIES: usize = 32;

/// The error for a completed run whose last record has no output.
const MISSING_OUTPUT: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "states",
};

impl<R: Rows> View<R> {
    /// Returns the part of a run that never changes, and the run's input if it is small.
    pub(super) fn stored(&self, run: RunId) -> Result<Option<StoredRun>, ReadError> {
        runs::TABLE.get(&self.0, run)
    }

    /// Returns the row of a run that is not pending.
    pub(super) fn state_row(&self, run: RunId) -> Result<Option<StateRow>, ReadError> {
        states::TABLE.get(&self.0, run)
    }

    /// Returns the state of a run.
    pub(crate) fn state(&self, run: RunId) -> Result<Option<State>, ReadError> {
        match self.state_row(run)? {
            Some(state_row) => Ok(Some(state_row.state)),
            None => self.pending(run),
        }
    }

    /// Returns the state of a run that has no row in `states`.
    fn pending(&self, run: RunId) -> Result<Option<State>, ReadError> {
        let Some((stored, row)) = runs::TABLE.get_encoded(&self.0, run)? else {
            return Ok(None);
        };
        let input_row = match stored.input_row {
            Some(size) => size,
            None => inputs::TABLE.size(&self.0, run)?.map_or(0, counted),
        };
        Ok(Some(State {
            storage_bytes: counted(row.len()).saturating_add(input_row),
            workflow: stored.run.workflow,
            is_child: stored.run.parent.is_some(),
            ..State::pending(stored.run.created)
        }))
    }

    /// Returns a run, and its row in `states` if it is not pending.
    pub(super) fn view_and_state_row(
        &self,
        id: RunId,
    ) -> Result<Option<(RunView, Option<StateRow>)>, ReadError> {
        let Some(StoredRun { run, .. }) = self.stored(id)? else {
            return Ok(None);
        };
        let state_row = self.state_row(id)?;
        let state = match &state_row {
            Some(state_row) => state_row.state.clone(),
            None => self
                .pending(id)?
                .unwrap_or_else(|| State::pending(run.created)),
        };
        let paused = match state.status.has_ended() {
            true => None,
            false => pauses::of(&self.0, id, &run.workflow)?,
        };
        let held_by = match state.status.has_ended() {
            true => None,
            false => self.held_so(id, &state)?,
        };
        let held_by = held_by.and_then(|pause| match pause.by {
            PausedBy::Above(run) => Some(run),
            _ => None,
        });
        let view = RunView {
            id,
            run,
            state,
            paused,
            held_by,
        };
        Ok(Some((view, state_row)))
    }

    /// Returns a run with its output and the operations that it waits for.
    pub(crate) fn show(&self, run: RunId, limit: usize) -> Result<Option<RunShown>, ReadError> {
        let Some((view, state_row)) = self.view_and_state_row(run)? else {
            return Ok(None);
        };
        let output = self.output_of(run, &view.state)?;
        let open = match &state_row {
            Some(state_row) if !view.state.status.has_ended() => {
                self.open(run, state_row, limit)?
            }
            _ => Vec::new(),
        };
        let calls = self.progress(run, &open)?;
        let tries = match view.state.branches.is_empty() {
            true => Vec::new(),
            false => self.tries(run, TRIES)?,
        };
        let mut failed_tries = Vec::new();
        if limit > 0 {
            let all = failed_tries::TABLE.of(run);
            failed_tries::TABLE.scan(&self.0, all, |(_, number), failed| {
                failed_tries.push((number, failed));
                true
            })?;
        }
        Ok(Some(RunShown {
            tries,
            view,
            output,
            open,
            calls,
            failed_tries,
        }))
    }

    /// Returns the progress of those of a run's operations that are calls without a result.
    fn progress(
        &self,
        run: RunId,
        open: &[(OperationNumber, Open)],
    ) -> Result<Vec<(OperationNumber, CallProgress)>, ReadError> {
        let mut calls = Vec::new();
        for (number, open) in open {
            if matches!(open.kind, Kind::Call { .. })
                && let Some(row) = calls::get(&self.0, (run, *number))?
            {
                let progress = CallProgress {
                    attempts: row.attempts,
                    bounds: row.bounds,
                    last_error: row.last_error,
                };
                calls.push((*number, progress));
            }
        }
        Ok(calls)
    }

    /// Returns the input that a run was started with.
    pub(crate) fn input(&self, run: RunId) -> Result<Option<Payload>, ReadError> {
        match self.stored(run)? {
            Some(StoredRun { input: None, .. }) => inputs::TABLE.get(&self.0, run),
            stored => Ok(stored.and_then(|stored| stored.input)),
        }
    }

    /// Returns the beginning of a run's present generation, and its input. None if there is no such run, or if it is in
    /// its first generation.
    pub(crate) fn generation(&self, run: RunId) -> Result<Option<(Beginning, Payload)>, ReadError> {
        let Some(generation) = generations::TABLE.get(&self.0, run)? else {
            return Ok(None);
        };
        let (Some(input), Some(state)) = (
            generation_inputs::TABLE.get(&self.0, run)?,
            self.state(run)?,
        ) else {
            return Err(ReadError::Missing {
                table: TableId::GenerationInputs.name(),
                named_by: TableId::Generations.name(),
            });
        };
        let beginning = Beginning {
            first_operation: OperationNumber(state.first_operation),
            first_webhook: generation.first_webhook,
            kept: generation.kept,
            cancel_asked: generation.cancel_asked,
        };
        Ok(Some((beginning, input)))
    }

    /// Returns a run with the beginning of its present generation.
    pub(crate) fn run_generation(&self, run: RunId) -> Result<Option<RunGeneration>, ReadError> {
        let Some((view, _)) = self.view_and_state_row(run)? else {
            return Ok(None);
        };
        let (beginning, input) = match self.generation(run)? {
            Some(generation) => generation,
            None => (Beginning::default(), self.input(run)?.unwrap_or_default()),
        };
        let has_failing = match (view.state.status, view.state.activations.checked_sub(1)) {
            (Status::Failed, Some(last)) => {
                self.0.is_short(view.state.journal_bytes)?;
                let last = journal::TABLE.get(&self.0, view.state.record_key(run, last))?;
                last.is_some_and(|last| last.end.is_some())
            }
            _ => false,
        };
        Ok(Some(RunGeneration {
            view,
            beginning,
            input,
            has_failing,
        }))
    }

    /// Returns the status of a run, and its output if it has completed.
    pub(crate) fn output(
        &self,
        run: RunId,
    ) -> Result<Option<(Status, Option<Payload>)>, ReadError> {
        let Some(state) = self.state(run)? else {
            return Ok(None);
        };
        Ok(Some((state.status, self.output_of(run, &state)?)))
    }

    fn output_of(&self, run: RunId, state: &State) -> Result<Option<Payload>, ReadError> {
        if state.status != Status::Completed {
            return Ok(None);
        }
        let last = state.activations.saturating_sub(1);
        let last = journal::TABLE.get(&self.0, state.record_key(run, last))?;
        match last.and_then(|last| last.end) {
            Some(End::Completed(output)) => Ok(Some(output)),
            _ => Err(MISSING_OUTPUT),
        }
    }

    /// Returns at most this many operations of a run that have not completed.
    pub(super) fn open(
        &self,
        run: RunId,
        state_row: &StateRow,
        limit: usize,
    ) -> Result<Vec<(OperationNumber, Open)>, ReadError> {
        state_row.open.all(&open::TABLE, &self.0, run, limit)
    }

    /// Returns a part of a run's journal.
    pub(crate) fn journal(
        &self,
        run: RunId,
        from: u32,
        limit: usize,
    ) -> Result<JournalPage, ReadError> {
        let state = self.state(run)?;
        // The size of one record is not known before it is read, and that of the whole journal is.
        self.0
            .is_short(state.as_ref().map_or(0, |state| state.journal_bytes))?;
        let branches = state.map_or_else(Vec::new, |state| state.branches);
        self.records(run, &branches, from..u32::MAX, limit)
    }

    /// Returns a part of a journal that was set aside, from this activation on. None if there is no part of this
    /// number.
    pub(crate) fn set_aside(
        &self,
        run: RunId,
        branch: u32,
        from: u32,
        limit: usize,
    ) -> Result<Option<JournalPage>, ReadError> {
        let Some(set_aside) = tries::TABLE.get(&self.0, (run, branch))? else {
            return Ok(None);
        };
        let activations = from.max(set_aside.from)..set_aside.until;
        let page = self.records(run, &set_aside.branches, activations, limit)?;
        Ok(Some(page))
    }

    /// Returns the parts of a run's journal that were set aside when it was taken back, the newest first, at most this
    /// many.
    pub(crate) fn tries(&self, run: RunId, limit: usize) -> Result<Vec<(u32, PastTry)>, ReadError> {
        let all = tries::TABLE.keys(&self.0, tries::TABLE.of(run), true, limit)?;
        let mut tries = Vec::new();
        for (_, number) in all {
            let row = tries::TABLE.get(&self.0, (run, number))?;
            tries.extend(row.map(|row| (number, row)));
        }
        Ok(tries)
    }

    /// Returns activations of a journal that has these branches.
    fn records(
        &self,
        run: RunId,
        branches: &[Branch],
        activations: Range<u32>,
        limit: usize,
    ) -> Result<JournalPage, ReadError> {
        let mut page = JournalPage::default();
        let mut next = activations.start;
        while next < activations.end && !page.more {
            let later = branches.iter().map(|branch| branch.from);
            let end = later.filter(|from| *from > next).min();
            let end = end.unwrap_or(u32::MAX).min(activations.end);
            let branch = branch_of(branches, next);
            let range = between((run, branch, next), (run, branch, end - 1));
            let has_room = |page: &mut JournalPage, size| page.has_room(size, limit);
            let add = |page: &mut JournalPage, activation| page.activations.push(activation);
            journal::TABLE.collect(&self.0, range, &mut page, has_room, add)?;
            next = end;
        }
        Ok(page)
    }

    /// Returns a part of a run's log.
    pub(crate) fn logs(
        &self,
        run: RunId,
        (activation, line): (u32, u32),
        limit: usize,
    ) -> Result<LogPage, ReadError> {
        let range = between((run, activation, line), (run, u32::MAX, u32::MAX));
        let mut page = LogPage::default();
        logs::TABLE.scan(&self.0, range, |(_, activation, line), text| {
            if page.lines.len() == limit {
                page.next = Some((activation, line));
                return false;
            }
            page.lines.push(((activation, line), text));
            true
        })?;
        Ok(page)
    }
}

impl JournalPage {
    /// Returns true if the page takes one more activation, of this size in bytes. Otherwise there are more activations than
    /// the page has.
    fn has_room(&mut self, size: usize, limit: usize) -> bool {
        let is_too_large = self.bytes + size > PAGE_BYTES && self.bytes > 0;
        self.more = self.activations.len() == limit || is_too_large;
        if !self.more {
            self.bytes += size;
        }
        !self.more
    }
}
