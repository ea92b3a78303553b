//! The driver of a guest. It polls the guest by hand, one completion at a time.
//!
//! Wasmtime's event loop is a future that owns the guest's store. So an instance can move to another thread between two
//! activations, and can be dropped at any point. The future and the driver share nothing but [`Shared`].

mod execution;
mod poll;

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use dormouse_journal::{
    Activation, Completion, Cursor, End, Failure, Moment, Operation, OperationNumber, Payload,
};
use dormouse_limits::BODY;

use crate::bindings::WorkflowPre;
use crate::cpu::Pace;
use crate::decision::{Decision, Effect, Interruption};
use crate::failure::{self, Consequence};
use crate::guest::Guest;
use crate::instance_parts::InstanceParts;
use crate::limits;
use crate::state::{Shared, State};
use crate::stop::Stop;
use execution::{Returned, execute};
use poll::{Signal, yield_now};

/// The number of activations that a replay repeats before other guests get a turn. Without this, they would wait for the
/// whole replay, which takes about a second for a long journal.
const REPLAYS_A_TURN: u32 = 64;

/// One run of a program, live or being replayed.
///
/// Each of its async methods is one activation. The instance cannot be used any more after an error, after the end of
/// the run, or after a method's future was dropped before it was complete.
pub struct Instance {
    shared: Arc<Shared>,
    /// None once the guest has ended or was torn down.
    guest: Option<Pin<Box<dyn Future<Output = Returned> + Send>>>,
    signal: Arc<Signal>,
    waker: Waker,
    /// The number of activations that were replayed.
    replayed: u32,
    /// True if the last activation computed for long. The next one is expected to do the same.
    is_long: bool,
    /// The turn to execute, if the instance computes for long and has one.
    turn: Option<Box<dyn Any + Send>>,
}

/// The state of a guest that has nothing more to do in its activation.
enum Settled {
    /// The guest waits for an outcome.
    Quiescent,
    /// The guest has ended.
    Returned(Returned),
    /// The host stops the guest.
    Stopped(Stop),
}

/// What must be done with a guest after it was polled.
enum Polled {
    /// Nothing, because the guest has nothing more to do in this activation.
    Settled(Settled),
    /// Poll the guest again, at this pace.
    Next(Pace),
}

impl Instance {
    pub(crate) fn new(program: WorkflowPre<Guest>, mut parts: InstanceParts) -> Self {
        let limits = parts.limits;
        let input = std::mem::take(&mut parts.input);
        let shared = Arc::new(Shared::new(parts));
        let signal = Arc::<Signal>::default();
        Instance {
            guest: Some(Box::pin(execute(program, shared.clone(), limits, input))),
            shared,
            waker: signal.clone().into(),
            signal,
            replayed: 0,
            is_long: false,
            turn: None,
        }
    }

    /// Replays a recorded activation.
    ///
    /// # Errors
    /// If the guest does not repeat what is recorded, or the host cannot continue now.
    pub async fn replay(&mut self, mut activation: Activation) -> Result<(), Interruption> {
        let completion = activation.completion.take();
        self.open(completion, |cursor| cursor.open_recorded(activation))?;
        self.run().await?;
        self.replayed = self.replayed.wrapping_add(1);
        if self.replayed.is_multiple_of(REPLAYS_A_TURN) {
            self.next_turn().await;
        }
        Ok(())
    }

    /// Takes the memory for recorded activations of this many bytes, which are to be replayed, in place of those before them.
    ///
    /// # Errors
    /// If the host has no memory left.
    pub fn hold_records(&mut self, bytes: usize) -> Result<(), Interruption> {
        let mut state = self.shared.lock();
        state.hold_records(bytes);
        let reserved = state.reserve_held();
        reserved.map_err(|_| Interruption::NoMemory)
    }

    /// Ends a replay. The instance gives up its turn. The memory that was taken for the recorded activations stays reserved, for
    /// its next activation.
    pub fn end_replay(&mut self) {
        self.turn = None;
        self.shared.lock().hold_records(0);
    }

    /// Makes a new activation at this moment: delivers the completion, and lets the guest run until it waits or ends. The
    /// first activation has no completion, and calls the guest with its input. A guest that executes for long gives way
    /// to others from time to time.
    ///
    /// # Errors
    /// If the host cannot continue now. The end of the run is not an error: it is in the decision.
    pub async fn activate(
        &mut self,
        now: Moment,
        completion: Option<Completion>,
    ) -> Result<Decision, Interruption> {
        self.open(completion.clone(), |cursor| {
            cursor.open_live(now, completion);
        })?;
        self.decide().await
    }

