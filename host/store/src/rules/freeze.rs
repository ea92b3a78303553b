//! Freezes a failed run: it is kept as it is, so that it can be retried.
//!
//! Its journal, its inboxes, its results and its open operations stay. Only the rows that others search are removed:
//! its timers, its waits for events, its calls. A retry writes them again. Operations in the run's own row are frozen
//! at once, and the others in pieces, from the queue of what expires. Until then nothing acts on them, because the run
//! has failed.

use dormouse_journal::{Kind, OperationNumber};

use super::run::RunWrite;
use super::{events, handler};
use crate::ReadError;
use crate::rows::counted::WriteLimit;
use crate::rows::table::between;
use crate::tables::expiries::Expiring;
use crate::tables::{Frozen, StateBefore, calls, event_waits, held_calls, open, timers};

/// The number of operations that are read at once.
const PAGE: usize = 32;

impl RunWrite<'_> {
    /// Freezes a run that has just failed. `before` is its state before the activation in which it failed, if it failed
    /// in one. The run is given up if it is not retried within this many milliseconds.
    pub(crate) fn freeze(
        &mut self,
        before: Option<StateBefore>,
        repair_within: u64,
    ) -> Result<(), ReadError> {
        let (id, now) = (self.id, self.now);
        let state = self.state_mut();
        let tries = state.tries;
        state.untaken = state.dropped.saturating_add(state.queued);
        state.ended = Some(now);
        state.frozen = Some(Frozen {
            before,
            parent_told: false,
        });
        self.tell_family()?;
        let (_, on_failure) = handler::settings_of(self)?;
        self.order_handler(on_failure)?;
        for number in self.loaded.open.numbers() {
            self.freeze_operation(number)?;
        }
        let rest = open::TABLE.keys(self.rows, open::TABLE.of(id), false, 1)?;
        if let Some((_, from)) = rest.first().copied() {
            let run = id;
            Expiring::Freeze { run, tries, from }.add(self.rows, now)?;
        }
        Expiring::Broken { run: id, tries }.add(self.rows, now.after(repair_within))
    }

    /// Freezes open operations in rows of their own, from this one on and as far as the limit allows. Returns the
    /// operation to continue with, if some are left.
    pub(crate) fn freeze_some(
        &mut self,
        mut from: OperationNumber,
        limit: WriteLimit,
    ) -> Result<Option<OperationNumber>, ReadError> {
        while limit.allows_more(self.rows) {
            let rest = between((self.id, from), (self.id, OperationNumber(u32::MAX)));
            let page = open::TABLE.keys(self.rows, rest, false, PAGE)?;
            for (_, number) in &page {
                from = *number;
                if !limit.allows_more(self.rows) {
                    return Ok(Some(from));
                }
                self.freeze_operation(from)?;
            }
            from = OperationNumber(from.0.saturating_add(1));
            if page.len() < PAGE {
                return Ok(None);
            }
        }
        Ok(Some(from))
    }

    /// Removes the rows by which others would find an operation. Repeating it changes nothing.
    pub(super) fn freeze_operation(&mut self, number: OperationNumber) -> Result<(), ReadError> {
        let Some(open) = self.open(number)? else {
            return Ok(());
        };
        let (id, key) = (self.id, (self.id, number));
        timers::remove(self.rows, id, number, &open)?;
        match &open.kind {
            Kind::WaitForEvent { event, .. } => {
                events::reach_failed(self, event, number)?;
                event_waits::TABLE.remove(self.rows, (event.as_str(), id, number))?;
            }
            Kind::Call { .. } => {
                if let Some(call) = calls::take(self.rows, key)? {
                    held_calls::TABLE.put(self.rows, key, &call)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives up a failed run: it cannot be retried any more, the runs that it started are asked to cancel, and it is
    /// removed after `retention` milliseconds. Returns false if it was given up before or has not failed.
    pub(crate) fn give_up(&mut self, retention: u64) -> Result<bool, ReadError> {
        if self.state_mut().frozen.take().is_none() {
            return Ok(false);
        }
        self.release(None)?;
        if self.state().children > 0 || self.has_orders()? {
            self.end_family()?;
        }
        self.clear_open_operations(retention)?;
        Ok(true)
    }
}
