//! The runner: executes the activations of one run, one after the other, and commits each before it acts on it.

use std::sync::Arc;

use dormouse_engine::Interruption;
use dormouse_journal::{
    Completion, Frontier, Moment, OperationNumber, Outcome, Ready, RunId, Source, Time,
};
use dormouse_limits::Limits;
use dormouse_seams::{HostClock, Spawner, Task};
use dormouse_store::{Activated, Attempts, CommitRefused, Hold, NewResponse, Store};

use crate::calls::Calls;
use crate::decisions;
use crate::events::{Events, mail_limits};
use crate::live::LiveRun;
use crate::replay::Replay;
use crate::replies::Replies;
use crate::slots::{Claim, Hint, Release, Slots};
use crate::timers::Deadlines;
use crate::trouble::Trouble;
use crate::turn::Turn;
use crate::wake::{OwnRuns, Wake};
use crate::watchers::Watchers;

/// How long a run that met trouble of the host's is left alone, in milliseconds.
const RETRY_AFTER: u64 = 1_000;

/// Executes runs.
pub(crate) struct Runner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) replay: Replay,
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) events: Arc<Events>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) limits: Arc<Limits>,
}

/// What is to be delivered, and the moment of the activation. The first activation has nothing to deliver.
struct Next {
    now: Moment,
    delivery: Option<(Completion, Source)>,
}

/// What follows from an activation once it is committed.
struct Effects {
    calls: Vec<OperationNumber>,
    responses: Vec<NewResponse>,
    is_end: bool,
}

impl OwnRuns for Runner {
    fn own(self: Arc<Self>, run: RunId, claim: Claim, hold: Option<Hold>) -> Task {
        Box::pin(async move { self.execute(run, claim, hold).await })
    }
}

impl Runner {
    async fn execute(&self, run: RunId, mut claim: Claim, mut hold: Option<Hold>) {
        loop {
            let Claim {
                owner,
                mut live,
                hints,
            } = claim;
            let mut turn = Turn::new(run, hints, hold.take());
            if let Err(trouble) = self.work(&mut turn, &mut live).await {
                live = None;
                if self.settle(&mut turn).await {
                    // What was missing may have been known early as well, such as a version that is being deployed.
                    self.wake.wake(run, Hint::Anything);
                } else {
                    self.handle(run, trouble).await;
                }
            }
            drop(turn);
            match owner.release(live) {
                Release::Again(again) => claim = again,
                Release::Released => return,
            }
        }
    }

    async fn handle(&self, run: RunId, trouble: Trouble) {
        match trouble {
            Trouble::Block(reason) => {
                tracing::warn!(%run, code = reason.code, reason = reason.message, "a run is blocked");
                if let Err(error) = self.store.block(run, reason).await {
                    tracing::warn!(%run, %error, "a run could not be marked as blocked");
                    self.wake_later(run);
                }
            }
            Trouble::Retry(reason) => {
                tracing::warn!(%run, reason, "a run is tried again later");
                self.wake_later(run);
            }
            Trouble::Crowded => {
                if self.slots.make_room() {
                    self.wake.wake(run, Hint::Anything);
                } else {
                    self.wake_later(run);
                }
            }
        }
    }

    fn wake_later(&self, run: RunId) {
        let (wake, clock) = (self.wake.clone(), self.clock.clone());
        let time = clock.now().after(RETRY_AFTER);
        self.spawner.spawn(Box::pin(async move {
            clock.sleep_until(time).await;
            wake.wake(run, Hint::Anything);
        }));
    }

