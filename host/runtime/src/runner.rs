//! The runner: what the owner of a run does, until there is nothing left to do.
//!
//! Ask the frontier what completes next; let the engine deliver it and run the guest; commit what was decided; act on
//! it. If the commit is refused or fails, the instance is dropped, nothing that it decided is released, and the run is
//! rebuilt from its journal when it is next needed.

use std::sync::Arc;

use dormouse_engine::{Decision, Effect, Interruption};
use dormouse_journal::{
    Channel, Completion, End, Failure, Frontier, OperationNumber, Outcome, Ready, RunId, Source,
    Status, Time, Until, encode,
};
use dormouse_store::{
    Activated, Attempts, Call, Hold, NewCall, NewNotify, NewResponse, NotifyTarget, Refused, Step,
};

use crate::foretold::{Arrivals, Foretold};
use crate::live::LiveRun;
use crate::rebuild::check;
use crate::runtime::Core;
use crate::slots::{Claim, Hint, Release};
use crate::trouble::Trouble;

/// How long a run that met trouble of the host's is left alone.
const RETRY_AFTER: u64 = 1_000;

impl Core {
    /// Something may have happened to this run: sees to it that somebody looks.
    pub(crate) fn wake(self: &Arc<Self>, run: RunId, hint: Hint) {
        self.wake_early(run, hint, None);
    }

    /// The same, of something that was foretold. With a hold, the writes that the store gathers wait for what the run decides,
    /// if it sleeps; if it is being executed, its owner may be waiting for them.
    pub(crate) fn wake_early(self: &Arc<Self>, run: RunId, hint: Hint, hold: Option<Hold>) {
        if let Some(claim) = self.slots.claim(run, hint) {
            let core = self.clone();
            self.spawner
                .spawn(Box::pin(async move { core.own(run, claim, hold).await }));
        }
    }

