//! The state of a run's owner, from the moment when the run was woken until nothing more of it is due: what the owner knows,
//! and what it delivers next.
//!
//! The owner learns of a request or a start before its disk sync, so that the activation that follows from it can become
//! durable by the same sync. The store's reads do not show such a request yet. If the sync fails, the request never becomes
//! durable; then the commit of the activation is refused too, because the store applies writes in order.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use dormouse_journal::{
    Channel, Completion, Frontier, Head, Kind, Moment, Origin, Outcome, Ready, RunId, Source,
};
use dormouse_seams::HostClock;
use dormouse_store::{Hold, ReadError, Store};

use crate::execution_error::ExecutionError;
use crate::hint::{EarlyRequest, EarlyStart, Hint};
use crate::live::LiveRun;
use crate::places::{Place, Places};
use crate::shares::Requester;
use crate::wake::Seat;

/// The number of times that a guest gives way before it counts as one that computes for long: some 20 ms.
const LONG: u32 = 8;

/// The state of a run's owner.
pub(crate) struct OwnerState {
    pub(crate) run: RunId,
    /// The start of the run, if it may not be durable yet.
    start: Option<Box<EarlyStart>>,
    /// The requests that may not be durable yet, in the order of their acceptance.
    requests: Vec<EarlyRequest>,
    /// Keeps the store's group open until the first activation is in the queue.
    pub(crate) hold: Option<Hold>,
    /// The run's place: taken before the run has an instance, and kept until its owner releases the run.
    pub(crate) place: Option<Place>,
    /// The seat of the run, if it is woken by the herd.
    pub(crate) seat: Option<Seat>,
    /// True if the run has computed for long.
    pub(crate) computed_long: bool,
    /// True if something was known before it was durable, so that the store's reads may lag behind it.
    was_early: bool,
    /// True if there are requests that are not among these, and may not be durable yet.
    pub(crate) is_behind: bool,
    /// The channels in which something may have arrived.
    channels: Vec<Channel>,
    /// True if something may also have arrived in any other channel.
    anywhere: bool,
}

/// What is to be delivered, and the moment of the activation. The first activation has nothing to deliver.
pub(crate) struct Next {
    pub(crate) now: Moment,
    pub(crate) delivery: Option<(Completion, Origin)>,
}

/// What is first in the channels with requests that may not be durable yet, in the order of their acceptance.
pub(crate) struct EarlyHeads(Vec<(Channel, Head)>);

impl EarlyHeads {
    /// Tells the frontier what is first in a channel, given what the store has there.
    pub(crate) fn found(&self, frontier: &mut Frontier, channel: Channel, durable: Option<Head>) {
        let early = self.0.iter().find(|(early, _)| *early == channel);
        let head = durable.into_iter().chain(early.map(|(_, head)| *head));
        let head = head.min_by_key(|head| head.place);
        frontier.found(channel, head);
    }
}

impl OwnerState {
    pub(crate) fn new(run: RunId, hints: Vec<Hint>, hold: Option<Hold>) -> Self {
        let mut state = OwnerState {
            run,
            start: None,
            requests: Vec::new(),
            hold,
            place: None,
            seat: None,
            computed_long: false,
            was_early: false,
            is_behind: false,
            channels: Vec::new(),
            anywhere: false,
        };
        for hint in hints {
            match hint {
                Hint::Channel(channel) => state.channels.push(channel),
                Hint::Anything => state.anywhere = true,
                Hint::Time => {}
                Hint::Request(request) => {
                    state.channels.push(Channel::Webhook(request.webhook));
                    state.requests.push(*request);
                }
                Hint::Start(start) => state.start = Some(start),
                Hint::Behind => state.is_behind = true,
            }
        }
        state.was_early = state.start.is_some() || !state.requests.is_empty();
        state
    }

    /// Tells a run with a warm instance where something may have arrived.
    pub(crate) fn hint(&mut self, frontier: &mut Frontier) {
        for channel in self.channels.drain(..) {
            frontier.hint(channel);
        }
        if self.anywhere {
            frontier.hint_all();
        }
    }

    /// Waits until the run has a place. Lets go of the store's group meanwhile, so that no other run waits.
    pub(crate) async fn take_place(&mut self, places: &Arc<Places>, workflow: &Arc<str>) {
        if self.place.is_some() {
            return;
        }
        let requester = Requester {
            workflow: workflow.clone(),
            run: self.run,
        };
        let mut taking = places.take(&requester);
        self.place = match taking.try_recv() {
            Ok(Some(place)) => Some(place),
            _ => {
                self.hold = None;
                self.wait();
                let place = taking.await.ok();
                self.execute();
                place
            }
        };
    }

