//! The one place where a guest's calls become operations. Whether an operation is a repeat or new is decided by the
//! journal's cursor, and no host function asks.

use std::sync::Arc;

use dormouse_journal::{Arguments, Issued, Kind, OperationNumber};

use crate::decision::Effect;
use crate::failure::Stop;
use crate::limits::{self, Setting, VALUES};
use crate::shared::{Shared, State};
use crate::wait::Wait;

impl State {
    /// Makes an operation. `import` is what the guest called, for messages; `kind` tells what to record of a new one.
    pub(crate) fn issue(
        &mut self,
        import: &str,
        step: &str,
        arguments: &Arguments,
        kind: impl FnOnce(OperationNumber) -> Kind,
    ) -> Result<Issued, Stop> {
        self.outside_step(import)?;
        if self.cursor.is_live() {
            let operations = usize::try_from(self.cursor.operations()).unwrap_or(usize::MAX);
            let allowance = &self.allowance;
            limits::bytes(
                "the step name",
                step.len(),
                allowance.step_name,
                Setting::StepName,
            )?;
            limits::count(
                "operations",
                operations,
                allowance.operations,
                Setting::Operations,
            )?;
        }
        let issued = self.cursor.issue(step, arguments.digest(), kind);
        Ok(issued.map_err(Box::new)?)
    }

    /// Stops a guest that calls this import between `begin` and `finish`: what a step does is skipped in replay.
    pub(crate) fn outside_step(&self, import: &str) -> Result<(), Stop> {
        match self.cursor.open_step() {
            None => Ok(()),
            Some(step) => Err(Stop::Misuse(format!(
                "`{import}` was called within the step {step:?}; between `begin` and `finish` only `log`, `now` and \
                 `random` may be called, and nothing that is waited for may be dropped. Do it before the step or after it"
            ))),
        }
    }

    /// Stops a guest whose new value is too large, or one too many since it last waited.
    pub(crate) fn check_value(&mut self, what: &str, size: usize) -> Result<(), Stop> {
        if !self.cursor.is_live() {
            return Ok(());
        }
        let limit = self.allowance.value;
        limits::bytes(what, size, limit, Setting::Value)?;
        self.volume = self.volume.saturating_add(size);
        let limit = limit.saturating_mul(VALUES);
        let what = "all that the workflow handed to the host since it last waited";
        limits::bytes(what, self.volume, limit, Setting::Value)
    }

    /// Stops a guest whose new event has too long a name. It is a key in the store, like a step name.
    pub(crate) fn check_event(&self, event: &str) -> Result<(), Stop> {
        if !self.cursor.is_live() {
            return Ok(());
        }
        let limit = self.allowance.step_name;
        limits::bytes("the event's name", event.len(), limit, Setting::StepName)
    }
}

impl Shared {
    /// Makes an operation that completes, and gives the future of its outcome.
    pub(crate) fn wait(
        self: &Arc<Self>,
        import: &str,
        step: String,
        arguments: Arguments,
        kind: Kind,
    ) -> Result<Wait, Stop> {
        let mut state = self.lock();
        state.outside_step(import)?;
        if state.cursor.is_live() {
            let outstanding = state.waits.outstanding();
            let limit = state.allowance.outstanding;
            limits::count(
                "operations outstanding",
                outstanding,
                limit,
                Setting::Outstanding,
            )?;
        }
        let issued = state.issue(import, &step, &arguments, |_| kind)?;
        if !issued.recorded {
            let effect = Effect::of(issued.number, arguments, &issued.kind);
            state.effects.extend(effect);
        }
        state.waits.open(issued.number, step);
        Ok(Wait::new(self.clone(), issued.number))
    }
}
