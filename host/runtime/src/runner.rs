//! The runner: executes the activations of one run, one after the other, and commits each before it acts on it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use dormouse_engine::{Decision, Effect, Interruption};
use dormouse_journal::{
    Activation, End, Failure, Frontier, Kind, OperationNumber, RunId, Status, Time, WhenBroken,
};
use dormouse_limits::Limits;
use dormouse_seams::{HostClock, Task};
use dormouse_store::{
    Activated, Attempts, Broke, CommitRefused, Hold, NewActivation, NewResponse, Store,
};
use futures::FutureExt;

use crate::calls::Calls;
use crate::deadlines::Deadlines;
use crate::decisions::{self, Before, NewRunValues};
use crate::events::{Events, mail_limits};
use crate::execution_error::{ExecutionError, mismatch_failure};
use crate::hint::Hint;
use crate::large_work::LargeWork;
use crate::live::LiveRun;
use crate::memory::GuestMemory;
use crate::orders::Orders;
use crate::owner_state::{Next, OwnerState};
use crate::places::Places;
use crate::replay::Replay;
use crate::replies::Replies;
use crate::shares::Requester;
use crate::slots::{ClaimedRun, Owner, Release, Slots};
use crate::wake::{RunExecutor, Seat, Wake};
use crate::watchers::{RunStatus, Watchers};

/// The number of activations of a run that are executed before other runs get a turn.
const IN_A_ROW: u32 = 64;

/// Executes runs.
pub(crate) struct Runner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) places: Arc<Places>,
    pub(crate) wake: Wake,
    pub(crate) replay: Arc<Replay>,
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) events: Arc<Events>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) new_run_values: NewRunValues,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) when_broken: WhenBroken,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Arc<GuestMemory>,
    pub(crate) large_work: LargeWork,
}

/// What follows from an activation once it is committed.
struct Effects {
    calls: Vec<OperationNumber>,
    given_up: Vec<OperationNumber>,
    responses: Vec<NewResponse>,
    is_end: bool,
    /// True if a generation ends, so that the run goes on in another instance.
    continues: bool,
}

impl Effects {
    /// Returns the effects of an activation, given the run's frontier after it.
    fn of(new: &NewActivation, frontier: &Frontier) -> Self {
        let continues = new.next.is_some();
        let mut given_up = given_up(&new.activation);
        if continues {
            let open = frontier.open();
            let calls = open.filter(|(_, open)| matches!(open.kind, Kind::Call { .. }));
            given_up.extend(calls.map(|(operation, _)| operation));
        }
        Effects {
            calls: new.calls.iter().map(|call| call.operation).collect(),
            given_up,
            responses: new.responses.clone(),
            is_end: new.activation.end.is_some(),
            continues,
        }
    }
}

impl RunExecutor for Runner {
    fn execute_run(
        self: Arc<Self>,
        run: RunId,
        claimed: ClaimedRun,
        hold: Option<Hold>,
        seat: Option<Seat>,
    ) -> Task {
        Box::pin(async move { self.execute(run, claimed, hold, seat).await })
    }
}

impl Runner {
    async fn execute(
        &self,
        run: RunId,
        mut claimed: ClaimedRun,
        mut hold: Option<Hold>,
        mut seat: Option<Seat>,
    ) {
        let (mut live, mut place) = (None, None);
        loop {
            let ClaimedRun { owner, hints } = claimed;
            let mut state = OwnerState::new(run, hints, hold.take());
            (state.seat, state.place) = (seat.take(), place.take());
            let worked = AssertUnwindSafe(self.work(&owner, &mut state, &mut live));
            let worked = worked.catch_unwind().await;
            match worked.unwrap_or_else(|panic| Err(ExecutionError::of_panic(&*panic))) {
                Ok(()) => {
                    self.wake.clear_retries(run);
                    self.memory.is_enough(run);
                }
                Err(error) => {
                    live = None;
                    if self.settle(&mut state).await {
                        // The run may have lacked a change that was not durable yet, such as a version that is being deployed.
                        // By now the change is durable.
                        self.wake.wake(run, Hint::Anything);
                    } else {
                        self.handle(run, error).await;
                    }
                }
            }
            // A run that has ended is not noted.
            let is_long = state.computed_long && live.is_some();
            self.wake.note_computed(run, is_long);
            (seat, place) = (state.seat.take(), state.place.take());
            drop(state);
            match owner.release(live) {
                Release::Again(again, kept) => {
                    (claimed, live) = (again, kept);
                    // This time a wake from outside the herd goes on with the run. Without this line, a run that is woken again
                    // and again would never give up its seat.
                    if let Some(seat) = seat.take() {
                        seat.give_up();
                    }
                }
                Release::Released => break,
            }
        }
        drop(place);
        if let Some(seat) = seat {
            seat.give_up();
        }
    }