    /// Notes that the run executes from now on.
    pub(crate) fn execute(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.execute();
        }
    }

    /// Notes that the run waits from now on, and does not keep others from executing.
    pub(crate) fn wait(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.wait();
        }
    }

    /// Executes the guest, or repeats its journal. If that takes long, others get the seat of the run.
    pub(crate) async fn computing<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        let mut times = 0;
        poll_fn(|context| {
            let polled = work.as_mut().poll(context);
            if polled.is_pending() {
                times += 1;
                if times == LONG {
                    self.computes_long();
                }
            }
            polled
        })
        .await
    }

    fn computes_long(&mut self) {
        self.computed_long = true;
        if let Some(seat) = &mut self.seat {
            seat.computes_long();
        }
    }

    /// Forgets what was known before it was durable, and lets go of the store's group. Returns true if anything was known.
    pub(crate) fn forget_early(&mut self) -> bool {
        self.hold = None;
        self.start = None;
        self.requests = Vec::new();
        std::mem::take(&mut self.was_early)
    }

    /// Takes the start of the run, if it may not be durable yet.
    pub(crate) fn take_start(&mut self) -> Option<Box<EarlyStart>> {
        self.start.take()
    }

    /// Returns what is to be delivered next to a run in memory. None if nothing is due.
    pub(crate) async fn next(
        &mut self,
        store: &dyn Store,
        clock: &HostClock,
        live: &mut LiveRun,
    ) -> Result<Option<Next>, ExecutionError> {
        if !live.has_begun {
            let now = clock.moment();
            return Ok(Some(Next {
                now: Moment {
                    time: now.time.max(live.time),
                    ..now
                },
                delivery: None,
            }));
        }
        self.check(store, &mut live.frontier).await?;
        let now = clock.moment();
        let Some(ready) = live.frontier.next(now) else {
            return Ok(None);
        };
        let time = now.time.max(live.time).max(ready.time);
        let outcome = self.outcome(store, &live.frontier, &ready).await?;
        let completion = Completion {
            operation: ready.operation,
            outcome,
        };
        let origin = origin(&live.frontier, ready);
        Ok(Some(Next {
            now: Moment { time, ..now },
            delivery: Some((completion, origin)),
        }))
    }

    /// Looks up every channel that the frontier wants to know about.
    pub(crate) async fn check(
        &self,
        store: &dyn Store,
        frontier: &mut Frontier,
    ) -> Result<(), ReadError> {
        let early = self.early_heads();
        loop {
            let channels: Vec<Channel> = frontier.unchecked().cloned().collect();
            if channels.is_empty() {
                return Ok(());
            }
            // Mostly, what is known early is all there is, and the store need not be asked.
            let is_known =
                |channel: &Channel| self.first(channel).is_some_and(|first| first.is_first);
            let unknown: Vec<Channel> = channels
                .iter()
                .filter(|channel| !is_known(channel))
                .cloned()
                .collect();
            let mut durable = Vec::new().into_iter().peekable();
            if !unknown.is_empty() {
                durable = store.heads(self.run, unknown).await?.into_iter().peekable();
            }
            for channel in channels {
                // The store answers in the order in which it was asked.
                let head = durable.next_if(|(answered, _)| *answered == channel);
                early.found(frontier, channel, head.map(|(_, head)| head));
            }
        }
    }

    /// Returns what is first in the channels with requests that may not be durable yet.
    pub(crate) fn early_heads(&self) -> EarlyHeads {
        let heads = self.requests.iter().map(|request| {
            let head = Head {
                place: request.place,
                accepted: request.delivery.accepted,
            };
            (Channel::Webhook(request.webhook), head)
        });
        EarlyHeads(heads.collect())
    }

    /// Returns the request in a channel that was accepted first, of those that may not be durable yet.
    fn first(&self, channel: &Channel) -> Option<&EarlyRequest> {
        let Channel::Webhook(webhook) = channel else {
            return None;
        };
        self.requests
            .iter()
            .find(|request| request.webhook == *webhook)
    }

    /// Returns what an operation completes with.
    async fn outcome(
        &mut self,
        store: &dyn Store,
        frontier: &Frontier,
        ready: &Ready,
    ) -> Result<Outcome, ExecutionError> {
        let outcome = match &ready.source {
            Source::Arrival { channel, place } => self.take(store, channel, *place).await?,
            Source::Deadline | Source::Abandoned => {
                let open = frontier.get(ready.operation);
                open.and_then(|open| Outcome::given_up(&open.kind))
            }
        };
        let operation = ready.operation;
        let missing = || format!("operation {operation} has nothing to complete with");
        outcome.ok_or_else(|| ExecutionError::Retry(missing()))
    }

    /// Takes what is at this place in a channel, as the outcome of the operation that takes it.
    async fn take(
        &mut self,
        store: &dyn Store,
        channel: &Channel,
        place: u64,
    ) -> Result<Option<Outcome>, ReadError> {
        if let Channel::Webhook(webhook) = channel {
            let found = self
                .requests
                .iter()
                .position(|request| request.webhook == *webhook && request.place == place);
            if let Some(index) = found {
                let delivery = self.requests.remove(index).delivery;
                return Ok(Some(Outcome::Delivery(Some(delivery))));
            }
        }
        store.arrival(self.run, channel.clone(), place).await
    }
}

/// Returns where an operation's completion comes from.
fn origin(frontier: &Frontier, ready: Ready) -> Origin {
    let event = match (&ready.source, frontier.get(ready.operation)) {
        (
            Source::Arrival {
                channel: Channel::Result(_),
                ..
            },
            Some(open),
        ) => match &open.kind {
            Kind::WaitForEvent { event, .. } => Some(event.clone()),
            _ => None,
        },
        _ => None,
    };
    Origin {
        source: ready.source,
        accepted: ready.accepted,
        event,
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use futures::FutureExt;

    use super::*;

    /// Executes work that gives way this many times. Returns whether that counts as computing for long.
    fn is_long(times: u32) -> bool {
        let mut state = OwnerState::new(RunId([1; 16]), Vec::new(), None);
        let mut given = 0;
        let work = poll_fn(|context: &mut Context<'_>| {
            if given == times {
                return Poll::Ready(());
            }
            given += 1;
            context.waker().wake_by_ref();
            Poll::Pending
        });
        let mut computing = Box::pin(state.computing(work));
        while computing.as_mut().now_or_never().is_none() {}
        drop(computing);
        state.computed_long
    }

    #[test]
    fn a_guest_that_gives_way_often_computes_for_long() {
        assert!(!is_long(0));
        assert!(!is_long(LONG - 1));
        assert!(is_long(LONG));
    }
}
