//! What came of an attempt at a call: a result, or another attempt.

use dormouse_journal::{CallError, OperationNumber, Outcome, Response, RunId, Time};

use super::{Transaction, Write};
use crate::ReadError;
use crate::tables::{Attempts, calls};

/// What came of an attempt.
#[derive(Debug, Clone)]
pub enum AttemptMade {
    /// The call's result.
    Done(Result<Response, CallError>),
    /// Another attempt, at this time. It counts from this commit on.
    Again(Time),
    /// None: it could not be made, and does not count. The one that takes its place is of the same number.
    Withdrawn,
}

/// Records what came of an attempt.
pub(crate) struct RecordAttempt {
    pub(crate) run: RunId,
    pub(crate) operation: OperationNumber,
    /// Which attempt it was, so that a late word of an earlier one changes nothing.
    pub(crate) attempt: u32,
    pub(crate) made: AttemptMade,
}

impl Transaction for RecordAttempt {
    /// False if nobody wants to know any more.
    type Output = bool;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let key = (self.run, self.operation);
        // Without a row, the run has ended, or gave the call up: the result is dropped.
        let Some(mut row) = calls::TABLE.get(write.rows, key)? else {
            return Ok(false);
        };
        if row.attempts.scheduled != self.attempt {
            return Ok(false);
        }
        let (scheduled, next) = match &self.made {
            AttemptMade::Again(next) => (self.attempt + 1, *next),
            // Nothing is scheduled: whoever takes the call up may do so at once.
            AttemptMade::Withdrawn => (self.attempt.saturating_sub(1), Time(0)),
            AttemptMade::Done(result) => return self.finish(write, result),
        };
        row.attempts = Attempts { scheduled, next };
        calls::TABLE.put(write.rows, key, &row)?;
        Ok(true)
    }
}

impl RecordAttempt {
    fn finish(
        &self,
        write: &mut Write<'_>,
        result: &Result<Response, CallError>,
    ) -> Result<bool, ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(false);
        };
        calls::remove(run.rows, (self.run, self.operation))?;
        let outcome = Outcome::Response(result.clone());
        run.put_result(self.operation, run.now, outcome)?;
        Ok(true)
    }
}