    /// Blocks the run, or lets it be executed again.
    async fn handle(&self, run: RunId, error: ExecutionError) {
        match error {
            ExecutionError::Block(reason) => self.block(run, reason, None).await,
            ExecutionError::Mismatch(mismatch) => {
                self.block(run, mismatch_failure(&mismatch), None).await;
            }
            ExecutionError::Broke(reason, broke) => self.block(run, reason, Some(*broke)).await,
            ExecutionError::Retry(reason) => {
                tracing::warn!(%run, reason, "a run is tried again later");
                self.wake.retry(run);
            }
            ExecutionError::OutOfMemory => {
                if self.memory.is_missing(run) {
                    tracing::debug!(%run, "a guest found no memory, and is executed again with its limit reserved");
                    self.wake.wake(run, Hint::Anything);
                } else {
                    // It would do the same again and again, and keep everything reserved meanwhile.
                    self.memory.is_enough(run);
                    self.block(run, self.memory.not_enough(), None).await;
                }
            }
            ExecutionError::NoInstanceSlot => {
                if self.slots.make_room() {
                    self.wake.wake(run, Hint::Anything);
                } else {
                    self.wake.retry(run);
                }
            }
        }
    }

    async fn block(&self, run: RunId, reason: Failure, broke: Option<Broke>) {
        let reason = reason.cut();
        let is_broken = broke.is_some();
        tracing::warn!(
            %run, code = reason.code, reason = reason.message, is_broken, "a run is blocked"
        );
        match self.store.block(run, reason, broke).await {
            Ok(true) => self.watchers.tell(run, Status::Blocked),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%run, %error, "a run could not be marked as blocked");
                self.wake.retry(run);
            }
        }
    }

    /// Executes activations until none is due, or other runs get a turn.
    async fn work(
        &self,
        owner: &Owner,
        state: &mut OwnerState,
        live: &mut Option<Box<LiveRun>>,
    ) -> Result<(), ExecutionError> {
        if std::mem::take(&mut state.is_behind) {
            // From now on the store's reads show the requests that were left out.
            state.hold = None;
            self.store.barrier(state.run).await?;
        }
        if live.is_none() {
            *live = self.take_warm(owner, state).await;
        }
        if let Some(live) = live {
            state.hint(&mut live.frontier);
        }
        let mut made = 0;
        while !self.slots.is_stopping() {
            state.execute();
            if live.is_none() {
                *live = self.replay.load(state).await?;
            }
            let Some(current) = live else { return Ok(()) };
            let next = state.next(&*self.store, &self.clock, current).await?;
            let Some(next) = next else { return Ok(()) };
            if made == IN_A_ROW {
                // If the run's instance is still in memory then, its frontier has what is due. Otherwise the owner looks in the
                // store.
                self.wake.queue(state.run, Hint::Time, self.clock.now());
                return Ok(());
            }
            made += 1;
            if !self.activate(state, live, next).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes the warm instance, if there is one. The instance may be dropped while the run waits for its place.
    async fn take_warm(&self, owner: &Owner, state: &mut OwnerState) -> Option<Box<LiveRun>> {
        let workflow = owner.warm_workflow()?;
        state.take_place(&self.places, &workflow).await;
        owner.take_warm()
    }

    /// Waits until everything that was known early is durable or has failed, so that the store's reads are complete
    /// from now on. Returns true if anything was known early.
    async fn settle(&self, state: &mut OwnerState) -> bool {
        let was_early = state.forget_early();
        if was_early && let Err(error) = self.store.barrier(state.run).await {
            tracing::debug!(run = %state.run, %error, "a request or a start was delivered to a run before its disk sync, and was not committed");
        }
        was_early
    }

    /// Executes one activation, commits it and acts on it. Returns true if the run should go on.
    ///
    /// If the process dies before the commit is durable, nothing of the activation has happened. If it dies after that and
    /// before [`Runner::act`] is done, the calls are taken up at the next start, and callers ask again.
    async fn activate(
        &self,
        state: &mut OwnerState,
        live: &mut Option<Box<LiveRun>>,
        next: Next,
    ) -> Result<bool, ExecutionError> {
        let run = state.run;
        let Some(current) = live else {
            return Ok(false);
        };
        let (completion, origin) = next.delivery.unzip();
        let activating = current.instance.activate(next.now, completion);
        let mut result = state.computing(activating).await;
        while let Err(Interruption::Rebuild(partial)) = result {
            self.settle(state).await;
            let Some(recalled) = self.store.run_to_continue(run).await? else {
                return Ok(false);
            };
            let replaying = self.replay.instance(&recalled.view, None);
            (current.instance, current.account) = replaying.await?;
            result = current.instance.go_on(*partial).await;
        }
        let decision = result.map_err(ExecutionError::from)?;
        let before = Before {
            outstanding: current.frontier.outstanding(),
            tries: current.tries,
            journal_bytes: current.journal_bytes,
            own_bytes: current.own_bytes,
            is_keyed: current.is_keyed,
        };
        let repeats = match current.was_taken_back {
            true => self.repeats(run, current.operations, &decision).await?,
            false => BTreeMap::new(),
        };
        let (new, broke) = decisions::activation(
            &self.limits,
            &self.new_run_values,
            run,
            (decision, origin),
            &repeats,
            &before,
        );
        if broke && self.blocks_broken(&current.workflow).await? {
            return Err(self.broke(current, new));
        }
        current.frontier.apply(&new.activation);
        let effects = Effects::of(&new, &current.frontier);
        let made = u32::try_from(new.activation.operations.len()).unwrap_or(u32::MAX);
        let number = current.next;
        let (retention, mail) = (self.limits.retention, mail_limits(&self.limits));
        let volume = decisions::volume(&new);
        let committed = if LargeWork::is_large(volume) {
            let (store, work) = (self.store.clone(), self.large_work.clone());
            let activating = async move { store.activate(run, number, new, retention, mail).await };
            // Others need not wait until it is encoded.
            state.hold = None;
            Box::pin(async move { work.begin(volume, activating).await })
        } else {
            self.store.activate(run, number, new, retention, mail)
        };
        // The decision is in the same queue now, after the write that it follows from.
        state.hold = None;
        state.wait();
        match committed.await {
            Ok(Ok(activated)) => {
                current.instance.committed();
                self.follow(current, (next.now.time, made), &activated);
                let requester = Requester {
                    workflow: current.workflow.clone(),
                    run,
                };
                self.act(&requester, &activated, (&effects, current.generation));
                if effects.is_end || effects.continues || activated.is_deferred {
                    *live = None;
                }
                // If a part of the activation was deferred, the run is woken when that part is written.
                Ok(!effects.is_end && !activated.is_deferred)
            }
            Ok(Err(refused)) => {
                *live = None;
                tracing::debug!(%run, ?refused, "the store refused an activation; the instance is dropped");
                self.settle(state).await;
                Ok(matches!(
                    refused,
                    CommitRefused::Stale | CommitRefused::Moved
                ))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns how many times each call of a decision was made before, if an earlier activation that made it was taken
    /// back. `before` is the number of operations before the decision.
    async fn repeats(
        &self,
        run: RunId,
        before: u32,
        decision: &Decision,
    ) -> Result<BTreeMap<OperationNumber, u32>, ExecutionError> {
        let mut calls = Vec::new();
        for effect in &decision.effects {
            if let Effect::Call { operation, .. } = effect
                && let Some(digest) = decision.digest_of(*operation, before)
            {
                calls.push((*operation, digest));
            }
        }
        let counts = self.store.repeats(run, calls.clone()).await?;
        let counted = calls.into_iter().zip(counts);
        Ok(counted
            .map(|((operation, _), count)| (operation, count))
            .collect())
    }

    /// Returns true if a run of this workflow is blocked when it breaks.
    async fn blocks_broken(&self, workflow: &str) -> Result<bool, ExecutionError> {
        let workflow = self.store.workflow(workflow.to_owned()).await?;
        let own = workflow.and_then(|workflow| workflow.when_broken);
        Ok(own.unwrap_or(self.when_broken) == WhenBroken::Block)
    }

    /// Returns the error of a run that broke in this activation.
    fn broke(&self, live: &LiveRun, new: NewActivation) -> ExecutionError {
        let (failure, backtrace) = match new.activation.end {
            Some(End::Failed { failure, backtrace }) => (failure, backtrace),
            _ => (Failure::default(), None),
        };
        let broke = Broke {
            activation: live.next,
            tries: live.tries,
            backtrace,
            operations: new.activation.operations,
            logs: new.logs,
            retention: self.limits.broken_retention,
        };
        ExecutionError::Broke(failure, Box::new(broke))
    }

    /// Updates the run in memory to the state of its journal.
    fn follow(&self, live: &mut LiveRun, (time, made): (Time, u32), activated: &Activated) {
        live.next += 1;
        live.operations += made;
        live.has_begun = true;
        live.time = time;
        live.journal_bytes = activated.journal_bytes;
        live.own_bytes = activated.own_bytes;
        if !activated.is_due {
            live.frontier.nothing_arrived();
        }
        self.deadlines
            .hint(live.frontier.next_deadline(self.clock.moment()));
    }

    /// Acts on a committed activation.
    fn act(
        &self,
        requester: &Requester,
        activated: &Activated,
        (effects, generation): (&Effects, u32),
    ) {
        let run = requester.run;
        // An answer may contain the URL of a webhook whose creation was deferred. A run that has ended creates no webhook.
        if !activated.is_deferred || effects.is_end {
            for NewResponse { delivery, response } in &effects.responses {
                self.replies.answer(run, delivery, response);
            }
        }
        if activated.status == Status::Failed {
            self.calls.failed(run);
        } else if activated.status.has_ended() {
            self.calls.ended(run);
        } else if !effects.calls.is_empty() && !activated.is_deferred {
            let attempts = Attempts {
                scheduled: 1,
                next: activated.time,
            };
            self.calls.start(requester, &effects.calls, attempts);
        }
        if !effects.given_up.is_empty() {
            self.calls.given_up(run, &effects.given_up);
        }
        for woken in &activated.woken {
            self.wake.queue(*woken, Hint::Anything, activated.time);
        }
        if activated.broadcasting {
            self.events.hint();
        }
        if activated.ordering {
            self.orders.hint();
        }
        if effects.continues && !activated.is_deferred {
            self.replies.continues(run);
        }
        if effects.is_end {
            tracing::debug!(%run, status = %activated.status, "a run has ended");
        }
        let is_first = generation == 0 && !effects.continues;
        let run_status = RunStatus {
            status: activated.status,
            journal_bytes: is_first.then_some(activated.journal_bytes),
        };
        self.watchers.tell(run, run_status);
    }
}

/// Returns the operations that an activation has given up.
fn given_up(activation: &Activation) -> Vec<OperationNumber> {
    let made = activation.operations.iter();
    let given_up = made.filter_map(|operation| match &operation.kind {
        Kind::Abandon { operations, .. } => Some(operations),
        _ => None,
    });
    given_up.flatten().copied().collect()
}
