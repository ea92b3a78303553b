//! Freezing a failed run: it is set aside as it stands, so that it can be retried.
//!
//! Its journal, its inboxes, its results and what it waits for stay. Only what others look through goes: its timers, its
//! places among those who wait for an event, its calls. A retry makes these again. What lies in the run's own row is set aside
//! at once, and the rest in pieces, from the queue of what expires; until then nobody acts on it, since the run has failed.

use dormouse_journal::{Kind, OperationNumber};

use super::run::RunWrite;
use super::{events, handler};
use crate::ReadError;
use crate::rows::counted::Room;
use crate::rows::table::between;
use crate::tables::expiries::Expiring;
use crate::tables::{Frozen, Stood, calls, event_waits, held_calls, open, timers};

/// How many operations are looked up at once to be set aside.
const PAGE: usize = 32;

impl RunWrite<'_> {
    /// Sets a run aside that has just failed: in the activation before which it stood so, if it was in one. It is given up
    /// when it was not retried for so many milliseconds.
    pub(crate) fn freeze(
        &mut self,
        before: Option<Stood>,
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

    /// Sets aside what a failed run had open in rows of its own, from this operation on and as long as there is room. Returns
    /// the operation to go on with, if that was not all.
    pub(crate) fn freeze_some(
        &mut self,
        mut from: OperationNumber,
        room: Room,
    ) -> Result<Option<OperationNumber>, ReadError> {
        while room.is_left_by(self.rows) {
            let rest = between((self.id, from), (self.id, OperationNumber(u32::MAX)));
            let page = open::TABLE.keys(self.rows, rest, false, PAGE)?;
            for (_, number) in &page {
                from = *number;
                if !room.is_left_by(self.rows) {
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

    /// Takes away what others would find an operation by. Doing it again changes nothing.
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

    /// Gives up a run that has failed: it cannot be retried any more, those that it started are asked to cancel, and it is
    /// removed after `retention` milliseconds. Returns false if it was given up before, or has not failed.
    pub(crate) fn give_up(&mut self, retention: u64) -> Result<bool, ReadError> {
        if self.state_mut().frozen.take().is_none() {
            return Ok(false);
        }
        self.release(None)?;
        if self.state().children > 0 || self.has_orders()? {
            self.end_family()?;
        }
        self.dismantle(retention)?;
        Ok(true)
    }
}
