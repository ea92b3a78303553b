//! The interface `steps`: work whose outcome is recorded, so that replay skips it.

use dormouse_journal::{Arguments, Kind};

use crate::bindings::dormouse::workflow::steps::{Failure, Host, Payload};
use crate::guest::Guest;
use crate::state::State;
use crate::stop::Stop;

impl Host for Guest {
    fn begin(&mut self, step: String) -> wasmtime::Result<Option<Result<Payload, Failure>>> {
        let mut state = self.shared.lock();
        state.step_boundary();
        let issued = state.issue("begin", &step, &Arguments::Begin, |_| Kind::Begin {
            outcome: None,
        })?;
        if let Kind::Begin {
            outcome: Some(outcome),
        } = issued.kind
        {
            return Ok(Some(outcome.map(Payload::from).map_err(Failure::from)));
        }
        state.random.enter_step(issued.number);
        Ok(None)
    }

    fn finish(&mut self, step: String, outcome: Result<Payload, Failure>) -> wasmtime::Result<()> {
        let mut state = self.shared.lock();
        state.step_boundary();
        state.check_value("the outcome of the step", size(&outcome))?;
        let outcome = outcome.map(Into::into).map_err(Into::into);
        let finished = state.cursor.finish(&step, outcome);
        finished.map_err(|fault| Stop::Misuse(fault.to_string()))?;
        state.random.leave_step();
        if state.rebuild_after_step {
            return Err(Stop::Rebuild.into());
        }
        Ok(())
    }
}

impl State {
    /// Separates the guest's output within a step from its output outside. A replay skips the step and does not see its
    /// output, so nothing of that may appear later.
    fn step_boundary(&mut self) {
        self.flush_streams();
        self.log.forget_final_output();
    }
}

fn size(outcome: &Result<Payload, Failure>) -> usize {
    match outcome {
        Ok(payload) => payload.content_type.len() + payload.body.len(),
        Err(failure) => failure.code.len() + failure.message.len(),
    }
}
