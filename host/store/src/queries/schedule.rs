//! What is due: the work that start-up and the scheduler look for.

use std::ops::Bound;

use dormouse_journal::{OperationNumber, RunId, Time};
use redb::ReadableTable;

use crate::tables::{Call, RunKey, broadcasts, calls, due, expiries, runs_by_status, timers};
use crate::{ReadError, Snapshot};

/// A deadline of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// When.
    pub due: Time,
    /// Whose.
    pub run: RunId,
    /// Which operation's.
    pub operation: OperationNumber,
}

impl Timer {
    fn key(self) -> (u64, RunKey, u32) {
        (self.due.0, self.run.0, self.operation.0)
    }
}

impl Snapshot {
    /// Runs that can go on right now, after the run given, and at most so many.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn due_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>, ReadError> {
        let table = self.table(due::TABLE)?;
        let start = after.map_or(Bound::Unbounded, |run| Bound::Excluded(run.0));
        let range = table.range::<RunKey>((start, Bound::Unbounded))?;
        range
            .take(limit)
            .map(|item| Ok(RunId(item?.0.value())))
            .collect()
    }

    /// Blocked runs, after the run given, and at most so many.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn blocked_runs(
        &self,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, ReadError> {
        let table = self.table(runs_by_status::TABLE)?;
        let tag = runs_by_status::BLOCKED;
        let start = after.map_or(Bound::Included((tag, [0; 16])), |run| {
            Bound::Excluded((tag, run.0))
        });
        let range = table.range::<(u8, RunKey)>((start, Bound::Included((tag, [0xff; 16]))))?;
        range
            .take(limit)
            .map(|item| Ok(RunId(item?.0.value().1)))
            .collect()
    }

    /// Timers due at this time, after the timer given, and at most so many.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn timers(
        &self,
        after: Option<Timer>,
        until: Time,
        limit: usize,
    ) -> Result<Vec<Timer>, ReadError> {
        let table = self.table(timers::TABLE)?;
        let start = after.map_or(Bound::Unbounded, |timer| Bound::Excluded(timer.key()));
        let end = Bound::Included((until.0, [0xff; 16], u32::MAX));
        if after.is_some_and(|timer| timer.due > until) {
            return Ok(Vec::new());
        }
        let range = table.range::<(u64, RunKey, u32)>((start, end))?;
        range
            .take(limit)
            .map(|item| Ok(timer(item?.0.value())))
            .collect()
    }

    /// The first timer after this time.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn next_timer(&self, after: Time) -> Result<Option<Time>, ReadError> {
        let table = self.table(timers::TABLE)?;
        let start = Bound::Excluded((after.0, [0xff; 16], u32::MAX));
        let mut range = table.range::<(u64, RunKey, u32)>((start, Bound::Unbounded))?;
        range
            .next()
            .map(|item| Ok(Time(item?.0.value().0)))
            .transpose()
    }

    /// Calls without a result, after the one given, and at most so many.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn calls(
        &self,
        after: Option<(RunId, OperationNumber)>,
        limit: usize,
    ) -> Result<Vec<(RunId, OperationNumber, Call)>, ReadError> {
        let table = self.table(calls::TABLE.definition())?;
        let start = after.map_or(Bound::Unbounded, |(run, operation)| {
            Bound::Excluded((run.0, operation.0))
        });
        let range = table.range::<(RunKey, u32)>((start, Bound::Unbounded))?;
        range
            .take(limit)
            .map(|item| {
                let (key, value) = item?;
                let (run, operation) = key.value();
                Ok((
                    RunId(run),
                    OperationNumber(operation),
                    calls::TABLE.decode(value.value())?,
                ))
            })
            .collect()
    }

    /// One call without a result.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn call(&self, run: RunId, operation: OperationNumber) -> Result<Option<Call>, ReadError> {
        let table = self.table(calls::TABLE.definition())?;
        calls::TABLE.get(&table, (run.0, operation.0))
    }

    /// Whether an event has waiters that were not served yet.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn is_broadcasting(&self) -> Result<bool, ReadError> {
        Ok(self
            .table(broadcasts::TABLE.definition())?
            .first()?
            .is_some())
    }

    /// When the next thing expires.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn next_expiry(&self) -> Result<Option<Time>, ReadError> {
        let table = self.table(expiries::TABLE)?;
        Ok(table.first()?.map(|(key, _)| Time(key.value().0)))
    }
}

fn timer((due, run, operation): (u64, RunKey, u32)) -> Timer {
    Timer {
        due: Time(due),
        run: RunId(run),
        operation: OperationNumber(operation),
    }
}
