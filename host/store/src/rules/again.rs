//! Does operations of a failed run again that had a bad answer.

use dormouse_journal::{Activation, Kind, Open, OperationNumber, RunId, Time};

use super::run::RunWrite;
use super::{Write, family};
use crate::ReadError;
use crate::tables::call_requests::NewCallRows;
use crate::tables::repeats::{self, Repeats};
use crate::tables::{Attempts, Bounds, Call, calls, journal, timers};

/// Makes a call again that had a result. The last number of `call` is how often it was made again. The first attempt is due
/// at `at`.
pub(super) fn call_again(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    kind: &Kind,
    (call, repeats): (Call, u32),
    at: Time,
) -> Result<(Attempts, Bounds), ReadError> {
    let key = (run.id, operation);
    run.drop_result(operation)?;
    change_kind(run, operation, kind)?;
    let attempts = Attempts {
        scheduled: 1,
        next: at,
    };
    let bounds = Bounds::new(call.retry, at);
    calls::put(run.rows, key, attempts, bounds, &NewCallRows::new(call))?;
    if repeats > 0 {
        repeats::TABLE.put(run.rows, key, &Repeats::new(repeats))?;
    }
    Ok((attempts, bounds))
}

/// Makes a wait for another run again. Returns true if an order was written for that.
pub(super) fn wait_again(
    write: &mut Write<'_>,
    id: RunId,
    operation: OperationNumber,
    kind: &Kind,
) -> Result<bool, ReadError> {
    let Kind::WaitForRun { run: target, .. } = kind else {
        return Ok(false);
    };
    let Some(mut run) = write.run(id)? else {
        return Ok(false);
    };
    let workflow = run.state().workflow.clone();
    run.drop_result(operation)?;
    change_kind(&mut run, operation, kind)?;
    family::wait(write, (id, &workflow), operation, target.parse().ok())
}

/// Replaces a record of the journal. Returns its size in bytes.
pub(super) fn replace_record(
    run: &mut RunWrite<'_>,
    number: u32,
    record: &Activation,
) -> Result<u64, ReadError> {
    let key = run.record_key(number);
    let before = journal::TABLE.size(run.rows, key)?.unwrap_or_default() as u64;
    let record = record.encode();
    journal::TABLE.put_encoded(run.rows, key, &record)?;
    let state = run.state_mut();
    let others = state.journal_bytes.saturating_sub(before);
    let bytes = record.len() as u64;
    state.journal_bytes = others.saturating_add(bytes);
    Ok(bytes)
}

/// Gives an operation that is done again the arguments that the code has for it now.
fn change_kind(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    kind: &Kind,
) -> Result<(), ReadError> {
    match run.open(operation)? {
        Some(open) if open.kind != *kind => {
            timers::remove(run.rows, run.id, operation, &open)?;
            let kind = kind.clone();
            let open = Open { kind, ..open };
            timers::add(run.rows, run.id, operation, &open)?;
            run.replace_open(operation, open)
        }
        _ => Ok(()),
    }
}
