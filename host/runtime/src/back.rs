//! Taking a run back to before one of its steps was answered.
//!
//! Two passes over the journal find the point and what has happened since. A replay of the activations that stay shows
//! which operations the code makes now. The rows that the run gets back are prepared in the store in bounded batches.
//! One small commit makes them valid.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_engine::{Effect, WASM_STACK};
use dormouse_journal::{
    Activation, Channel, Excerpt, FoundStep, GuestLimits, Kind, Open, Operation, OperationNumber,
    Outcome, Retrace, RunId, Status, StepName, StepSearch, WhenParentEnds,
};
use dormouse_store::{BadAnswer, Restore, RunView, TakeBack, TakenBack};

use crate::Unavailable;
use crate::decisions;
use crate::hint::Hint;
use crate::preparing::TakeBackSummary;
use crate::repairs::{ChosenVersion, MOST_TRIES, RepairError, RepairedRun, Repairs, Retry};

/// The most that one commit prepares: rows, and bytes (a single row may be larger).
const BATCH: (usize, usize) = (256, 1 << 20);

/// The point to which a run is taken back.
struct TakeBackPoint {
    found_step: FoundStep,
    /// The number of activations that stay.
    keep: u32,
    /// True if the host does the step again, because the step is open at this point.
    is_done_again: bool,
    /// The answer to the step: the one that the run was given, or one that it has not taken yet.
    answer: Option<Outcome>,
    retrace: Retrace,
}

impl TakeBackPoint {
    fn operation(&self) -> OperationNumber {
        self.found_step.operation
    }

    /// Returns the operations whose arguments may differ now.
    fn again(&self) -> BTreeSet<OperationNumber> {
        let mut again = self.retrace.calls_given_up();
        let may_differ = matches!(
            self.found_step.made.kind,
            Kind::Call { .. } | Kind::WaitForRun { .. }
        );
        if self.is_done_again && may_differ {
            again.insert(self.operation());
        }
        again
    }

    /// Returns an operation as it is reopened, with the arguments that the code gives it now.
    fn open(&self, operation: OperationNumber, remade: Option<&Operation>) -> Option<Open> {
        let open = self.retrace.open(operation)?.clone();
        let kind = remade.map_or(open.kind, |remade| remade.kind.clone());
        Some(Open { kind, ..open })
    }
}

impl Repairs {
    /// Takes a run back to before one of its steps was answered.
    pub(crate) async fn take_back(
        &self,
        run: RunId,
        from: &str,
        retry: &Retry,
    ) -> Result<RepairedRun, RepairError> {
        let Some(_prepares) = self.preparing.begin(run) else {
            return Err(RepairError::Busy);
        };
        for _ in 0..MOST_TRIES {
            let view = self.view(run).await?;
            if view.state.is_gone() {
                return Err(RepairError::Ended(view.state.status));
            }
            if view.state.is_restoring {
                return Err(RepairError::Busy);
            }
            if let Some(repaired) = self.look_back(&view, from, retry).await? {
                return Ok(repaired);
            }
        }
        Err(RepairError::Busy)
    }

    /// Takes a run back if it is still as this view shows it. Returns none if the run has moved on.
    async fn look_back(
        &self,
        view: &RunView,
        from: &str,
        retry: &Retry,
    ) -> Result<Option<RepairedRun>, RepairError> {
        let point = self.point(view, from).await?;
        if point.retrace.after().is_too_old {
            return Err(RepairError::RecordsTooOld);
        }
        self.refuse_once(&point)?;
        let again = point.again();
        let before = view_at(view, &point);
        let choice = self.choose(&before, retry.version, &again).await?;
        let asked = self.asked(view, &point, &choice, retry);
        let dry_run = TakeBack {
            dry_run: true,
            ..asked.clone()
        };
        let could = self.store.take_back(dry_run).await;
        match could.map_err(Unavailable::from)? {
            TakenBack::Could => {}
            TakenBack::Moved => return Ok(None),
            refused => return Err(self.not_taken_back(view, refused).await?),
        }
        if point.is_done_again
            && let Some(outcome) = &point.answer
            && let Some(open) = point.open(point.operation(), None)
        {
            let bad = BadAnswer {
                operation: point.operation(),
                open,
                outcome: outcome.clone(),
                was_given: true,
                repeats: 0,
            };
            self.retry_child(&before, &bad, retry).await?;
        }
        let back = self.back(&point).await?;
        if retry.dry_run {
            let status = view.state.status;
            return Ok(Some(repaired(view, status, choice, back)));
        }
        let restores = self.restores(&before, &point, &choice, &again).await?;
        let count = u32::try_from(restores.len()).unwrap_or(u32::MAX);
        if !self.prepare(view, restores).await? {
            return Ok(None);
        }
        let asked = TakeBack {
            restores: count,
            ..asked
        };
        self.commit_back(view, asked, choice, back).await
    }