    /// Executes activations until none is due.
    async fn work(&self, turn: &mut Turn, live: &mut Option<Box<LiveRun>>) -> Result<(), Trouble> {
        if let Some(live) = live {
            turn.hint(&mut live.frontier);
        }
        while !self.slots.is_stopping() {
            if live.is_none() {
                *live = self.replay.load(turn).await?;
            }
            let Some(current) = live else { return Ok(()) };
            let next = self.next(turn, current).await?;
            let Some(next) = next else { return Ok(()) };
            if !self.activate(turn, live, next).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until all that was known early is durable or has failed, so that from here on the store's reads show how it is.
    /// Returns whether anything was known early.
    async fn settle(&self, turn: &mut Turn) -> bool {
        let was_early = turn.forget_early();
        if was_early && let Err(error) = self.store.barrier(turn.run).await {
            tracing::debug!(run = %turn.run, %error, "what was known early has failed");
        }
        was_early
    }

    /// Returns what is to be delivered next.
    async fn next(&self, turn: &mut Turn, live: &mut LiveRun) -> Result<Option<Next>, Trouble> {
        if live.next == 0 {
            let now = self.clock.moment();
            return Ok(Some(Next {
                now: Moment {
                    time: now.time.max(live.time),
                    ..now
                },
                delivery: None,
            }));
        }
        turn.early
            .check(&*self.store, turn.run, &mut live.frontier)
            .await?;
        let now = self.clock.moment();
        let Some(ready) = live.frontier.next(now) else {
            return Ok(None);
        };
        let time = now.time.max(live.time).max(ready.time);
        let outcome = self.outcome(turn, &live.frontier, &ready).await?;
        let completion = Completion {
            operation: ready.operation,
            outcome,
        };
        Ok(Some(Next {
            now: Moment { time, ..now },
            delivery: Some((completion, ready.source)),
        }))
    }

    /// Returns what an operation completes with.
    async fn outcome(
        &self,
        turn: &mut Turn,
        frontier: &Frontier,
        ready: &Ready,
    ) -> Result<Outcome, Trouble> {
        let outcome = match &ready.source {
            Source::Arrival { channel, place } => {
                turn.early
                    .take(&*self.store, turn.run, channel, *place)
                    .await?
            }
            Source::Deadline | Source::Abandoned => {
                let open = frontier.get(ready.operation);
                open.and_then(|open| Outcome::given_up(&open.kind))
            }
        };
        let operation = ready.operation;
        let missing = || format!("operation {operation} has nothing to complete with");
        outcome.ok_or_else(|| Trouble::Retry(missing()))
    }

    /// Executes one activation, commits it and acts on it. Returns whether to go on.
    ///
    /// If the process dies before the commit is durable, nothing of the activation has happened. If it dies after that and
    /// before [`Runner::act`] is done, the calls are taken up at the next start, and callers ask again.
    async fn activate(
        &self,
        turn: &mut Turn,
        live: &mut Option<Box<LiveRun>>,
        next: Next,
    ) -> Result<bool, Trouble> {
        let run = turn.run;
        let Some(current) = live else {
            return Ok(false);
        };
        let (completion, source) = next.delivery.unzip();
        let mut result = current.instance.activate(next.now, completion).await;
        while let Err(Interruption::Rebuild(partial)) = result {
            self.settle(turn).await;
            let Some(recalled) = self.store.recall(run).await? else {
                return Ok(false);
            };
            current.instance = self.replay.instance(&recalled.view, None).await?;
            result = current.instance.go_on(*partial).await;
        }
        let decision = result.map_err(Trouble::from)?;
        let new = decisions::activation(&self.limits, run, decision, source, current.journal_bytes);
        current.frontier.apply(&new.activation);
        let effects = Effects {
            calls: new.calls.iter().map(|call| call.operation).collect(),
            responses: new.responses.clone(),
            is_end: new.activation.end.is_some(),
        };
        let number = current.next;
        let (retention, mail) = (self.limits.retention, mail_limits(&self.limits));
        let committed = self.store.activate(run, number, new, retention, mail);
        // What this activation decided is in the same queue now, behind what it follows from.
        turn.hold = None;
        match committed.await {
            Ok(Ok(activated)) => {
                self.follow(current, next.now.time, &activated);
                self.act(run, &activated, &effects);
                if effects.is_end {
                    *live = None;
                }
                Ok(!effects.is_end)
            }
            Ok(Err(refused)) => {
                *live = None;
                tracing::debug!(%run, ?refused, "an activation was thrown away");
                self.settle(turn).await;
                Ok(matches!(
                    refused,
                    CommitRefused::Stale | CommitRefused::Moved
                ))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings the run in memory to where its journal is now.
    fn follow(&self, live: &mut LiveRun, time: Time, activated: &Activated) {
        live.next += 1;
        live.time = time;
        live.journal_bytes = activated.journal_bytes;
        if !activated.is_due {
            live.frontier.nothing_arrived();
        }
        self.deadlines
            .hint(live.frontier.next_deadline(self.clock.moment()));
    }

    /// Does what a committed activation decided.
    fn act(&self, run: RunId, activated: &Activated, effects: &Effects) {
        for NewResponse { delivery, response } in &effects.responses {
            self.replies.answer(run, delivery, response);
        }
        if !activated.status.has_ended() {
            let attempts = Attempts {
                scheduled: 1,
                next: activated.time,
            };
            for operation in &effects.calls {
                self.calls.start(run, *operation, attempts);
            }
        }
        for woken in &activated.woken {
            self.wake.wake(*woken, Hint::Anything);
        }
        if activated.broadcasting {
            self.events.hint();
        }
        if effects.is_end {
            tracing::debug!(%run, status = %activated.status, "a run has ended");
        }
        self.watchers.tell(run, activated.status);
    }
}
