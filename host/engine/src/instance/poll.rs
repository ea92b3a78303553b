//! Polling by hand: a waker that only raises a flag, and a way to let others have a turn.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake};

/// Whether something has woken the guest since it was polled. If not, and it is pending, it is quiescent.
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

// Wakes come from the thread that polls, or from before the instance was handed to it; hence no stronger ordering.
impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Goes once to the end of the executor's queue.
pub(super) async fn give_way() {
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