    /// Finds the point to which a run is taken back.
    async fn point(&self, view: &RunView, from: &str) -> Result<TakeBackPoint, RepairError> {
        let state = &view.state;
        let mut seek = StepSearch::new(StepName::from(from));
        self.scan(view, |first, number, activation| {
            seek.look(OperationNumber(first), number, activation);
        })
        .await?;
        let (found, last) = seek.found();
        let Some(found_step) = found else {
            let step = from.to_owned();
            return Err(RepairError::UnknownStep { step, last });
        };
        let operation = found_step.operation;
        let mut answer = found_step.answer.clone();
        let (keep, is_done_again) = match found_step.keeps() {
            Some(keep) => (keep, found_step.is_done_again()),
            None => {
                let channel = Channel::Result(operation);
                let arrival = self.store.arrival(view.id, channel, 0).await;
                answer = arrival.map_err(Unavailable::from)?;
                let is_held =
                    state.is_frozen() && matches!(found_step.made.kind, Kind::Call { .. });
                if answer.is_none() && !is_held {
                    let step = found_step.made.step.clone();
                    return Err(RepairError::Unanswered {
                        operation,
                        step,
                        last,
                    });
                }
                let failed_in = state.frozen.as_ref().and_then(|frozen| frozen.before);
                (state.activations - u32::from(failed_in.is_some()), true)
            }
        };
        let first = OperationNumber(state.first_operation);
        let mut retrace = Retrace::new(state.first_activation, first, keep);
        self.scan(view, |first, _, activation| {
            retrace.follow(OperationNumber(first), activation);
        })
        .await?;
        Ok(TakeBackPoint {
            found_step,
            keep,
            is_done_again,
            answer,
            retrace,
        })
    }

    /// Checks that no call which may be made only once is done again without being named.
    fn refuse_once(&self, point: &TakeBackPoint) -> Result<(), RepairError> {
        for operation in point.retrace.calls_given_up() {
            if operation == point.operation() {
                continue;
            }
            if let Some(open) = point.retrace.open(operation)
                && let Kind::Call { retry, .. } = &open.kind
                && retry.attempts == Some(1)
            {
                let step = open.step.clone();
                return Err(RepairError::AtMostOnce { operation, step });
            }
        }
        Ok(())
    }

    fn asked(
        &self,
        view: &RunView,
        point: &TakeBackPoint,
        choice: &ChosenVersion,
        retry: &Retry,
    ) -> TakeBack {
        let operations = point.retrace.operations();
        let in_flight = self.calls.in_flight(view.id).into_iter();
        TakeBack {
            run: view.id,
            activations: view.state.activations,
            tries: view.state.tries,
            keep: point.keep,
            operations,
            journal_bytes: point.retrace.journal_bytes(),
            step: (point.operation(), point.found_step.made.step.clone()),
            restores: 0,
            version: choice.version,
            limits: GuestLimits {
                memory: self.limits.memory,
                stack: WASM_STACK as u64,
            },
            in_flight: in_flight
                .filter(|operation| operation.0 < operations && *operation != point.operation())
                .collect(),
            anyway: retry.anyway,
            dry_run: false,
        }
    }

