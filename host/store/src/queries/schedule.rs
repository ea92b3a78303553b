//! What is due: the work that start-up and the scheduler look for.

use std::ops::Bound::{Excluded, Included, Unbounded};

use dormouse_journal::{OperationNumber, RunId, Time};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::keys::Extremes;
use crate::rows::table::after;
use crate::tables::{broadcasts, due, expiries, runs_by_status, timers};
use crate::views::{Timer, TimerPage};

impl<R: Rows> View<R> {
    /// Returns runs that can go on right now, after the run given, at most so many.
    pub(crate) fn due_runs(
        &self,
        last: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, ReadError> {
        due::TABLE.keys(&self.0, after(last), false, limit)
    }

    /// Returns blocked runs, after the run given, at most so many.
    pub(crate) fn blocked_runs(
        &self,
        last: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, ReadError> {
        let tag = runs_by_status::BLOCKED;
        let start = last.map_or(Included((tag, RunId::MIN)), |run| Excluded((tag, run)));
        let range = (start, Included((tag, RunId::MAX)));
        let keys = runs_by_status::TABLE.keys(&self.0, range, false, limit)?;
        Ok(keys.into_iter().map(|(_, run)| run).collect())
    }

    /// Returns the timers after the one given that pass until this time, at most so many, and when the next one passes.
    pub(crate) fn timers(
        &self,
        last: Option<Timer>,
        until: Time,
        limit: usize,
    ) -> Result<TimerPage, ReadError> {
        let end = (until, RunId::MAX, OperationNumber::MAX);
        let mut page = TimerPage::default();
        if last.is_none_or(|timer| timer.due <= until) {
            let start = last.map_or(Unbounded, |timer| {
                Excluded((timer.due, timer.run, timer.operation))
            });
            let keys = timers::TABLE.keys(&self.0, (start, Included(end)), false, limit)?;
            page.due = keys.into_iter().map(timer).collect();
        }
        if page.due.len() < limit {
            let range = (Excluded(end), Unbounded::<(Time, RunId, OperationNumber)>);
            let next = timers::TABLE.keys(&self.0, range, false, 1)?.pop();
            page.next = next.map(|(due, _, _)| due);
        }
        Ok(page)
    }

    /// Returns true if an event has waiters that were not served yet.
    pub(crate) fn is_broadcasting(&self) -> Result<bool, ReadError> {
        let first = broadcasts::TABLE.keys(&self.0, broadcasts::TABLE.all(), false, 1)?;
        Ok(!first.is_empty())
    }

    /// Returns when the next thing expires.
    pub(crate) fn next_expiry(&self) -> Result<Option<Time>, ReadError> {
        let first = expiries::TABLE
            .keys(&self.0, expiries::TABLE.all(), false, 1)?
            .pop();
        Ok(first.map(|(time, _)| time))
    }
}

fn timer((due, run, operation): (Time, RunId, OperationNumber)) -> Timer {
    Timer {
        due,
        run,
        operation,
    }
}
