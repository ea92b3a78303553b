//! The acts of operators in a simulation: retry, take back, move, and resume.

use dormouse_runtime::{Move, RepairError, Retry, Runtime};
use dormouse_store::Pausable;

use super::{Driver, LONG};
use crate::case::ONCE;
use crate::history::lock;

/// The largest number of rounds at the end in which failed runs are retried.
const REPAIR_ROUNDS: usize = 20;

/// The largest number of attempts at one retry.
const TRIES: usize = 100;

/// How long an operator waits for an answer, in simulated milliseconds.
const TIMEOUT: u64 = 60_000;

impl Driver<'_> {
    /// Waits for the answer to an operator's request. Returns `None` if the host failed in the meantime.
    fn wait_for_answer<T: Send + 'static>(
        &self,
        host: &Runtime,
        asked: impl Future<Output = Result<T, RepairError>> + Send + 'static,
    ) -> Result<Result<T, RepairError>, String> {
        match self.world.within(TIMEOUT, asked) {
            Some(answer) => Ok(answer),
            None if host.has_failed() => Ok(Err(RepairError::Busy)),
            None => Err("an operator gets no answer".into()),
        }
    }

    fn ask_to_retry(&self, host: &Runtime, run: usize, retry: Retry) -> Result<(), RepairError> {
        let (asked, run) = (host.clone(), self.runs[run]);
        let heard = self.wait_for_answer(host, async move { asked.retry(run, &retry).await });
        heard
            .unwrap_or_else(|why| panic!("{why}: retry of {run}"))
            .map(drop)
    }

    /// Retries a failed run on the version that does not fail once.
    pub(super) fn retry(&self, host: &Runtime, run: usize) -> Result<(), RepairError> {
        lock(&self.history).repaired.insert(run);
        let retry = Retry {
            version: Some(self.versions[1]),
            ..Retry::default()
        };
        self.ask_to_retry(host, run, retry)
    }

    /// Takes a run back to before it started another run, if that other run is why it cannot be retried.
    fn start_again(
        &self,
        host: &Runtime,
        run: usize,
        error: RepairError,
    ) -> Result<(), RepairError> {
        let (RepairError::Child { child, .. } | RepairError::ChildGone { child, .. }) = error
        else {
            return Err(error);
        };
        let view = self.world.reading().view(child).ok().flatten();
        let Some(parent) = view.and_then(|view| view.run.parent) else {
            return Err(error);
        };
        let retry = Retry {
            version: Some(self.versions[1]),
            from: Some(parent.operation.to_string()),
            ..Retry::default()
        };
        self.ask_to_retry(host, run, retry)
    }

    /// Takes a run back to before one of its operations was answered, if it has made one. The operation may have no
    /// answer yet.
    pub(super) fn take_back(&self, host: &Runtime, run: usize, step: u32) {
        let state = self.world.reading().state(self.runs[run]);
        let made = state.ok().flatten().map_or(0, |state| state.operations);
        let Some(operation) = step.checked_rem(made) else {
            return;
        };
        lock(&self.history).repaired.insert(run);
        let retry = Retry {
            from: Some(operation.to_string()),
            ..Retry::default()
        };
        drop(self.ask_to_retry(host, run, retry));
    }

    /// Retries the runs that have failed once, as long as there are any. A retried run can come to a place where it
    /// fails once more.
    pub(super) fn repair(&mut self) -> Result<(), String> {
        for _ in 0..REPAIR_ROUNDS {
            if !self.repair_all()? {
                return Ok(());
            }
            self.pass(LONG)?;
        }
        Ok(())
    }

    /// Retries each run that has failed once. Returns true if there was one.
    fn repair_all(&mut self) -> Result<bool, String> {
        let mut has_mended = false;
        for run in 0..self.runs.len() {
            for look in 0.. {
                let host = self.alive()?;
                let state = self.world.reading().state(self.runs[run]);
                let state = state.map_err(|error| error.to_string())?;
                let has_failed_once = state.is_some_and(|state| {
                    let failure = state.failure.as_ref();
                    state.is_frozen() && failure.is_some_and(|failure| failure.code == ONCE)
                });
                if !has_failed_once {
                    break;
                }
                match self
                    .retry(&host, run)
                    .or_else(|error| self.start_again(&host, run, error))
                {
                    // Such a run cannot be retried: a call that may be sent only once may have been sent, or a run that
                    // it waits for fails again.
                    Err(
                        RepairError::AtMostOnce { .. }
                        | RepairError::Child { .. }
                        | RepairError::ChildGone { .. },
                    ) => break,
                    Ok(()) => {
                        has_mended = true;
                        break;
                    }
                    Err(error) if look > TRIES => {
                        return Err(format!("run {run} is not retried: {error}"));
                    }
                    Err(_) => {
                        drop(host);
                        self.pass(20)?;
                    }
                }
            }
        }
        Ok(has_mended)
    }

    /// Moves a run to the other version. That version does the same, so it repeats the run's journal.
    pub(super) fn move_to_other(&self, host: &Runtime, number: usize) -> Result<(), String> {
        let run = self.runs[number];
        let view = self.world.reading().view(run);
        let view = view.map_err(|error| error.to_string())?;
        let own = view.map(|view| view.run.version);
        let other = self.versions.into_iter().find(|other| Some(*other) != own);
        let Some(other) = other else { return Ok(()) };
        let to = Move {
            version: other,
            from: own,
            dry_run: false,
        };
        let asked = host.clone();
        match self.wait_for_answer(host, async move { asked.move_to(run, to).await })? {
            Err(RepairError::Differs(mismatch)) if !self.case.may_fail_once(number) => {
                Err(format!("the same code differs: {mismatch}"))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Resumes everything that was paused.
    pub(super) fn unpause(&mut self) -> Result<(), String> {
        let runs = self.runs.iter().map(|run| Pausable::Run(*run));
        let all: Vec<_> = runs.chain([Pausable::Host]).collect();
        for what in all {
            let mut looks = 0;
            loop {
                let host = self.alive()?;
                if self.world.run(host.unpause(what.clone())).is_ok() {
                    break;
                }
                drop(host);
                self.pass(20)?;
                looks += 1;
                if looks > 1_000 {
                    return Err(format!("{what:?} does not go on"));
                }
            }
        }
        self.is_paused = false;
        Ok(())
    }
}