    /// Returns the consequences of taking the run back.
    async fn back(&self, point: &TakeBackPoint) -> Result<TakeBackSummary, RepairError> {
        let after = point.retrace.after();
        let made = &point.found_step.made;
        let mut again = Excerpt::default();
        if point.is_done_again
            && let Kind::Call { method, url, .. } = &made.kind
        {
            let url = url.split(['?', '#']).next().unwrap_or(url);
            again.push((
                point.operation(),
                made.step.clone(),
                format!("{method} {url}"),
            ));
        }
        for call in &after.calls.first {
            again.push(call.clone());
        }
        again.count += after.calls.count - after.calls.first.len() as u64;
        let mut children = Excerpt::default();
        for (_, started) in &after.started.first {
            let Ok(child) = started.parse::<RunId>() else {
                continue;
            };
            let shown = self.store.show(child, 0).await.map_err(Unavailable::from)?;
            let ends = shown.is_some_and(|shown| {
                let parent = shown.view.run.parent;
                let leaves =
                    parent.is_none_or(|parent| parent.when_parent_ends == WhenParentEnds::Leave);
                !leaves && !shown.view.state.is_gone()
            });
            children.push((child, ends));
        }
        children.count = after.started.count;
        Ok(TakeBackSummary {
            step: made.step.clone(),
            operation: point.operation(),
            activations: point.keep,
            again,
            children,
            taken: after.taken.clone(),
        })
    }

