//! Places for runs that are executed: one for each instance that cannot be dropped now.
//!
//! A run takes a place before it has an instance, and keeps it until its owner lets go. The places are as many as there may
//! be instances, and are shared as [`Shares`] says. A run that sleeps has none, since its instance can be dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

use crate::shares::{Party, Shares};

/// All places.
pub(crate) struct Places(Mutex<Shares<oneshot::Sender<Place>>>);

/// The place of a run. It is free again when this is dropped.
pub(crate) struct Place {
    /// None once it was given back.
    places: Option<Arc<Places>>,
    party: Party,
}

impl Places {
    pub(crate) fn new(instances: u32) -> Arc<Self> {
        Arc::new(Places(Mutex::new(Shares::new(instances as usize))))
    }

    /// Asks for a place, which is there at once or when it is the run's turn.
    pub(crate) fn take(self: &Arc<Self>, party: &Party) -> oneshot::Receiver<Place> {
        let (sender, receiver) = oneshot::channel();
        self.lock().push(party, sender);
        self.serve();
        receiver
    }

    /// Gives places to those who wait, as far as there are any.
    fn serve(self: &Arc<Self>) {
        loop {
            let Some((party, waiting)) = self.lock().next() else {
                return;
            };
            let place = Place {
                places: Some(self.clone()),
                party,
            };
            // Whoever has gone away gets nothing.
            if let Err(mut place) = waiting.send(place) {
                place.places = None;
                self.lock().done(&place.party);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shares<oneshot::Sender<Place>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.places.take() {
            places.lock().done(&self.party);
            places.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::RunId;
    use futures::FutureExt;

    use super::*;

    fn party(run: u8) -> Party {
        Party {
            workflow: "w".into(),
            run: RunId([run; 16]),
        }
    }

    #[test]
    fn who_gives_up_does_not_keep_the_place_from_the_next() {
        let places = Places::new(1);
        let first = places.take(&party(1)).now_or_never().unwrap().unwrap();
        let given_up = places.take(&party(2));
        let next = places.take(&party(3));
        drop(given_up);
        drop(first);
        let place = next.now_or_never().unwrap().unwrap();
        // One who goes away with the place in hand gives it back.
        let unread = places.take(&party(4));
        drop(place);
        drop(unread);
        assert!(places.take(&party(5)).now_or_never().is_some());
    }
}
