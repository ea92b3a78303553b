//! Holds: a hold keeps a group open for a moment, so that what follows from its writes becomes durable by the same
//! sync.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::task::AtomicWaker;

/// Does what follows from a write that was decided. With a hold, the group is kept open meanwhile.
pub type Following = Box<dyn FnOnce(Option<Hold>) + Send>;

/// Returns what follows from a write, if anything does. Called once the write is decided and before it is durable.
pub type Decided<T> = Box<dyn FnOnce(&T) -> Option<Following> + Send>;

/// Keeps a group open. Drop it once the following writes are in the queue, or when there will be none.
pub struct Hold(Arc<Holds>);

/// The holds on a group.
#[derive(Default)]
pub(crate) struct Holds {
    held: AtomicUsize,
    released: AtomicWaker,
}

impl Holds {
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.held.fetch_add(1, Ordering::AcqRel);
        Hold(self.clone())
    }

    /// Resolves when no hold is left.
    pub(crate) async fn released(&self) {
        poll_fn(|context| {
            self.released.register(context.waker());
            if self.held.load(Ordering::Acquire) == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.held.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.released.wake();
        }
    }
}
