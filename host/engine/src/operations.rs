//! Turns a guest's calls into operations.
//!
//! The journal's cursor decides whether an operation is new or repeats a recorded one. The host functions do not know
//! which of the two it is.

use dormouse_journal::{Arguments, Issued, Kind, Level, OperationNumber};
use dormouse_limits::{BODY, OPERATIONS, OUTSTANDING, STEP_NAME};

use crate::decision::Effect;
use crate::held::{COPIES, EACH_OPERATION};
use crate::limits::{self, VALUES};
use crate::state::State;
use crate::stop::Stop;

impl State {
    /// Makes an operation. `import` is the function that the guest called, for messages. `kind` returns what is
    /// recorded if the operation is new.
    pub(crate) fn issue(
        &mut self,
        import: &str,
        step: &str,
        arguments: &Arguments,
        kind: impl FnOnce(OperationNumber) -> Kind,
    ) -> Result<Issued, Stop> {
        self.check_outside_step(import)?;
        if self.cursor.is_live() {
            let operations = self.operations();
            let host_limits = &self.host_limits;
            limits::check_bytes(
                "the step name",
                step.len(),
                host_limits.step_name,
                STEP_NAME,
            )?;
            limits::check_count("operations", operations, host_limits.operations, OPERATIONS)?;
        }
        let issued = self.cursor.issue(step, arguments, kind);
        let issued = issued.map_err(Box::new)?;
        if !issued.recorded {
            self.made += EACH_OPERATION + COPIES * step.len();
            self.reserve_held()?;
            self.warn_of_limit();
        }
        Ok(issued)
    }

    /// Returns the number of operations that this generation has made.
    fn operations(&self) -> usize {
        let first = self.beginning.first_operation.0;
        let made = self.cursor.operations().saturating_sub(first);
        usize::try_from(made).unwrap_or(usize::MAX)
    }

    /// Logs once that the run comes near to its limit of operations.
    fn warn_of_limit(&mut self) {
        let limit = self.host_limits.operations;
        let near = usize::try_from(u64::from(limit) * 4 / 5).unwrap_or(usize::MAX);
        let made = self.operations();
        if near > 0 && made == near {
            let message = format!(
                "this run has made {made} operations, and may make {limit}; a workflow that goes on for ever calls \
                 `continue-as-new` from time to time, which begins anew with none"
            );
            self.log(Level::Warn, &message);
        }
    }

    /// Makes an operation that completes later. Returns its number, under which the guest waits for the outcome.
    pub(crate) fn start(
        &mut self,
        import: &str,
        step: String,
        arguments: Arguments,
        kind: Kind,
    ) -> Result<OperationNumber, Stop> {
        self.check_outside_step(import)?;
        if self.cursor.is_live() {
            limits::check_count(
                "operations outstanding",
                self.waits.outstanding(),
                self.host_limits.outstanding,
                OUTSTANDING,
            )?;
        }
        let issued = self.issue(import, &step, &arguments, |_| kind)?;
        self.waits.open(issued.number, step, &issued.kind);
        self.reserve_held()?;
        let number = issued.number;
        self.add_effect(&issued, arguments);
        Ok(number)
    }

    /// Adds the effect of an operation to the effects of the open activation. A recorded operation has no effect again.
    pub(crate) fn add_effect(&mut self, issued: &Issued, arguments: Arguments) {
        if !issued.recorded {
            let effect = Effect::of(issued.number, arguments, &issued.kind);
            self.effects.extend(effect);
        }
    }

    /// Gives up an operation whose future was dropped, and records that the guest dropped it. Does nothing if the
    /// operation has completed, or if the future was dropped because the guest is being torn down.
    pub(crate) fn give_up(&mut self, number: OperationNumber) {
        let Some(step) = self.waits.forget(number) else {
            return;
        };
        if self.closed {
            return;
        }
        let operations = vec![number];
        let arguments = Arguments::Abandon {
            operations: operations.clone(),
            dropped: true,
        };
        let issued = self.issue("abandon", &step, &arguments, |_| Kind::Abandon {
            operations,
            dropped: true,
        });
        self.effects.retain(|effect| !effect.is_call(number));
        if let Err(stop) = issued {
            // No caller can get this error. The driver checks this field before anything else.
            self.fault.get_or_insert(stop);
        }
    }

    /// Stops a guest that calls this import between `begin` and `finish`, since replay skips what a step does.
    pub(crate) fn check_outside_step(&self, import: &str) -> Result<(), Stop> {
        match self.cursor.open_step() {
            None => Ok(()),
            Some(step) => Err(Stop::Misuse(format!(
                "`{import}` was called within the step {step:?}; between `begin` and `finish` only `log`, `now` and \
                 `random` may be called, and nothing that is waited for may be dropped. Do it before the step or after it"
            ))),
        }
    }

    /// Stops a guest whose new value is too large, or whose values since it last waited are too large together.
    pub(crate) fn check_value(&mut self, what: &str, size: usize) -> Result<(), Stop> {
        if !self.cursor.is_live() {
            return Ok(());
        }
        let limit = self.host_limits.body;
        limits::check_bytes(what, size, limit, BODY)?;
        self.volume = self.volume.saturating_add(size);
        self.reserve_held()?;
        let limit = limit.saturating_mul(VALUES as u64);
        let what = "all that the workflow handed to the host since it last waited";
        limits::check_bytes(what, self.volume, limit, BODY)
    }

    /// Stops a guest whose new event has too long a name. The name is a key in the store, like a step name.
    pub(crate) fn check_event(&self, event: &str) -> Result<(), Stop> {
        self.check_name("the event's name", event)
    }

    /// Stops a guest whose new name is longer than a step's name may be.
    pub(crate) fn check_name(&self, what: &str, name: &str) -> Result<(), Stop> {
        if !self.cursor.is_live() {
            return Ok(());
        }
        limits::check_bytes(what, name.len(), self.host_limits.step_name, STEP_NAME)
    }
}
