//! Records the result of an attempt at a call: the call's result, or another attempt.

use dormouse_journal::{CallError, OperationNumber, Outcome, Response, RunId, Time, Transition};

use super::clearing::END;
use super::run::RunWrite;
use super::storage::OverStorage;
use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::results::Arriving;
use crate::tables::{Attempts, calls, held_calls};

/// The result of an attempt.
#[derive(Debug, Clone)]
pub enum AttemptMade {
    /// The call has this result.
    Done(Result<Response, CallError>),
    /// Another attempt is made. It counts from this commit on.
    Again {
        /// The time of the next attempt.
        next: Time,
        /// The reason why the attempt did not succeed. None if it is recorded already.
        error: Option<String>,
    },
    /// The attempt could not be made, and does not count. The next attempt has the same number.
    Withdrawn,
}

/// The number of bytes that are kept of the reason why an attempt did not succeed. The row is written with each
/// attempt.
const ERROR: usize = 256;

fn shortened(mut error: String) -> String {
    if error.len() > ERROR {
        error.truncate(error.floor_char_boundary(ERROR));
        error.push('…');
    }
    error
}

/// The outcome of recording an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptNoted {
    /// The result is recorded.
    Recorded,
    /// Nobody wants the result any more.
    Unwanted,
    /// The run has failed, because the response is larger than the disk space that it has left.
    RunFailed,
}

/// The result of an attempt that is ready to be written.
enum Made {
    Done(Arriving),
    Again(Time, Option<String>),
    Withdrawn,
}

/// Records the result of an attempt.
pub(crate) struct RecordAttempt {
    run: RunId,
    operation: OperationNumber,
    /// The attempt, so that a late report of an earlier attempt changes nothing.
    attempt: Attempts,
    made: Made,
    over: OverStorage,
}

impl RecordAttempt {
    pub(crate) fn new(
        (run, operation): (RunId, OperationNumber),
        attempt: Attempts,
        made: AttemptMade,
        over: OverStorage,
    ) -> Self {
        let made = match made {
            AttemptMade::Done(result) => Made::Done(Outcome::Response(result).into()),
            AttemptMade::Again { next, error } => Made::Again(next, error.map(shortened)),
            AttemptMade::Withdrawn => Made::Withdrawn,
        };
        RecordAttempt {
            run,
            operation,
            attempt,
            made,
            over,
        }
    }
}

impl Transaction for RecordAttempt {
    type Output = AttemptNoted;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    /// The rows: the call in two rows and the result in two; if the run fails because of the result, also what its
    /// end writes.
    fn cost(&self) -> Extent {
        let bytes = match &self.made {
            Made::Done(result) => result.bytes(),
            Made::Again(..) | Made::Withdrawn => 0,
        };
        RUN.and(END).and(Extent::new(4, bytes + 4 * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<AttemptNoted, ReadError> {
        let key = (self.run, self.operation);
        // Without a row, the run has given the call up, and the result is dropped. The calls of a failed run are
        // kept in another table.
        let (mut table, mut row) = (None, calls::get(&write.rows, key)?);
        if row.is_none() {
            table = Some(&held_calls::TABLE);
            row = held_calls::TABLE.get(&write.rows, key)?;
        }
        let Some(mut row) = row else {
            return Ok(AttemptNoted::Unwanted);
        };
        let Some(mut run) = write.run(self.run)? else {
            return Ok(AttemptNoted::Unwanted);
        };
        // After the run was taken back, another call may have this number. The attempts of that call are made later.
        let is_other = !run.state().branches.is_empty() && row.attempts.next != self.attempt.next;
        if run.state().is_gone() || row.attempts.scheduled != self.attempt.scheduled || is_other {
            return Ok(AttemptNoted::Unwanted);
        }
        let (scheduled, next) = match &self.made {
            Made::Again(next, error) => {
                if error.is_some() {
                    row.last_error.clone_from(error);
                }
                (self.attempt.scheduled + 1, *next)
            }
            // No attempt is scheduled: the call may be taken up at any time.
            Made::Withdrawn => (self.attempt.scheduled.saturating_sub(1), Time(0)),
            Made::Done(result) => return self.finish(&mut run, result),
        };
        row.attempts = Attempts { scheduled, next };
        let table = match table {
            Some(table) => table,
            None if calls::ASIDE.has(run.rows, key)? => &calls::ASIDE,
            None => &calls::TABLE,
        };
        table.put(run.rows, key, &row)?;
        Ok(AttemptNoted::Recorded)
    }
}

impl RecordAttempt {
    fn finish(&self, run: &mut RunWrite<'_>, result: &Arriving) -> Result<AttemptNoted, ReadError> {
        let size = run.owned().own.saturating_add(result.bytes());
        if size <= self.over.most {
            return self.put(run, result);
        }
        if run.transition(Transition::Failed).is_err() {
            // A blocked or failed run cannot fail now. It gets an error with the reason instead of the response.
            let error = CallError::Other(self.over.failure.clone());
            return self.put(run, &Outcome::Response(Err(error)).into());
        }
        run.state_mut().failure = Some(self.over.failure.clone());
        run.freeze(None, self.over.repair_within)?;
        Ok(AttemptNoted::RunFailed)
    }

    fn put(&self, run: &mut RunWrite<'_>, result: &Arriving) -> Result<AttemptNoted, ReadError> {
        let key = (self.run, self.operation);
        if !calls::remove(run.rows, key)? {
            held_calls::remove(run.rows, key)?;
        }
        run.put_result(self.operation, run.now, result)?;
        Ok(AttemptNoted::Recorded)
    }
}
