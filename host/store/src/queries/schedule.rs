//! Reads of due work, for a start and for the services that schedule work.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Included, Unbounded};

use dormouse_journal::{Moment, OperationNumber, RunId, Time};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::keys::MinMax;
use crate::rows::table::{Index, after};
use crate::tables::{dates, due, expiries, orders, runs_by_status, timers, underway};
use crate::views::{DuePage, Timer, TimerPage};

impl<R: Rows> View<R> {
    /// Returns at most this many runs that can go on now, after the run given.
    pub(crate) fn due_runs(&self, last: Option<RunId>, limit: usize) -> Result<DuePage, ReadError> {
        let runs = due::TABLE.keys(&self.0, after(last), false, limit)?;
        let paused = self.pauses_of(&runs)?.into_iter().collect();
        Ok(DuePage { runs, paused })
    }

    /// Returns at most this many blocked runs, after the run given.
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

    /// Returns at most this many timers that have passed by now, after the one given, and the time of the next one. A
    /// timer that is a date passes in wall time, and is returned as the steady time that corresponds to it now.
    pub(crate) fn timers(
        &self,
        last: Option<Timer>,
        now: Moment,
        limit: usize,
    ) -> Result<TimerPage, ReadError> {
        let mut page = self.passed(&timers::TABLE, last, now.time, limit)?;
        let in_wall_time = last.map(|timer| Timer {
            due: timer.due.shifted(now.shift),
            ..timer
        });
        let dates = self.passed(&dates::TABLE, in_wall_time, now.wall(), limit)?;
        page.due.extend(dates.due.into_iter().map(|date| Timer {
            due: now.steady(date.due),
            ..date
        }));
        page.due.sort_unstable();
        let is_cut_off = page.due.len() >= limit;
        page.due.truncate(limit);
        let next = [page.next, dates.next.map(|date| now.steady(date))];
        page.next = next.into_iter().flatten().min().filter(|_| !is_cut_off);
        let runs: BTreeSet<_> = page.due.iter().map(|timer| timer.run).collect();
        let paused = self.pauses_of(&Vec::from_iter(runs))?;
        page.paused = paused.into_iter().collect();
        Ok(page)
    }

    /// Returns the timers in one of the two tables that pass until this time.
    fn passed(
        &self,
        table: &Index<(Time, RunId, OperationNumber)>,
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
            let keys = table.keys(&self.0, (start, Included(end)), false, limit)?;
            page.due = keys.into_iter().map(timer).collect();
        }
        if page.due.len() < limit {
            let range = (Excluded(end), Unbounded::<(Time, RunId, OperationNumber)>);
            let next = table.keys(&self.0, range, false, 1)?.pop();
            page.next = next.map(|(due, _, _)| due);
        }
        Ok(page)
    }

    /// Returns true if an event has not reached all its waits yet.
    pub(crate) fn is_broadcasting(&self) -> Result<bool, ReadError> {
        let first = underway::TABLE.keys(&self.0, underway::TABLE.all(), false, 1)?;
        Ok(!first.is_empty())
    }

    /// Returns true if there are orders to carry out.
    pub(crate) fn has_orders(&self) -> Result<bool, ReadError> {
        let first = orders::TABLE.keys(&self.0, orders::TABLE.all(), false, 1)?;
        Ok(!first.is_empty())
    }

    /// Returns the time at which the next thing expires.
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
