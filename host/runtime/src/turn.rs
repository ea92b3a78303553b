//! The state of a run's owner, from the moment when the run was woken until nothing more of it is due.

use std::sync::Arc;

use dormouse_journal::{Channel, Frontier, RunId};
use dormouse_store::Hold;

use crate::early::Early;
use crate::hint::Hint;
use crate::places::{Place, Places};
use crate::shares::Party;
use crate::wake::Seat;

/// The state of a run's owner.
pub(crate) struct Turn {
    pub(crate) run: RunId,
    pub(crate) early: Early,
    /// Keeps the store's group open until the first activation is in the queue.
    pub(crate) hold: Option<Hold>,
    /// The run's place: taken before the run has an instance, and kept until its owner releases the run.
    pub(crate) place: Option<Place>,
    /// The seat of the run, if it is woken by the herd.
    pub(crate) seat: Option<Seat>,
    /// True if something was known before it was durable, so that the store's reads may lag behind it.
    was_early: bool,
    /// The channels in which something may have arrived.
    channels: Vec<Channel>,
    /// True if something may also have arrived in any other channel.
    anywhere: bool,
}

impl Turn {
    pub(crate) fn new(run: RunId, hints: Vec<Hint>, hold: Option<Hold>) -> Self {
        let mut turn = Turn {
            run,
            early: Early::default(),
            hold,
            place: None,
            seat: None,
            was_early: false,
            channels: Vec::new(),
            anywhere: false,
        };
        for hint in hints {
            match hint {
                Hint::Channel(channel) => turn.channels.push(channel),
                Hint::Anything => turn.anywhere = true,
                Hint::Time => {}
                Hint::Request(request) => {
                    turn.channels.push(Channel::Webhook(request.webhook));
                    turn.early.add(*request);
                }
                Hint::Start(start) => turn.early.start = Some(start),
            }
        }
        turn.was_early = !turn.early.is_empty();
        turn
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
        let party = Party {
            workflow: workflow.clone(),
            run: self.run,
        };
        let mut taking = places.take(&party);
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

    /// Forgets what was known before it was durable, and lets go of the store's group. Returns true if anything was known.
    pub(crate) fn forget_early(&mut self) -> bool {
        self.hold = None;
        self.early = Early::default();
        std::mem::take(&mut self.was_early)
    }
}
