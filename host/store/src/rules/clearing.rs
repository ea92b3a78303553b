//! The end of a run: what is decided at once, and what is cleared in pieces.
//!
//! A run may have thousands of open operations, each with a timer, a call or a result. At its end it is decided that it
//! has ended, or, after a failure, that it is given up. From then on none of its operations has an effect: its webhooks
//! answer that it has ended, its calls are not made, its timers wake nobody, and events do not reach it. So only the
//! few operations in the run's own row are cleared at once. The others are cleared afterwards, a bounded number in each
//! transaction, from the queue of what expires.

use dormouse_journal::{Kind, OperationNumber, RunId};

use super::run::RunWrite;
use super::{SMALL_ROW, handler};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::counted::WriteLimit;
use crate::tables::expiries::Expiring;
use crate::tables::{
    calls, event_waits, held_calls, open, pauses, results, run_waits, set_aside, timers,
    trigger_keys,
};

/// The number of rows that clearing one operation changes: the operation, its timer, its wait for an event, a call in
/// two rows, a result in two rows, and an event in two rows if the result was the last to refer to it.
pub(super) const OPERATION: u64 = 9;

/// The most that the end of a run writes: it clears the operations in the run's own row, or moves its calls to another
/// table; it notes six consequences for the run and its family; it ends the run's pause and releases its key.
pub(super) const END: Extent = Extent {
    rows: 8 * OPERATION + 10,
    bytes: 26 * SMALL_ROW,
};

impl RunWrite<'_> {
    /// Ends the run: counts what it leaves untaken, clears its open operations now or later, and schedules its removal
    /// after `retention` milliseconds, or after its workflow's own retention. If the workflow names another one for
    /// failures, the start of that is ordered.
    pub(crate) fn end(&mut self, retention: u64) -> Result<(), ReadError> {
        let now = self.now;
        let state = self.state_mut();
        state.untaken = state.dropped.saturating_add(state.queued);
        state.ended = Some(now);
        self.tell_family()?;
        self.clear_open_operations(retention)
    }

    /// Clears the open operations of a run that will never go on, now or later, and schedules its removal.
    pub(super) fn clear_open_operations(&mut self, retention: u64) -> Result<(), ReadError> {
        let now = self.now;
        let (own_retention, _) = handler::settings_of(self)?;
        if pauses::forget(self.rows, self.id)? {
            self.release(None)?;
        }
        trigger_keys::release(self.rows, self.id)?;
        for number in self.loaded.open.numbers() {
            self.clear_operation(number)?;
        }
        let state = self.state_mut();
        state.ready = 0;
        state.notifying = 0;
        let is_open = !open::TABLE
            .keys(self.rows, open::TABLE.of(self.id), false, 1)?
            .is_empty();
        if is_open || set_aside::has(self.rows, &self.state().workflow, self.id)? {
            Expiring::Open(self.id).add(self.rows, now)?;
        }
        Expiring::Run(self.id).add(self.rows, now.after(own_retention.unwrap_or(retention)))
    }

    /// Clears the open operations of an ended run, as far as the limit allows. Returns true if none is left.
    pub(crate) fn clear_some(&mut self, limit: WriteLimit) -> Result<bool, ReadError> {
        while limit.allows_more(self.rows) {
            let first = open::TABLE.keys(self.rows, open::TABLE.of(self.id), false, 1)?;
            let Some((_, number)) = first.first() else {
                return self.clear_set_aside(limit);
            };
            self.clear_operation(*number)?;
        }
        Ok(false)
    }

    /// Removes the work that was set aside while the run was paused.
    fn clear_set_aside(&mut self, limit: WriteLimit) -> Result<bool, ReadError> {
        let range = set_aside::of_run(&self.state().workflow, self.id);
        while limit.allows_more(self.rows) {
            let first = set_aside::TABLE.keys(self.rows, range.clone(), false, 1)?;
            let Some(key) = first.into_iter().next() else {
                return Ok(true);
            };
            set_aside::TABLE.remove(self.rows, key)?;
        }
        Ok(false)
    }

    /// Removes an operation, and everything that could complete it.
    fn clear_operation(&mut self, number: OperationNumber) -> Result<(), ReadError> {
        let Some(open) = self.take_open(number)? else {
            return Ok(());
        };
        let run = self.id;
        timers::remove(self.rows, run, number, &open)?;
        if let Kind::WaitForEvent { event, .. } = &open.kind {
            event_waits::TABLE.remove(self.rows, (event.as_str(), run, number))?;
        }
        if let Kind::WaitForRun { run: target, .. } = &open.kind
            && let Ok(target) = target.parse::<RunId>()
        {
            run_waits::TABLE.remove(self.rows, (target, run, number))?;
        }
        calls::remove(self.rows, (run, number))?;
        held_calls::remove(self.rows, (run, number))?;
        results::remove(self.rows, (run, number))?;
        Ok(())
    }
}
