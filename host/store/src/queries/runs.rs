//! Runs as they are shown, and what is recorded of them.

use std::ops::Bound::{self, Excluded, Included};

use dormouse_journal::{End, Kind, Open, OperationNumber, Payload, RunId, Status};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::counted::counted;
use crate::rows::keys::Extremes;
use crate::rows::table::between;
use crate::tables::runs::{self, StoredRun};
use crate::tables::states::{self, Standing};
use crate::tables::{
    State, calls, due, inputs, journal, logs, open, runs_by_status, runs_by_workflow,
};
use crate::views::{CallProgress, JournalPage, LogPage, RunPage, RunQuery, RunShown, RunView};

/// How many rows of an index one page looks at when two conditions must hold. A page may come back short, with a
/// cursor, rather than take long.
const SCAN: usize = 10_000;

/// How many bytes of a failure's message a list has.
const LISTED_MESSAGE: usize = 1_024;

/// A page of a journal ends once its records have this many bytes: whoever reads it holds all of them at once.
const PAGE_BYTES: usize = 4 << 20;

/// A run that has completed has an end in its last record.
const MISSING_OUTPUT: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "states",
};

impl<R: Rows> View<R> {
    /// Returns what never changes about a run, and its input if that is small.
    pub(super) fn stored(&self, run: RunId) -> Result<Option<StoredRun>, ReadError> {
        runs::TABLE.get(&self.0, run)
    }

    /// Returns the row of a run that is not pending.
    pub(super) fn standing(&self, run: RunId) -> Result<Option<Standing>, ReadError> {
        states::TABLE.get(&self.0, run)
    }

    /// Returns where a run stands.
    pub(crate) fn state(&self, run: RunId) -> Result<Option<State>, ReadError> {
        match self.standing(run)? {
            Some(standing) => Ok(Some(standing.state)),
            None => self.pending(run),
        }
    }

    /// Returns where a run stands that has no row of its own.
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

    /// Returns a run, and its row if it is not pending.
    pub(super) fn view_and_standing(
        &self,
        id: RunId,
    ) -> Result<Option<(RunView, Option<Standing>)>, ReadError> {
        let Some(StoredRun { run, .. }) = self.stored(id)? else {
            return Ok(None);
        };
        let standing = self.standing(id)?;
        let state = match &standing {
            Some(standing) => standing.state.clone(),
            None => self
                .pending(id)?
                .unwrap_or_else(|| State::pending(run.created)),
        };
        Ok(Some((RunView { id, run, state }, standing)))
    }

    /// Returns a run with its output and what it waits for.
    pub(crate) fn show(&self, run: RunId, limit: usize) -> Result<Option<RunShown>, ReadError> {
        let Some((view, standing)) = self.view_and_standing(run)? else {
            return Ok(None);
        };
        let output = self.output_of(run, &view.state)?;
        let open = match &standing {
            Some(standing) if !view.state.status.has_ended() => self.open(run, standing, limit)?,
            _ => Vec::new(),
        };
        let calls = self.progress(run, &open)?;
        Ok(Some(RunShown {
            view,
            output,
            open,
            calls,
        }))
    }

