//! Thaws the open operations of a failed run: they wait again, with the time that they had left.
//!
//! They were frozen when the run failed (`freeze.rs`). An attempt at a call whose time had come by then may have been
//! sent. So it counts, and a call that may be made only once is in doubt.

use dormouse_journal::{Kind, Open, OperationNumber, RetryPolicy, Time};

use super::run::RunWrite;
use crate::ReadError;
use crate::tables::calls::Outstanding;
use crate::tables::event_waits::{self, EventWait};
use crate::tables::{Attempts, Bounds, calls, held_calls, results, timers};

/// The conditions under which an operation is thawed.
pub(super) struct Thaw {
    /// The time at which the run failed.
    pub(super) failed: Time,
    /// The time at which it goes on.
    pub(super) at: Time,
    /// The last commit sequence when the run went on: events that were decided up to it do not reach the wait.
    pub(super) sequence: u64,
    /// True if an attempt at the call is in flight.
    pub(super) in_flight: bool,
}

impl Thaw {
    /// Thaws one operation. Returns its attempts and what bounds them, if it is a call that must be made.
    pub(super) fn thaw(
        &self,
        run: &mut RunWrite<'_>,
        number: OperationNumber,
        mut open: Open,
    ) -> Result<Option<(Attempts, Bounds)>, ReadError> {
        if open.abandoned {
            return Ok(None);
        }
        let id = run.id;
        let stopped_for = self.at.0.saturating_sub(self.failed.0);
        timers::remove(run.rows, id, number, &open)?;
        let deadline = open.kind.deadline(open.issued);
        if deadline.is_some_and(|deadline| deadline > self.failed) {
            // The operation gets the time that it had left.
            open.issued = open.issued.after(stopped_for);
            run.replace_open(number, open.clone())?;
        }
        timers::add(run.rows, id, number, &open)?;
        match &open.kind {
            Kind::WaitForEvent { event, .. } if !results::TABLE.has(run.rows, (id, number))? => {
                let wait = EventWait {
                    since: self.sequence,
                    waiting: open.waiting(),
                };
                event_waits::TABLE.put(run.rows, (event.as_str(), id, number), &wait)?;
                Ok(None)
            }
            Kind::Call { retry, .. } => self.call(run, number, *retry, stopped_for),
            _ => Ok(None),
        }
    }

    /// Continues a call that had no result.
    fn call(
        &self,
        run: &mut RunWrite<'_>,
        number: OperationNumber,
        retry: RetryPolicy,
        stopped_for: u64,
    ) -> Result<Option<(Attempts, Bounds)>, ReadError> {
        let (now, key) = (self.at, (run.id, number));
        let Some(mut call) = held_calls::TABLE.take(run.rows, key)? else {
            return Ok(None);
        };
        call.bounds.until = call.bounds.until.map(|until| until.after(stopped_for));
        let Attempts { scheduled, next } = call.attempts;
        if self.in_flight {
            // The attempt goes on. If it has ended since, its next one is scheduled already.
        } else if next > self.failed {
            call.attempts.next = next.after(stopped_for);
        } else {
            if !call.bounds.allow_after(scheduled) {
                // All attempts were made, and the result of the last one is unknown. The call gets the same number of
                // attempts again.
                call.bounds = Bounds::new(retry, now);
                let allowed = call.bounds.attempts;
                call.bounds.attempts = allowed.map(|allowed| allowed.saturating_add(scheduled));
            }
            call.attempts = Attempts {
                scheduled: scheduled + 1,
                next: now,
            };
        }
        calls::TABLE.put(run.rows, key, &call)?;
        Ok(Some((call.attempts, call.bounds)))
    }
}

/// Returns true if a call of a failed run may be made only once, and nobody knows whether it was made.
pub(super) fn is_once_in_doubt(
    run: &RunWrite<'_>,
    number: OperationNumber,
) -> Result<bool, ReadError> {
    let call = held(run, number)?;
    Ok(call.is_some_and(|call| {
        call.bounds.attempts == Some(1) && is_in_doubt(&call, run.state().ended)
    }))
}

/// Returns true if an attempt with an unknown outcome may have been made: its time had come when the run failed.
fn is_in_doubt(call: &Outstanding, failed: Option<Time>) -> bool {
    let Attempts { scheduled, next } = call.attempts;
    // An attempt that was taken back has no time.
    scheduled > 0 && next > Time(0) && failed.is_some_and(|failed| next <= failed)
}

/// Returns a call of a failed run that has no result.
fn held(run: &RunWrite<'_>, number: OperationNumber) -> Result<Option<Outstanding>, ReadError> {
    let key = (run.id, number);
    match held_calls::TABLE.get(run.rows, key)? {
        Some(call) => Ok(Some(call)),
        None => calls::get(run.rows, key),
    }
}
