//! Writes a retry of a failed run that has too much for one commit.
//!
//! Before the decision, all open operations are frozen, in small commits, and what is done again is prepared in `restores`. The
//! commit of the retry (`retry.rs`) decides it. An order then lets the open operations wait again, and does again what had a bad
//! answer, in pieces and also after a crash. Nothing of the run is executed meanwhile. All times are those of the decision, so
//! the result is that of one commit.

use dormouse_journal::{OperationNumber, RunId};

use super::carried::Carried;
use super::clearing::OPERATION;
use super::run::RunWrite;
use super::thaw::Thaw;
use super::{RUN, SMALL_ROW, Transaction, Write, again};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::counted::WriteLimit;
use crate::rows::table::between;
use crate::tables::orders::{RetryStage, Retrying};
use crate::tables::{Attempts, Bounds, Restore, open, restores, unsettled};
use crate::views::OutstandingCall;

/// The number of operations that one step lets wait again. Each is at most twice as many rows as clearing it.
const OPERATIONS: usize = 5;

/// The number of open operations that one commit freezes before the decision. It looks at each, also at those that are
/// frozen already.
const FROZEN: usize = 128;

/// The number of prepared rows that one step removes if they were not used, and their size in bytes.
const UNUSED: (u64, u64) = (64, 1 << 20);

/// Freezes open operations of a failed run that were not frozen yet, from this one on.
pub(crate) struct FreezeMore {
    pub(crate) run: RunId,
    pub(crate) tries: u32,
    pub(crate) from: OperationNumber,
}

impl Transaction for FreezeMore {
    /// The operation to continue with, if there may be more.
    type Output = Option<OperationNumber>;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        let rows = OPERATION * FROZEN as u64;
        RUN.and(Extent::new(rows, rows * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(None);
        };
        if !run.state().is_frozen() || run.state().tries != self.tries {
            return Ok(None);
        }
        let numbers = run.open_from(self.from, FROZEN)?;
        for number in &numbers {
            run.freeze_operation(*number)?;
        }
        let last = numbers.last().filter(|_| numbers.len() == FROZEN);
        Ok(last
            .and_then(|last| last.0.checked_add(1))
            .map(OperationNumber))
    }
}

impl RunWrite<'_> {
    /// Returns the first open operations from this one on.
    fn open_from(
        &self,
        from: OperationNumber,
        limit: usize,
    ) -> Result<Vec<OperationNumber>, ReadError> {
        let rest = between((self.id, from), (self.id, OperationNumber(u32::MAX)));
        let of_table = open::TABLE.keys(self.rows, rest, false, limit)?;
        let own = self.loaded.open.numbers().into_iter();
        let mut numbers: Vec<_> = own.filter(|number| *number >= from).collect();
        numbers.extend(of_table.into_iter().map(|(_, number)| number));
        numbers.sort_unstable();
        numbers.truncate(limit);
        Ok(numbers)
    }
}

/// Does the next step. Returns the number of bytes that were written, or none if everything is written.
pub(super) fn step(
    write: &mut Write<'_>,
    id: RunId,
    retrying: &mut Retrying,
    carried: &mut Carried,
) -> Result<Option<u64>, ReadError> {
    let sequence = unsettled::since(&write.rows, id, write.sequence())?;
    let Some(mut run) = write.run(id)? else {
        return Ok(None);
    };
    if run.state().is_gone() {
        return Ok(None);
    }
    match retrying.next {
        RetryStage::Open(from) => {
            let numbers = run.open_from(from, OPERATIONS)?;
            for number in &numbers {
                thaw(&mut run, retrying, *number, sequence, carried)?;
            }
            let last = numbers.last().filter(|_| numbers.len() == OPERATIONS);
            let next = last.and_then(|last| last.0.checked_add(1));
            retrying.next = next.map_or(RetryStage::Restore(0), |next| {
                RetryStage::Open(OperationNumber(next))
            });
            Ok(Some(0))
        }
        RetryStage::Restore(number) if number < retrying.restores => {
            retrying.next = RetryStage::Restore(number + 1);
            restore(write, id, retrying, number, carried).map(Some)
        }
        RetryStage::Restore(_) => {
            // Rows that another retry had prepared and not used.
            let limit = WriteLimit::of(run.rows, UNUSED.0, UNUSED.1);
            if !restores::TABLE.remove_range(run.rows, restores::TABLE.of(id), limit)? {
                return Ok(Some(0));
            }
            run.state_mut().is_restoring = false;
            if !run.state().status.has_ended() {
                carried.woken.push(id);
                carried.settled.push((id, run.state().status));
            }
            Ok(None)
        }
    }
}

/// Lets an open operation wait again.
fn thaw(
    run: &mut RunWrite<'_>,
    retrying: &Retrying,
    number: OperationNumber,
    sequence: u64,
    carried: &mut Carried,
) -> Result<(), ReadError> {
    let Some(open) = run.open(number)? else {
        return Ok(());
    };
    let thaw = Thaw {
        failed: retrying.failed,
        at: retrying.at,
        sequence,
        in_flight: retrying.in_flight.contains(&number),
    };
    let call = thaw.thaw(run, number, open)?;
    follow(run, number, call, carried)
}

/// Hands a call on that must be made. If the run has failed again meanwhile, the operation is frozen again.
fn follow(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    call: Option<(Attempts, Bounds)>,
    carried: &mut Carried,
) -> Result<(), ReadError> {
    if run.state().is_frozen() {
        return run.freeze_operation(operation);
    }
    carried
        .calls
        .extend(call.map(|(attempts, bounds)| OutstandingCall {
            run: run.id,
            workflow: run.state().workflow.as_str().into(),
            operation,
            attempts,
            bounds,
        }));
    Ok(())
}

/// Does again what the row of this number says. Returns the number of bytes that were written.
fn restore(
    write: &mut Write<'_>,
    id: RunId,
    retrying: &Retrying,
    number: u32,
    carried: &mut Carried,
) -> Result<u64, ReadError> {
    let Some(mut run) = write.run(id)? else {
        return Ok(0);
    };
    let Some(row) = restores::TABLE.take(run.rows, (id, number))? else {
        return Ok(0);
    };
    match row {
        Restore::Record { activation, record } => {
            again::replace_record(&mut run, activation, &record)
        }
        Restore::Again {
            operation,
            kind,
            call: Some(call),
        } => {
            let bytes = call.0.size() as u64;
            let call = again::call_again(&mut run, operation, &kind, call, retrying.at)?;
            follow(&mut run, operation, Some(call), carried)?;
            Ok(bytes)
        }
        Restore::Again {
            operation,
            kind,
            call: None,
        } => {
            again::wait_again(write, id, operation, &kind)?;
            match write.run(id)? {
                Some(mut run) => follow(&mut run, operation, None, carried).map(|()| 0),
                None => Ok(0),
            }
        }
        // Only a run that is taken back has these.
        Restore::Open { .. } | Restore::Call { .. } => Ok(0),
    }
}