    /// Continues an activation that [`Interruption::Rebuild`] interrupted in another instance.
    ///
    /// # Errors
    /// As for [`Instance::activate`].
    pub async fn go_on(&mut self, partial: Decision) -> Result<Decision, Interruption> {
        let Decision {
            activation,
            effects,
            replaced: _,
            next: _,
            broke: _,
            logs,
            logged,
            labels,
        } = partial;
        self.open(activation.completion.clone(), |cursor| {
            cursor.open_partial(activation);
        })?;
        {
            let mut state = self.shared.lock();
            state.effects = effects;
            state.log.restore(logs, logged);
            state.labels.restore(labels);
        }
        self.decide().await
    }

    /// Lets these operations be done again in a replay: what the guest makes now counts, and not what is recorded.
    pub fn do_again(&mut self, operations: BTreeSet<OperationNumber>) {
        self.shared.lock().cursor.do_again(operations);
    }

    /// Returns the operations that were done again as the guest made them, and their effects.
    pub fn take_again(&mut self) -> (Vec<(OperationNumber, Operation)>, Vec<Effect>) {
        let mut state = self.shared.lock();
        let remade = state.cursor.take_remade();
        (remade, std::mem::take(&mut state.effects))
    }

    /// Returns approximately how many bytes the instance keeps in addition to what all instances of its program share.
    #[must_use]
    pub fn footprint(&self) -> usize {
        if self.guest.is_none() {
            return 0;
        }
        self.shared.memory.own() + self.shared.lock().kept()
    }

    /// Notes that the decision of the last activation is durable, so that the host no longer has it in memory.
    pub fn committed(&mut self) {
        self.shared.lock().release_made();
    }

    /// Opens an activation, and puts its completion where the guest finds it.
    fn open(
        &mut self,
        completion: Option<Completion>,
        open: impl FnOnce(&mut Cursor),
    ) -> Result<(), Interruption> {
        if self.guest.is_none() {
            let message = "an instance whose guest has ended was given another activation";
            return Err(Interruption::Host(message.into()));
        }
        let mut state = self.shared.lock();
        open(&mut state.cursor);
        if completion.is_none() {
            state.first_shift = state.cursor.now().shift;
        }
        state.meter.reset();
        (state.volume, state.made) = (0, 0);
        state.log.forget_final_output();
        let completed = completion.map_or(Ok(()), |completion| state.waits.complete(completion));
        drop(state);
        completed.map_err(|stop| {
            self.stop();
            Interruption::Host(stop.to_string())
        })
    }

    /// Runs the open activation, which is a new one.
    async fn decide(&mut self) -> Result<Decision, Interruption> {
        self.run().await?.ok_or_else(|| {
            Interruption::Host("a new activation was taken for a recorded one".into())
        })
    }

    /// Runs the open activation and closes it. Returns a decision if the activation is new.
    async fn run(&mut self) -> Result<Option<Decision>, Interruption> {
        let settled = self.settle().await;
        let consequence = self.shared.lock().consequence_of(settled);
        if consequence.is_some() {
            self.stop();
        }
        let mut state = self.shared.lock();
        let closed = match consequence {
            None => state.cursor.close(None),
            Some(Consequence::Ends(end)) => state.cursor.close(Some(end)),
            Some(Consequence::Continues(next)) => {
                state.next = Some(next);
                state.cursor.close_generation()
            }
            Some(Consequence::Interrupted(interruption)) => return Err(interruption),
            Some(Consequence::Rebuild) => {
                let partial = state.cursor.take_partial();
                let partial =
                    partial.map_err(|mismatch| Interruption::Mismatch(Box::new(mismatch)))?;
                let partial = partial.map(|activation| state.decision(activation));
                return Err(partial.map_or_else(
                    || Interruption::Host("a step was finished outside an activation".into()),
                    |partial| Interruption::Rebuild(Box::new(partial)),
                ));
            }
        };
        let decided = closed.map(|made| made.map(|activation| state.decision(activation)));
        drop(state);
        decided.map_err(|mismatch| {
            self.stop();
            Interruption::Mismatch(Box::new(mismatch))
        })
    }

    /// Polls the guest until it has nothing more to do.
    async fn settle(&mut self) -> Settled {
        if self.is_long && self.turn.is_none() {
            self.next_turn().await;
        }
        self.is_long = false;
        loop {
            let polled = self.poll();
            let polled = self.after_poll(polled);
            if let Err(stop) = self.hash_large().await {
                return Settled::Stopped(stop);
            }
            match polled {
                Polled::Settled(settled) => {
                    // A replay keeps its turn for the next activations.
                    if self.shared.lock().cursor.is_live() {
                        self.turn = None;
                    }
                    return settled;
                }
                Polled::Next(Pace::Short) => {}
                Polled::Next(Pace::Yields) => yield_now().await,
                Polled::Next(Pace::Long) => {
                    self.is_long = true;
                    self.next_turn().await;
                }
            }
        }
    }

