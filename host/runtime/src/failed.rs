//! Retrying a failed run.
//!
//! Operations with a bad answer are done again: a call is made with the arguments that the code gives it now, and a
//! failed run that this run started is retried first. The run gets all other results again as they were.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_engine::{Effect, WASM_STACK};
use dormouse_journal::{
    Activation, GuestLimits, Kind, Operation, OperationNumber, Outcome, RunId, RunOutcome, Status,
    VersionId,
};
use dormouse_store::{BadAnswer, CallAgain, FailedRun, RetriedFailed, RetryFailed, RunView};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::Unavailable;
use crate::bad_answers::ends_the_same_way;
use crate::bad_step::is_once;
use crate::decisions;
use crate::hint::Hint;
use crate::recorded::Recorded;
use crate::repairs::{ChosenVersion, MOST_TRIES, RepairError, RepairedRun, Repairs, Retry};
use crate::shares::Requester;

/// The operations that are done again.
#[derive(Default)]
struct WorkToRedo {
    calls: Vec<CallAgain>,
    waits: Vec<(OperationNumber, Kind)>,
    records: Vec<(u32, Activation)>,
}

impl Repairs {
    /// Retries a failed run. Failed runs that it started and waits for are retried first.
    pub(crate) fn retry_failed<'r>(
        &'r self,
        run: RunId,
        retry: &'r Retry,
    ) -> BoxFuture<'r, Result<RepairedRun, RepairError>> {
        async move {
            for _ in 0..MOST_TRIES {
                let failed = self.store.failed(run).await.map_err(Unavailable::from)?;
                let Some(failed) = failed else {
                    let status = self.view(run).await?.state.status;
                    return Err(match status.has_ended() {
                        true => RepairError::Ended(status),
                        false => RepairError::NotBlocked(status),
                    });
                };
                if let Some(repaired) = self.look(&failed, retry).await? {
                    return Ok(repaired);
                }
            }
            Err(RepairError::Busy)
        }
        .boxed()
    }

    /// Retries a run if it is still as this view shows it. Returns none if it has moved on.
    async fn look(
        &self,
        failed: &FailedRun,
        retry: &Retry,
    ) -> Result<Option<RepairedRun>, RepairError> {
        let before = before_failure(failed);
        let again: BTreeSet<_> = failed.bad.iter().map(|bad| bad.operation).collect();
        let choice = self.choose(&before, retry.version, &again).await?;
        if choice.version == before.run.version && !retry.anyway {
            self.refuse_same_answers(failed).await?;
        }
        refuse_in_doubt(failed)?;
        // Checked before any run below this one is retried.
        let asked = self.request(failed, choice.version, WorkToRedo::default(), retry);
        let dry_run = RetryFailed {
            dry_run: true,
            ..asked
        };
        let could = self.store.retry_failed(dry_run).await;
        match could.map_err(Unavailable::from)? {
            RetriedFailed::Could => {}
            RetriedFailed::Moved => return Ok(None),
            refused => return Err(self.refused(failed, refused).await?),
        }
        for bad in &failed.bad {
            self.retry_child(&before, bad, retry).await?;
        }
        if retry.dry_run {
            return Ok(Some(repaired(&failed.view, before.state.status, choice)));
        }
        let done_again = self.done_again(&before, failed, &choice, &again).await?;
        self.commit(failed, choice, done_again, retry).await
    }

    async fn commit(
        &self,
        failed: &FailedRun,
        choice: ChosenVersion,
        again: WorkToRedo,
        retry: &Retry,
    ) -> Result<Option<RepairedRun>, RepairError> {
        let run = failed.view.id;
        let request = self.request(failed, choice.version, again, retry);
        // The store prepares a large retry before it decides it. Two tasks must not mix what they prepare.
        let prepares = request.is_large().then(|| self.preparing.begin(run));
        if let Some(None) = prepares {
            return Err(RepairError::Busy);
        }
        let retried = self.store.retry_failed(request).await;
        match retried.map_err(Unavailable::from)? {
            RetriedFailed::Now {
                status,
                calls,
                ordering,
            } => {
                tracing::info!(%run, version = %choice.version, "a failed run is retried");
                let requester = Requester {
                    workflow: failed.view.run.workflow.as_str().into(),
                    run,
                };
                for (operation, attempts) in calls {
                    self.calls.start(&requester, &[operation], attempts);
                }
                if ordering {
                    self.orders.hint();
                }
                // The run's timeout and the grace period of a cancel count anew.
                self.orders.sooner.notify_one();
                self.slots.forget(run);
                self.wake.wake(run, Hint::Anything);
                Ok(Some(repaired(&self.view(run).await?, status, choice)))
            }
            RetriedFailed::Moved => Ok(None),
            refused => Err(self.refused(failed, refused).await?),
        }
    }

    fn request(
        &self,
        failed: &FailedRun,
        version: VersionId,
        again: WorkToRedo,
        retry: &Retry,
    ) -> RetryFailed {
        let (run, state) = (failed.view.id, &failed.view.state);
        RetryFailed {
            run,
            activations: state.activations,
            tries: state.tries,
            version,
            limits: GuestLimits {
                memory: self.limits.memory,
                stack: WASM_STACK as u64,
            },
            calls: again.calls,
            waits: again.waits,
            records: again.records,
            in_flight: self.calls.in_flight(run),
            open: failed.open,
            anyway: retry.anyway,
            is_of_parent: retry.is_of_parent,
            dry_run: false,
        }
    }

    /// Returns the reason why a run is not retried.
    async fn refused(
        &self,
        failed: &FailedRun,
        refused: RetriedFailed,
    ) -> Result<RepairError, RepairError> {
        Ok(match refused {
            RetriedFailed::NotFailed(status) if status.has_ended() => RepairError::Ended(status),
            RetriedFailed::NotFailed(status) | RetriedFailed::Now { status, .. } => {
                RepairError::NotBlocked(status)
            }
            RetriedFailed::AtMostOnce(operation) => RepairError::AtMostOnce {
                operation,
                step: self.step(&failed.view, operation).await?,
            },
            RetriedFailed::FailureTold(parent) => RepairError::FailureTold { parent },
            RetriedFailed::HandlerRunning(handler) => RepairError::HandlerRunning { handler },
            RetriedFailed::Unknown => RepairError::UnknownRun,
            RetriedFailed::Moved | RetriedFailed::Could => RepairError::Busy,
        })
    }

    /// Refuses a run that would fail again: it had no bad answer, and its code and limits are the same.
    async fn refuse_same_answers(&self, failed: &FailedRun) -> Result<(), RepairError> {
        if !ends_the_same_way(failed) {
            return Ok(());
        }
        let failure = failed.view.state.failure.clone().unwrap_or_default();
        Err(RepairError::SameAnswers {
            code: failure.code,
            bad: self.bad_steps(failed).await?,
        })
    }

    /// Returns the step name that the author gave an operation.
    pub(crate) async fn step(
        &self,
        view: &RunView,
        number: OperationNumber,
    ) -> Result<String, RepairError> {
        let mut step = String::new();
        self.scan(view, |first, _, activation| {
            let place = number.0.checked_sub(first).map(|place| place as usize);
            if let Some(operation) = place.and_then(|place| activation.operations.get(place)) {
                step.clone_from(&operation.step);
            }
        })
        .await?;
        Ok(step)
    }

    /// Calls `look` for each activation of a run's generation, with the number of its first operation and its own
    /// number.
    pub(crate) async fn scan(
        &self,
        view: &RunView,
        mut look: impl FnMut(u32, u32, &Activation),
    ) -> Result<(), RepairError> {
        let (state, run) = (&view.state, view.id);
        let mut first = state.first_operation;
        let mut recorded =
            Recorded::new(state.first_activation..state.activations, |from, limit| {
                self.store.journal(run, from, limit)
            });
        while let Some(page) = recorded.next().await.map_err(Unavailable::from)? {
            for (number, activation) in (page.first..).zip(&page.activations) {
                look(first, number, activation);
                first += u32::try_from(activation.operations.len()).unwrap_or(u32::MAX);
            }
        }
        Ok(())
    }

    /// Retries a run that this run started and waits for, if it has failed and this command has not retried it yet.
    pub(crate) async fn retry_child(
        &self,
        parent: &RunView,
        bad: &BadAnswer,
        retry: &Retry,
    ) -> Result<(), RepairError> {
        let (Kind::WaitForRun { run, .. }, Outcome::RunEnded(Ok(Some(ended)))) =
            (&bad.open.kind, &bad.outcome)
        else {
            return Ok(());
        };
        let Ok(child) = run.parse::<RunId>() else {
            return Ok(());
        };
        let view = match self.view(child).await {
            Ok(view) => view,
            Err(RepairError::UnknownRun) if *ended == RunOutcome::Gone => return Ok(()),
            Err(RepairError::UnknownRun) => {
                let status = None;
                return Err(RepairError::ChildGone { child, status });
            }
            Err(error) => return Err(error),
        };
        if view.run.parent.is_none_or(|above| above.run != parent.id) {
            // This run only waits for it again.
            return Ok(());
        }
        let status = view.state.status;
        if view.state.is_gone() && status != Status::Completed {
            let status = Some(status);
            return Err(RepairError::ChildGone { child, status });
        }
        if !view.state.is_frozen() {
            return Ok(());
        }
        let of_child = Retry {
            version: None,
            from: None,
            is_of_parent: true,
            ..retry.clone()
        };
        // Noted before the retry, so that others that retry the run as well find it in the list.
        retry.retried_with_run.add(child);
        match self.retry_failed(child, &of_child).await {
            Ok(_) | Err(RepairError::NotBlocked(_)) => Ok(()),
            Err(error @ RepairError::Child { .. }) => Err(error),
            Err(error) => Err(RepairError::Child {
                child,
                error: Box::new(error),
            }),
        }
    }

    /// Returns the operations that are done again, with the arguments that the chosen code gives them.
    async fn done_again(
        &self,
        before: &RunView,
        failed: &FailedRun,
        choice: &ChosenVersion,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<WorkToRedo, RepairError> {
        let mut done = WorkToRedo::default();
        if again.is_empty() {
            return Ok(done);
        }
        let made = self.replay.done_again(before, choice.version, again);
        let (remade, effects) = made.await?;
        let remade: BTreeMap<OperationNumber, Operation> = remade.into_iter().collect();
        for (operation, remade) in &remade {
            if let Kind::WaitForRun { .. } = remade.kind {
                done.waits.push((*operation, remade.kind.clone()));
            }
        }
        for effect in effects {
            let Effect::Call {
                operation,
                request,
                options,
            } = effect
            else {
                continue;
            };
            let bad = failed.bad.iter().find(|bad| bad.operation == operation);
            let (Some(bad), Some(remade)) = (bad, remade.get(&operation)) else {
                continue;
            };
            let repeats = bad.repeats + u32::from(bad.outcome.is_definite());
            let id = (before.id, operation);
            done.calls.push(CallAgain {
                operation,
                kind: remade.kind.clone(),
                call: decisions::call(&self.limits, id, repeats, request, options),
                repeats,
            });
        }
        self.scan(before, |first, number, activation| {
            let mut activation = activation.clone();
            let mut differs = false;
            for (number, operation) in (first..).zip(&mut activation.operations) {
                if let Some(remade) = remade.get(&OperationNumber(number))
                    && operation != remade
                {
                    *operation = remade.clone();
                    differs = true;
                }
            }
            if differs {
                done.records.push((number, activation));
            }
        })
        .await?;
        Ok(done)
    }
}

/// Returns a failed run as it was before the activation in which it failed.
fn before_failure(failed: &FailedRun) -> RunView {
    let mut view = failed.view.clone();
    if failed.was_activated {
        view.state.activations = view.state.activations.saturating_sub(1);
    }
    view
}

/// Refuses to make a call again that may be made only once and that may have arrived.
fn refuse_in_doubt(failed: &FailedRun) -> Result<(), RepairError> {
    let is_once = |bad: &&BadAnswer| is_once(&bad.open.kind, &bad.outcome);
    match failed.bad.iter().find(is_once) {
        Some(bad) => Err(RepairError::AtMostOnce {
            operation: bad.operation,
            step: bad.open.step.clone(),
        }),
        None => Ok(()),
    }
}

fn repaired(view: &RunView, status: Status, choice: ChosenVersion) -> RepairedRun {
    RepairedRun {
        status,
        version: choice.version,
        paused: view.paused.map(|pause| pause.by),
        differs: choice.differs,
        back: None,
    }
}
