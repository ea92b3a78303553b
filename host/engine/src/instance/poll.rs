//! Helpers for polling a guest by hand: a waker that only sets a flag, and a future that gives way to others once.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake};

/// Set if something has woken the guest since it was last polled. A guest that is pending and was not woken is
/// quiescent.
#[derive(Default)]
pub(super) struct Signal(AtomicBool);

impl Signal {
    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// A wake comes from the thread that polls, or from the time before the instance was passed to that thread. So a relaxed
// ordering is enough.
impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets the executor run other tasks once.
pub(super) async fn yield_now() {
    let mut given = false;
    poll_fn(|cx| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
