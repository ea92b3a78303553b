//! Places for runs that are executed: one for each instance that cannot be dropped now.
//!
//! A run takes a place before it has an instance, and keeps it until its owner releases the run. There are as many
//! places as there may be instances, and they are shared by the rules of [`Shares`]. A run that sleeps has no place,
//! because its instance can be dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

use crate::shares::{Requester, Shares};

/// All places.
pub(crate) struct Places(Mutex<Shares<oneshot::Sender<Place>>>);

/// The place of a run. Dropping it frees the place.
pub(crate) struct Place {
    /// None once the place was given back.
    places: Option<Arc<Places>>,
    requester: Requester,
}

impl Places {
    pub(crate) fn new(instances: u32) -> Arc<Self> {
        Arc::new(Places(Mutex::new(Shares::new(instances as usize))))
    }

    /// Asks for a place. The receiver gets it at once, or when it is the run's turn.
    pub(crate) fn take(self: &Arc<Self>, requester: &Requester) -> oneshot::Receiver<Place> {
        let (sender, receiver) = oneshot::channel();
        self.lock().push(requester, sender);
        self.serve();
        receiver
    }

    /// Gives free places to runs that wait.
    fn serve(self: &Arc<Self>) {
        loop {
            let Some((requester, waiting)) = self.lock().next() else {
                return;
            };
            let place = Place {
                places: Some(self.clone()),
                requester,
            };
            // A run that no longer waits gets nothing.
            if let Err(mut place) = waiting.send(place) {
                place.places = None;
                self.lock().done(&place.requester);
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
            places.lock().done(&self.requester);
            places.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::RunId;
    use futures::FutureExt;

    use super::*;

    fn requester(run: u8) -> Requester {
        Requester {
            workflow: "w".into(),
            run: RunId([run; 16]),
        }
    }

    #[test]
    fn a_task_that_gives_up_does_not_block_the_next() {
        let places = Places::new(1);
        let first = places.take(&requester(1)).now_or_never().unwrap().unwrap();
        let given_up = places.take(&requester(2));
        let next = places.take(&requester(3));
        drop(given_up);
        drop(first);
        let place = next.now_or_never().unwrap().unwrap();
        // A run that was given a place and never used it gives it back.
        let unread = places.take(&requester(4));
        drop(place);
        drop(unread);
        assert!(places.take(&requester(5)).now_or_never().is_some());
    }
}
