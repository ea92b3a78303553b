//! The interface `context`: the run's identity, its time, random bytes, its log, its labels, and operations that are given up.

use dormouse_journal::{Arguments, Kind, OperationNumber, Time};

use crate::bindings::dormouse::workflow::context::{
    Failure, Header, Host, Instant, Level, Run, TriggerRequest,
};
use crate::guest::Guest;
use crate::limits::RANDOM_BYTES;
use crate::stop::Stop;
use crate::types::headers_out;

impl Host for Guest {
    fn current_run(&mut self) -> wasmtime::Result<Run> {
        let state = self.shared.lock();
        state.check_outside_step("current-run")?;
        let headers: Vec<Header> = headers_out(state.run.headers.clone());
        let Time(started) = state.run.started.shifted(state.first_shift);
        Ok(Run {
            id: state.run.id.to_string(),
            workflow: state.run.workflow.clone(),
            version: state.run.version.to_string(),
            started,
            headers,
        })
    }

    fn start_request(&mut self) -> wasmtime::Result<Option<TriggerRequest>> {
        let state = self.shared.lock();
        state.check_outside_step("start-request")?;
        let request = state.run.request.clone();
        Ok(request.map(|request| TriggerRequest {
            trigger: request.trigger,
            method: request.method,
            url: request.url,
            headers: headers_out(request.headers),
        }))
    }

    fn now(&mut self) -> wasmtime::Result<Instant> {
        let Time(now) = self.shared.lock().cursor.now().wall();
        Ok(now)
    }

    fn random(&mut self, length: u32) -> wasmtime::Result<Vec<u8>> {
        let length = usize::try_from(length)?;
        if length > RANDOM_BYTES {
            return Err(Stop::Misuse(format!(
                "`random` was asked for {length} bytes, and the limit of one call is {RANDOM_BYTES}; call it again for more"
            ))
            .into());
        }
        let mut bytes = vec![0; length];
        self.shared.lock().random.fill(&mut bytes);
        Ok(bytes)
    }

    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.shared.lock().log(level.into(), &message);
        Ok(())
    }

    fn set_label(&mut self, label: String) -> wasmtime::Result<Result<(), Failure>> {
        let mut state = self.shared.lock();
        state.check_outside_step("set-label")?;
        Ok(state.set_label(&label).map_err(Failure::from))
    }

    fn next_operation(&mut self) -> wasmtime::Result<u32> {
        Ok(self.shared.lock().cursor.operations())
    }

    fn abandon(&mut self, operation: u32) -> wasmtime::Result<()> {
        let mut state = self.shared.lock();
        state.check_outside_step("abandon")?;
        let made = state.cursor.operations();
        if operation >= made {
            return Err(Stop::Misuse(format!(
                "`abandon` was called with the operation {operation}, and the run has made {made}, counted from 0; call \
                 `next-operation` before an operation to learn its number"
            ))
            .into());
        }
        let number = OperationNumber(operation);
        let step = state.waits.abandon(number);
        let operations: Vec<_> = step.iter().map(|_| number).collect();
        state.effects.retain(|effect| !effect.is_call(number));
        let arguments = Arguments::Abandon {
            operations: operations.clone(),
            dropped: false,
        };
        let step = step.unwrap_or_default();
        state.issue("abandon", &step, &arguments, |_| Kind::Abandon {
            operations,
            dropped: false,
        })?;
        Ok(())
    }
}