    /// Returns the rows that the run gets back.
    async fn restores(
        &self,
        before: &RunView,
        point: &TakeBackPoint,
        choice: &ChosenVersion,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<Vec<Restore>, RepairError> {
        let now = self.replay.clock.now();
        let (mut remade, mut effects) = (BTreeMap::new(), Vec::new());
        if !again.is_empty() {
            let made = self.replay.done_again(before, choice.version, again);
            let (made, asked) = made.await?;
            remade = made.into_iter().collect();
            effects = asked;
        }
        let mut restores = Vec::new();
        let mut is_step_open = false;
        for reopened in point.retrace.reopened(now) {
            let operation = reopened.operation;
            let mut open = reopened.open;
            let is_done_again = operation == point.operation() && point.is_done_again;
            is_step_open |= operation == point.operation();
            if let Some(remade) = remade.get(&operation) {
                open.kind = remade.kind.clone();
            }
            if is_done_again {
                open.issued = now;
            }
            restores.push(Restore::Open {
                operation,
                open,
                is_done_again,
            });
        }
        if point.is_done_again
            && !is_step_open
            && let Some(open) = point.open(point.operation(), remade.get(&point.operation()))
        {
            restores.push(Restore::Open {
                operation: point.operation(),
                open: Open {
                    issued: now,
                    ..open
                },
                is_done_again: true,
            });
        }
        for effect in effects {
            restores.extend(self.call_again(before, point, &remade, effect).await?);
        }
        restores.extend(self.changed_records(before, &remade).await?);
        Ok(restores)
    }

    /// Returns the row of a call that is made again.
    async fn call_again(
        &self,
        before: &RunView,
        point: &TakeBackPoint,
        remade: &BTreeMap<OperationNumber, Operation>,
        effect: Effect,
    ) -> Result<Option<Restore>, RepairError> {
        let Effect::Call {
            operation,
            request,
            options,
        } = effect
        else {
            return Ok(None);
        };
        let Some(remade) = remade.get(&operation) else {
            return Ok(None);
        };
        let known = vec![(operation, remade.digest)];
        let known = self.store.repeats(before.id, known).await;
        let known = known.map_err(Unavailable::from)?;
        let is_step = operation == point.operation();
        let answer = point.answer.as_ref().filter(|_| is_step);
        let is_other = answer.is_some_and(Outcome::is_definite)
            || (is_step && point.found_step.made.digest != remade.digest);
        let repeats = known.first().copied().unwrap_or_default() + u32::from(is_other);
        let id = (before.id, operation);
        Ok(Some(Restore::Call {
            operation,
            call: decisions::call(&self.limits, id, repeats, request, options),
            repeats,
        }))
    }

    /// Returns the records that must change because the code gives other arguments to operations that are done again.
    async fn changed_records(
        &self,
        before: &RunView,
        remade: &BTreeMap<OperationNumber, Operation>,
    ) -> Result<Vec<Restore>, RepairError> {
        let mut changed = Vec::new();
        if remade.is_empty() {
            return Ok(changed);
        }
        self.scan(before, |first, number, activation| {
            if let Some(record) = with_remade(first, activation, remade) {
                changed.push(Restore::Record {
                    activation: number,
                    record,
                });
            }
        })
        .await?;
        Ok(changed)
    }

    /// Prepares the rows that a run gets back. Returns false if the run has moved on.
    async fn prepare(&self, view: &RunView, restores: Vec<Restore>) -> Result<bool, RepairError> {
        let (mut first, mut batch, mut bytes) = (0, Vec::new(), 0);
        let mut restores = restores.into_iter().peekable();
        while let Some(restore) = restores.next() {
            bytes += size(&restore);
            batch.push(restore);
            if batch.len() < BATCH.0 && bytes < BATCH.1 && restores.peek().is_some() {
                continue;
            }
            let count = u32::try_from(batch.len()).unwrap_or(u32::MAX);
            let rows = std::mem::take(&mut batch);
            let prepared = (self.store).prepare_back(view.id, view.state.tries, first, rows);
            if !prepared.await.map_err(Unavailable::from)? {
                return Ok(false);
            }
            (first, bytes) = (first + count, 0);
        }
        Ok(true)
    }

    async fn commit_back(
        &self,
        view: &RunView,
        asked: TakeBack,
        choice: ChosenVersion,
        back: TakeBackSummary,
    ) -> Result<Option<RepairedRun>, RepairError> {
        let run = view.id;
        let operations = asked.operations;
        let taken = self.store.take_back(asked).await;
        match taken.map_err(Unavailable::from)? {
            TakenBack::Now(status) => {
                let (step, version) = (&back.step, choice.version);
                tracing::info!(%run, %version, step, "a run is taken back");
                self.slots.forget(run);
                let in_flight = self.calls.in_flight(run).into_iter();
                let closed: Vec<_> = in_flight
                    .filter(|number| number.0 >= operations || *number == back.operation)
                    .collect();
                self.calls.given_up(run, &closed);
                self.orders.hint();
                // The run's timeout and the grace period of a cancel may count anew.
                self.orders.sooner.notify_one();
                self.wake.wake(run, Hint::Anything);
                let view = self.view(run).await?;
                Ok(Some(repaired(&view, status, choice, back)))
            }
            TakenBack::Moved => Ok(None),
            refused => Err(self.not_taken_back(view, refused).await?),
        }
    }

    /// Returns the reason why a run is not taken back.
    async fn not_taken_back(
        &self,
        view: &RunView,
        refused: TakenBack,
    ) -> Result<RepairError, RepairError> {
        Ok(match refused {
            TakenBack::Ended(status) => RepairError::Ended(status),
            TakenBack::AtMostOnce(operation) => RepairError::AtMostOnce {
                operation,
                step: self.step(view, operation).await?,
            },
            TakenBack::FailureTold(parent) => RepairError::FailureTold { parent },
            TakenBack::HandlerRunning(handler) => RepairError::HandlerRunning { handler },
            TakenBack::TooOften => RepairError::TakenBackTooOften,
            TakenBack::Unknown => RepairError::UnknownRun,
            TakenBack::Now(_) | TakenBack::Could | TakenBack::Moved => RepairError::Busy,
        })
    }
}

/// Returns a run as it was at the point to which it is taken back.
fn view_at(view: &RunView, point: &TakeBackPoint) -> RunView {
    let mut view = view.clone();
    view.state.activations = point.keep;
    view.state.operations = point.retrace.operations();
    view
}

/// Returns a record in which these operations are replaced. None if the record has them already.
fn with_remade(
    first: u32,
    activation: &Activation,
    remade: &BTreeMap<OperationNumber, Operation>,
) -> Option<Activation> {
    let mut changed = None;
    for (place, operation) in activation.operations.iter().enumerate() {
        let number = u32::try_from(place).ok()?.checked_add(first)?;
        if let Some(remade) = remade.get(&OperationNumber(number))
            && operation != remade
        {
            let changed = changed.get_or_insert_with(|| activation.clone());
            changed.operations[place].clone_from(remade);
        }
    }
    changed
}

/// Returns the approximate size in bytes of a prepared row.
fn size(restore: &Restore) -> usize {
    match restore {
        Restore::Call { call, .. } => call.request.body.len(),
        Restore::Record { record, .. } => record.encode().len(),
        Restore::Open { open, .. } => open.step.len(),
        Restore::Again { .. } => 0,
    }
}

fn repaired(
    view: &RunView,
    status: Status,
    choice: ChosenVersion,
    back: TakeBackSummary,
) -> RepairedRun {
    RepairedRun {
        status,
        version: choice.version,
        paused: view.paused.map(|pause| pause.by),
        differs: choice.differs,
        back: Some(Box::new(back)),
    }
}
