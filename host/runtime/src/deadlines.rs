//! The time at which a service next reads something from the store.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use dormouse_journal::Time;
use dormouse_seams::HostClock;
use futures::FutureExt;
use tokio::sync::Notify;

/// The time of the next read.
#[derive(Default)]
pub(crate) struct Deadlines {
    next: Mutex<Option<Time>>,
    earlier: Notify,
}

impl Deadlines {
    /// Notes that there is something to read at this time.
    pub(crate) fn hint(&self, deadline: Option<Time>) {
        let Some(deadline) = deadline else { return };
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.is_none_or(|next| deadline < next) {
            *next = Some(deadline);
            self.earlier.notify_one();
        }
    }

    /// Forgets all hints, because everything is about to be read.
    pub(crate) fn clear(&self) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Time(u64::MAX));
    }

    /// Waits until this time, or until an earlier time that is hinted at.
    pub(crate) async fn wait(&self, clock: &HostClock, until: Time) {
        self.hint(Some(until));
        loop {
            let next = *self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let target = next.unwrap_or(until);
            if target <= clock.now() {
                return;
            }
            let mut reached = clock.sleep_until(target).fuse();
            let mut earlier = pin!(self.earlier.notified().fuse());
            futures::select_biased! {
                () = reached => return,
                () = earlier => {}
            }
        }
    }
}