    async fn own(self: &Arc<Self>, run: RunId, mut claim: Claim, mut hold: Option<Hold>) {
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
                    // What was missing may have been foretold as well, such as a version that is being deployed.
                    self.wake(run, Hint::Anything);
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

    async fn handle(self: &Arc<Self>, run: RunId, trouble: Trouble) {
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
                    self.wake(run, Hint::Anything);
                } else {
                    self.wake_later(run);
                }
            }
        }
    }

    fn wake_later(self: &Arc<Self>, run: RunId) {
        let core = self.clone();
        let time = self.clock.now().after(RETRY_AFTER);
        self.spawner.spawn(Box::pin(async move {
            core.clock.sleep_until(time).await;
            core.wake(run, Hint::Anything);
        }));
    }

    /// Executes activations until none is due.
    async fn work(
        self: &Arc<Self>,
        turn: &mut Turn,
        live: &mut Option<Box<LiveRun>>,
    ) -> Result<(), Trouble> {
        if let Some(live) = live {
            turn.hint(&mut live.frontier);
        }
        while !self.slots.is_stopping() {
            if live.is_none() {
                *live = self.load(turn).await?;
            }
            let Some(current) = live else { return Ok(()) };
            let next = self.next(turn, current)?;
            let Some(next) = next else { return Ok(()) };
            if !self.activate(turn, live, next).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits until all that was foretold has come true or has failed, so that from here on the tables show how it is.
    /// Gives whether anything was.
    async fn settle(&self, turn: &mut Turn) -> bool {
        turn.hold = None;
        turn.foretold = Foretold::default();
        let was_foretold = std::mem::take(&mut turn.was_foretold);
        if was_foretold && let Err(error) = self.store.touch().await {
            tracing::debug!(run = %turn.run, %error, "what was foretold has failed");
        }
        was_foretold
    }

    /// What is to be delivered next. The first activation has nothing to deliver.
    fn next(&self, turn: &mut Turn, live: &mut LiveRun) -> Result<Option<Next>, Trouble> {
        if live.next == 0 {
            return Ok(Some(Next {
                time: self.clock.now().max(live.time),
                delivery: None,
            }));
        }
        let mut arrivals = Arrivals::new(&self.store, turn.run, &mut turn.foretold);
        check(&mut arrivals, &mut live.frontier)?;
        let now = self.clock.now();
        let Some(ready) = live.frontier.next(now) else {
            return Ok(None);
        };
        let time = now.max(live.time).max(ready.time);
        let outcome = outcome(&mut arrivals, &live.frontier, &ready)?;
        let completion = Completion {
            operation: ready.operation,
            outcome,
        };
        Ok(Some(Next {
            time,
            delivery: Some((completion, ready.source)),
        }))
    }

    /// Executes one activation, commits it and acts on it. Gives whether to go on.
    async fn activate(
        self: &Arc<Self>,
        turn: &mut Turn,
        live: &mut Option<Box<LiveRun>>,
        next: Next,
    ) -> Result<bool, Trouble> {
        let run = turn.run;
        let Some(current) = live else {
            return Ok(false);
        };
        let (completion, source) = next.delivery.unzip();
        let mut result = current.instance.activate(next.time, completion).await;
        while let Err(Interruption::Rebuild(partial)) = result {
            self.settle(turn).await;
            let Some(view) = self.store.read()?.view(run)? else {
                return Ok(false);
            };
            current.instance = self.replay(&view, None).await?;
            result = current.instance.go_on(*partial).await;
        }
        let decision = result.map_err(Trouble::from)?;
        let step = self.step(run, current, decision, source);
        current.frontier.apply(&step.activation);
        let ended = step.activation.end.is_some();
        let calls: Vec<_> = step
            .calls
            .iter()
            .map(|call| (call.operation, call.call.clone()))
            .collect();
        let responses = step.responses.clone();
        let (retention, mail) = (self.settings.retention, self.settings.limits.mail());
        let committed = self
            .store
            .activate(run, current.next, step, retention, mail);
        // What this activation decided is in the same queue now, behind what it follows from.
        turn.hold = None;
        match committed.await {
            Ok(Ok(activated)) => {
                current.next += 1;
                current.time = next.time;
                current.journal_bytes = activated.journal_bytes;
                if !activated.is_due {
                    current.frontier.nothing_arrived();
                }
                self.timers.hint(current.frontier.next_deadline());
                self.act(run, &activated, calls, responses);
                if ended {
                    *live = None;
                    tracing::debug!(%run, status = %activated.status, "a run has ended");
                }
                self.tell_watchers(run, activated.status);
                Ok(!ended)
            }
            Ok(Err(refused)) => {
                *live = None;
                tracing::debug!(%run, ?refused, "an activation was thrown away");
                self.settle(turn).await;
                Ok(matches!(refused, Refused::Stale | Refused::Moved))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells those who wait for a run to come as far as it is now, which is durable.
    pub(crate) fn tell_watchers(&self, run: RunId, status: Status) {
        for until in Until::ALL {
            if until.is_reached_by(status) {
                self.watchers.resolve(&(run, until), &status);
            }
        }
    }

    /// What a decision asks of the store.
    fn step(
        &self,
        run: RunId,
        live: &LiveRun,
        mut decision: Decision,
        source: Option<Source>,
    ) -> Step {
        let limit = self.settings.limits.journal;
        let size = live.journal_bytes + encode(&decision.activation).len() as u64;
        if size > limit && decision.activation.end.is_none() {
            decision.effects.clear();
            decision.activation.end = Some(End::Failed {
                failure: Failure {
                    code: "limit".into(),
                    message: format!(
                        "the journal of this run would have {size} bytes, and may have {limit}; the setting is \
                         `journal-limit`. Long loops with large bodies are better split into several runs"
                    ),
                },
                backtrace: None,
            });
        }
        let mut step = Step {
            activation: decision.activation,
            source,
            calls: Vec::new(),
            notifies: Vec::new(),
            responses: Vec::new(),
            logs: decision.logs,
            logged: decision.logged as u64,
        };
        for effect in decision.effects {
            match effect {
                Effect::Call {
                    operation,
                    request,
                    options,
                } => {
                    let call = Call {
                        request,
                        retry: options.retry.unwrap_or_default(),
                        timeout: options.timeout.unwrap_or(self.settings.limits.call_timeout),
                        redirects: options.redirects,
                        idempotency_key: options
                            .idempotency_key
                            .unwrap_or_else(|| format!("{run}-{operation}")),
                        attempts: Attempts {
                            scheduled: 1,
                            next: Time(0),
                        },
                        secret_headers: options.secret_headers,
                    };
                    step.calls.push(NewCall { operation, call });
                }
                Effect::Notify {
                    operation,
                    event,
                    run,
                    payload,
                } => {
                    let to = match run.map(|run| run.parse()) {
                        None => NotifyTarget::Everyone,
                        Some(Ok(run)) => NotifyTarget::Run(run),
                        Some(Err(_)) => NotifyTarget::Nobody,
                    };
                    step.notifies.push(NewNotify {
                        operation,
                        event,
                        to,
                        payload,
                    });
                }
                Effect::Respond { delivery, response } => {
                    step.responses.push(NewResponse { delivery, response });
                }
            }
        }
        step
    }

    /// Does what a committed activation decided.
    fn act(
        self: &Arc<Self>,
        run: RunId,
        activated: &Activated,
        calls: Vec<(OperationNumber, Call)>,
        responses: Vec<NewResponse>,
    ) {
        for NewResponse { delivery, response } in responses {
            self.callers.resolve(&(run, delivery), &response);
        }
        if !activated.status.has_ended() {
            for (operation, mut call) in calls {
                call.attempts.next = activated.time;
                self.start_call(run, operation, call);
            }
        }
        for woken in &activated.woken {
            self.wake(*woken, Hint::Anything);
        }
        if activated.broadcasting {
            self.events.hint();
        }
    }
}

/// What the owner of a run goes by, from when it was woken until nothing more is due.
pub(crate) struct Turn {
    pub(crate) run: RunId,
    pub(crate) foretold: Foretold,
    /// Whether anything was, so that what the tables show may be behind it.
    was_foretold: bool,
    /// Kept until the first activation is in the store's queue.
    pub(crate) hold: Option<Hold>,
    /// Where something may have arrived.
    channels: Vec<Channel>,
    /// Whether it may have arrived anywhere else as well.
    anywhere: bool,
}

impl Turn {
    fn new(run: RunId, hints: Vec<Hint>, hold: Option<Hold>) -> Self {
        let mut turn = Turn {
            run,
            foretold: Foretold::default(),
            was_foretold: false,
            hold,
            channels: Vec::new(),
            anywhere: false,
        };
        for hint in hints {
            match hint {
                Hint::Channel(channel) => turn.channels.push(channel),
                Hint::Anything => turn.anywhere = true,
                Hint::Time => {}
                Hint::Arrived(arrived) => {
                    turn.channels.push(Channel::Webhook(arrived.webhook));
                    turn.foretold.arrived(*arrived);
                }
                Hint::Started(fresh) => turn.foretold.fresh = Some(fresh),
            }
        }
        turn.was_foretold = !turn.foretold.is_empty();
        turn
    }

    /// Has a run that was kept look where something may have arrived.
    fn hint(&mut self, frontier: &mut Frontier) {
        for channel in self.channels.drain(..) {
            frontier.hint(channel);
        }
        if self.anywhere {
            frontier.hint_all();
        }
    }
}

/// What is to be delivered, and the time of the activation.
struct Next {
    time: Time,
    delivery: Option<(Completion, Source)>,
}

fn outcome(
    arrivals: &mut Arrivals<'_>,
    frontier: &Frontier,
    ready: &Ready,
) -> Result<Outcome, Trouble> {
    let missing = || {
        Trouble::Retry(format!(
            "operation {} has nothing to complete with",
            ready.operation
        ))
    };
    match &ready.source {
        Source::Arrival { channel, place } => arrivals.take(channel, *place)?.ok_or_else(missing),
        Source::Deadline | Source::Abandoned => {
            let open = frontier.get(ready.operation).ok_or_else(missing)?;
            Outcome::given_up(&open.kind).ok_or_else(missing)
        }
    }
}
