//! What came of an attempt at a call: a result, or another attempt.

use dormouse_journal::{CallError, OperationNumber, Outcome, Response, RunId, Time};

use crate::group::{Transaction, Write};
use crate::tables::{Attempts, calls};
use crate::transactions::events::put_result;
use crate::{ReadError, Store, WriteError};

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

struct Attempted {
    run: RunId,
    operation: OperationNumber,
    /// Which attempt it was, so that a late word of an earlier one changes nothing.
    attempt: u32,
    made: AttemptMade,
}

impl Transaction for Attempted {
    type Output = bool;

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let key = (self.run.0, self.operation.0);
        let tables = &mut write.tables;
        // The run has ended, or gave the call up: the result is dropped.
        let Some(mut call) = calls::TABLE.get(&tables.calls, key)? else {
            return Ok(false);
        };
        if call.attempts.scheduled != self.attempt {
            return Ok(false);
        }
        match &self.made {
            AttemptMade::Again(next) => {
                call.attempts = Attempts {
                    scheduled: self.attempt + 1,
                    next: *next,
                };
                calls::TABLE.put(&mut tables.calls, key, &call)?;
            }
            AttemptMade::Withdrawn => {
                call.attempts = Attempts {
                    scheduled: self.attempt.saturating_sub(1),
                    // Nothing is scheduled: whoever takes the call up may do so at once.
                    next: Time(0),
                };
                calls::TABLE.put(&mut tables.calls, key, &call)?;
            }
            AttemptMade::Done(result) => {
                let Some(edit) = write.edits.load(tables, self.run)? else {
                    return Ok(false);
                };
                tables.calls.remove(key)?;
                let outcome = Outcome::Response(result.clone());
                put_result(tables, edit, self.operation, write.now, outcome)?;
            }
        }
        Ok(true)
    }
}

impl Store {
    /// Records what came of the attempt of this number. Gives false if nobody wants to know any more.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn attempt_made(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempt: u32,
        made: AttemptMade,
    ) -> Result<bool, WriteError> {
        self.write(Attempted {
            run,
            operation,
            attempt,
            made,
        })
        .await
    }
}
