//! What the owner of a run goes by, from when it was woken until nothing more is due.

use std::sync::Arc;

use dormouse_journal::{Channel, Frontier, RunId};
use dormouse_store::Hold;

use crate::early::Early;
use crate::hint::Hint;
use crate::places::{Place, Places};
use crate::shares::Party;
use crate::wake::Seat;

/// What the owner of a run goes by.
pub(crate) struct Turn {
    pub(crate) run: RunId,
    pub(crate) early: Early,
    /// Kept until the first activation is in the store's queue.
    pub(crate) hold: Option<Hold>,
    /// Held from before the run has an instance until its owner lets go.
    pub(crate) place: Option<Place>,
    /// Held if the host itself woke the run.
    pub(crate) seat: Option<Seat>,
    /// True if anything was known early, so that the store's reads may be behind it.
    was_early: bool,
    /// Where something may have arrived.
    channels: Vec<Channel>,
    /// True if it may have arrived anywhere else as well.
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

    /// Has a run that was kept look where something may have arrived.
    pub(crate) fn hint(&mut self, frontier: &mut Frontier) {
        for channel in self.channels.drain(..) {
            frontier.hint(channel);
        }
        if self.anywhere {
            frontier.hint_all();
        }
    }

    /// Waits until the run has a place. Nobody else is kept waiting meanwhile.
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

    /// The run executes from here on.
    pub(crate) fn execute(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.execute();
        }
    }

    /// The run waits from here on, and does not keep others from executing.
    pub(crate) fn wait(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.wait();
        }
    }

    /// Forgets what was known early, and lets the store's group go. Returns whether anything was known.
    pub(crate) fn forget_early(&mut self) -> bool {
        self.hold = None;
        self.early = Early::default();
        std::mem::take(&mut self.was_early)
    }
}
