//! Retirement: removes what has expired, in small batches.

use std::pin::pin;
use std::sync::Arc;

use dormouse_journal::Time;
use dormouse_seams::HostClock;
use dormouse_store::Store;
use futures::FutureExt;
use tokio::sync::Notify;

use crate::orders::Orders;
use crate::slots::Slots;

/// Milliseconds between looks if nothing is known to expire sooner. What expires may stay this much longer.
const LOOK: u64 = 5_000;

/// Milliseconds to wait after everything that had expired was removed. On a busy host, what expires meanwhile is then
/// removed in one commit a second instead of one long commit a minute.
const COLLECTING_TIME: u64 = 1_000;

/// Milliseconds between batches, so that the removal of a large run does not delay other runs.
const BATCH_PAUSE: u64 = 20;

/// Removes what has expired.
pub(crate) struct Retirement {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) orders: Arc<Orders>,
    /// Notified when something expires earlier than was known.
    pub(crate) sooner: Arc<Notify>,
}

impl Retirement {
    /// Removes what expires, as long as the host runs.
    pub(crate) async fn run(&self) {
        while !self.slots.is_stopping() {
            let now = self.clock.now();
            let wait = match self.retire(now).await {
                Some(until) => until,
                None => now.after(LOOK),
            };
            let mut passed = self.clock.sleep_until(wait).fuse();
            let mut sooner = pin!(self.sooner.notified().fuse());
            futures::select_biased! {
                () = sooner => {}
                () = passed => {}
            }
        }
    }

    /// Removes a batch. Returns the time at which to continue, if it is known.
    async fn retire(&self, now: Time) -> Option<Time> {
        match self.store.next_expiry().await {
            Ok(Some(next)) if next <= now => match self.store.retire().await {
                Ok(more) => {
                    // What expired may be the timeout of a run, which becomes an order.
                    self.orders.hint();
                    Some(now.after(if more { BATCH_PAUSE } else { COLLECTING_TIME }))
                }
                Err(error) => {
                    tracing::warn!(%error, "expired data could not be removed yet");
                    None
                }
            },
            Ok(Some(next)) => Some(next.min(now.after(LOOK))),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the store could not say which data has expired; the host tries again");
                None
            }
        }
    }
}