    /// Has the large arguments of the operations hashed that the guest has made in this poll. It does not go on meanwhile.
    async fn hash_large(&mut self) -> Result<(), Stop> {
        loop {
            let Some(unhashed) = self.shared.lock().cursor.take_unhashed() else {
                return Ok(());
            };
            // Hashing takes a processor from others, as computing does.
            if self.turn.is_none() {
                self.turn = Some(self.shared.turns.next().await);
            }
            let hashed = self.shared.turns.hash(unhashed).await;
            let hashed = hashed.ok_or_else(|| Stop::Host("the host is stopping".into()))?;
            let compared = self.shared.lock().cursor.put_hashed(hashed);
            compared.map_err(Box::new)?;
        }
    }

    /// Waits for the next turn among the guests that compute for long. The present turn ends.
    async fn next_turn(&mut self) {
        self.turn = None;
        // Even if there is a turn at once, others may be in the executor's queue.
        yield_now().await;
        self.turn = Some(self.shared.turns.next().await);
    }

    /// Returns what must be done with the guest after this poll.
    fn after_poll(&self, polled: Poll<Returned>) -> Polled {
        let mut state = self.shared.lock();
        if let Some(stop) = state.fault.take() {
            return Polled::Settled(Settled::Stopped(stop));
        }
        match polled {
            Poll::Ready(returned) => Polled::Settled(Settled::Returned(returned)),
            Poll::Pending if !self.signal.is_raised() => Polled::Settled(Settled::Quiescent),
            Poll::Pending => {
                let pace = state.meter.poll_ends();
                // The limit of a preempted guest is checked at its next tick, which knows where in its code the guest
                // is.
                let may_stop = !state.meter.is_preempted();
                match state.out_of_cpu().filter(|_| may_stop) {
                    Some(stop) => Polled::Settled(Settled::Stopped(stop)),
                    None => Polled::Next(pace),
                }
            }
        }
    }

    fn poll(&mut self) -> Poll<Returned> {
        let Some(guest) = &mut self.guest else {
            return Poll::Pending;
        };
        self.signal.clear();
        self.shared.lock().meter.poll_begins();
        guest.as_mut().poll(&mut Context::from_waker(&self.waker))
    }

    /// Tears the guest down. This does not give up the operations that it waited for.
    fn stop(&mut self) {
        self.shared.lock().closed = true;
        self.guest = None;
    }
}

impl State {
    /// Returns the consequence of the guest's state for its run. None if the guest waits for something that can happen.
    fn consequence_of(&mut self, settled: Settled) -> Option<Consequence> {
        self.flush_streams();
        let live = self.cursor.is_live();
        let final_output = self.log.take_final_output();
        let mut returned = false;
        let consequence = match settled {
            Settled::Quiescent if live && !self.waits.can_wake() => failure::failed(
                "stuck",
                "the workflow waits for something that can never happen: no timer, call, webhook or other operation of its \
                 own is outstanding"
                    .into(),
                None,
            ),
            Settled::Quiescent => return None,
            Settled::Stopped(stop) => failure::of_stop(stop, live, final_output, None),
            Settled::Returned(Err(crash)) => failure::of_crash(crash, live, final_output),
            Settled::Returned(Ok(result)) => match self.check_result(&result) {
                Ok(()) => {
                    returned = true;
                    failure::of_result(result)
                }
                Err(stop) => failure::of_stop(stop, live, final_output, None),
            },
        };
        self.broke = !returned && matches!(consequence, Consequence::Ends(End::Failed { .. }));
        self.keep_effects(&consequence, returned);
        if let (false, Consequence::Ends(End::Failed { failure, .. })) = (live, &consequence) {
            let Failure { code, message } = failure;
            tracing::debug!(run = %self.run.id, code, message, "a replay failed before the end of the journal");
        }
        Some(consequence)
    }

    /// Drops the effects that are not performed if the run, or its generation, ends in this way.
    fn keep_effects(&mut self, consequence: &Consequence, returned: bool) {
        let (left_by_itself, went_well) = match consequence {
            Consequence::Ends(End::Completed(_)) | Consequence::Continues(_) => (true, true),
            Consequence::Ends(End::Failed { .. }) => (returned, false),
            Consequence::Rebuild | Consequence::Interrupted(_) => return,
        };
        self.effects
            .retain(|effect| left_by_itself && effect.outlives_run(went_well));
    }

    fn check_result(&self, result: &Result<Payload, Failure>) -> Result<(), Stop> {
        let size = match result {
            Ok(payload) => payload.content_type.len() + payload.body.len(),
            Err(failure) => failure.code.len() + failure.message.len(),
        };
        limits::check_bytes("the run's result", size, self.host_limits.body, BODY)
    }

    /// Returns the decision of an activation, and removes it from this state.
    fn decision(&mut self, activation: Activation) -> Decision {
        Decision {
            activation,
            effects: std::mem::take(&mut self.effects),
            replaced: std::mem::take(&mut self.webhooks.replaced),
            next: self.next.take(),
            broke: self.broke,
            logs: self.log.take_lines(),
            logged: self.log.logged(),
            labels: self.labels.take(),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("shared", &self.shared)
            .field("over", &self.guest.is_none())
            .finish_non_exhaustive()
    }
}