    /// Returns how far those of a run's operations have come that are calls without a result.
    fn progress(
        &self,
        run: RunId,
        open: &[(OperationNumber, Open)],
    ) -> Result<Vec<(OperationNumber, CallProgress)>, ReadError> {
        let mut calls = Vec::new();
        for (number, open) in open {
            if matches!(open.kind, Kind::Call { .. })
                && let Some(row) = calls::TABLE.get(&self.0, (run, *number))?
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

    /// Returns what a run was started with.
    pub(crate) fn input(&self, run: RunId) -> Result<Option<Payload>, ReadError> {
        match self.stored(run)? {
            Some(StoredRun { input: None, .. }) => inputs::TABLE.get(&self.0, run),
            stored => Ok(stored.and_then(|stored| stored.input)),
        }
    }

    /// Returns where a run stands, and its output if it has completed.
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
        let last = journal::TABLE.get(&self.0, (run, journal::GENERATION, last))?;
        match last.and_then(|last| last.end) {
            Some(End::Completed(output)) => Ok(Some(output)),
            _ => Err(MISSING_OUTPUT),
        }
    }

    /// Returns the operations of a run that have not completed, at most so many.
    pub(super) fn open(
        &self,
        run: RunId,
        standing: &Standing,
        limit: usize,
    ) -> Result<Vec<(OperationNumber, Open)>, ReadError> {
        standing.open.all(&open::TABLE, &self.0, run, limit)
    }

    /// Returns a part of a run's journal.
    pub(crate) fn journal(
        &self,
        run: RunId,
        from: u32,
        limit: usize,
    ) -> Result<JournalPage, ReadError> {
        let generation = journal::GENERATION;
        let range = between((run, generation, from), (run, generation, u32::MAX));
        let mut page = JournalPage::default();
        let mut bytes = 0;
        journal::TABLE.scan_sized(&self.0, range, |_, activation, size| {
            if page.activations.len() == limit || (bytes + size > PAGE_BYTES && bytes > 0) {
                page.more = true;
                return false;
            }
            bytes += size;
            page.activations.push(activation);
            true
        })?;
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

    /// Returns a page of runs, newest first.
    pub(crate) fn runs(&self, query: &RunQuery) -> Result<RunPage, ReadError> {
        let mut page = RunPage {
            runs: Vec::new(),
            next: None,
        };
        let mut last = query.before;
        let mut seen = 0;
        while page.runs.len() < query.limit && seen < SCAN {
            let most = (query.limit - page.runs.len()).min(SCAN - seen);
            let ids = self.run_ids(query, last, most)?;
            let is_end = ids.len() < most;
            for id in ids {
                seen += 1;
                last = Some(id);
                if let Some((view, _)) = self.view_and_standing(id)?
                    && matches(query, &view)
                {
                    page.runs.push(listed(view));
                }
            }
            if is_end {
                return Ok(page);
            }
        }
        if !self.run_ids(query, last, 1)?.is_empty() {
            page.next = last;
        }
        Ok(page)
    }

    /// Returns ids of runs before the one given, newest first, by the narrowest index: status, else workflow, else all.
    fn run_ids(
        &self,
        query: &RunQuery,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, ReadError> {
        let rows = &self.0;
        let (first, last) = query.ids.unwrap_or((RunId::MIN, RunId::MAX));
        // Of a page after the first, the last id was on the page before.
        let before = before.filter(|before| *before <= last);
        if let Some(status) = query.status {
            let Some(tag) = runs_by_status::tag(status) else {
                let range = (Included(first), end(before, last));
                return due::TABLE.keys(rows, range, true, limit);
            };
            let end = end(before.map(|run| (tag, run)), (tag, last));
            let range = (Included((tag, first)), end);
            let keys = runs_by_status::TABLE.keys(rows, range, true, limit)?;
            Ok(keys.into_iter().map(|(_, run)| run).collect())
        } else if let Some(workflow) = query.workflow.as_deref() {
            let end = end(before.map(|run| (workflow, run)), (workflow, last));
            let range = (Included((workflow, first)), end);
            let keys = runs_by_workflow::TABLE.keys(rows, range, true, limit)?;
            Ok(keys.into_iter().map(|(_, run)| run).collect())
        } else {
            let range = (Included(first), end(before, last));
            runs::TABLE.keys(rows, range, true, limit)
        }
    }
}

/// Returns where a range ends: before one key, or with another.
fn end<K>(before: Option<K>, last: K) -> Bound<K> {
    before.map_or(Included(last), Excluded)
}

/// Returns a run as lists have it. Whoever reads a list holds all of it at once, so what an author can make as large as a
/// body is cut: the message of a failure, and the headers of the start.
fn listed(mut view: RunView) -> RunView {
    view.run.headers = Vec::new();
    if let Some(failure) = &mut view.state.failure
        && failure.message.len() > LISTED_MESSAGE
    {
        let end = failure.message.floor_char_boundary(LISTED_MESSAGE);
        failure.message.truncate(end);
        failure.message.shrink_to_fit();
        failure.message.push('…');
    }
    view
}

/// Returns true if a run is one of those that are asked for.
fn matches(query: &RunQuery, view: &RunView) -> bool {
    let workflow = query.workflow.as_ref();
    workflow.is_none_or(|workflow| *workflow == view.run.workflow)
        && query
            .status
            .is_none_or(|status| status == view.state.status)
}
