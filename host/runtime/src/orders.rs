//! Carries out orders: what runs ask of other runs, and what follows for other runs from the end of a
//! run.

use std::sync::Arc;

use dormouse_engine::WASM_STACK;
use dormouse_journal::{Channel, GuestLimits, RunId, Status};
use dormouse_limits::{CHILDREN, DEPTH, Limits};
use dormouse_seams::HostClock;
use dormouse_store::{Carried, OrderLimits, Store};
use tokio::sync::Notify;

use crate::calls::Calls;
use crate::events::{Events, mail_limits};
use crate::hint::Hint;
use crate::replies::Replies;
use crate::slots::Slots;
use crate::storage::storage_limits;
use crate::wake::Wake;
use crate::watchers::Watchers;

/// How long to wait after a piece could not be carried out, in milliseconds.
const PAUSE: u64 = 1_000;

/// Carries out orders.
pub(crate) struct Orders {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) calls: Arc<Calls>,
    pub(crate) events: Arc<Events>,
    pub(crate) replies: Arc<Replies>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) limits: Arc<Limits>,
    /// Notified when there is something to carry out.
    pub(crate) waiting: Arc<Notify>,
    /// Notified when something may expire earlier than was known.
    pub(crate) sooner: Arc<Notify>,
    /// Notified when work that was set aside must be put back.
    pub(crate) resuming: Arc<Notify>,
}

impl Orders {
    /// Notes that there may be an order to carry out.
    pub(crate) fn hint(&self) {
        self.waiting.notify_one();
    }

    /// Does what follows from a cancel of a run.
    pub(crate) fn cancelled(&self, run: RunId) {
        tracing::info!(%run, "a run was cancelled");
        self.slots.forget(run);
        self.calls.cancelled(run);
        self.watchers.tell(run, Status::Cancelled);
        self.hint();
    }

    /// Does what follows when a failed run is given up.
    pub(crate) fn given_up(&self, run: RunId) {
        self.calls.cancelled(run);
        self.hint();
    }

    /// Carries out orders as long as the host runs, first those that were there at the start.
    pub(crate) async fn run(&self) {
        let mut last = None;
        while !self.slots.is_stopping() {
            match self.store.has_orders().await {
                Ok(true) => {}
                Ok(false) => {
                    self.waiting.notified().await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the store could not say whether starts and cancels of other runs are due; the host tries again");
                    self.pause().await;
                    continue;
                }
            }
            match self.store.serve_orders(last, self.limits()).await {
                Ok(carried) => {
                    last = carried.last;
                    self.follow(&carried);
                    // The runs that were started or asked to cancel may have little time.
                    self.sooner.notify_one();
                    self.wake.room().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "starts and cancels that runs asked for could not be carried out yet");
                    if self.store.failure().is_some() {
                        return;
                    }
                    self.pause().await;
                }
            }
        }
    }

    fn limits(&self) -> OrderLimits {
        let limits = &self.limits;
        OrderLimits {
            guest: GuestLimits {
                memory: limits.memory,
                stack: WASM_STACK as u64,
            },
            storage: storage_limits(limits),
            children: (limits.children, CHILDREN.name),
            depth: (limits.depth, DEPTH.name),
            retention: limits.retention,
            timeout_grace: limits.timeout_grace,
            body: limits.body,
            mail: mail_limits(limits),
        }
    }

    async fn pause(&self) {
        self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
    }

    fn follow(&self, carried: &Carried) {
        let now = self.clock.now();
        for run in &carried.cancelled {
            self.cancelled(*run);
        }
        for run in &carried.failed {
            tracing::warn!(%run, "a run that broke was not repaired in time, and has failed");
            self.calls.cancelled(*run);
            self.watchers.tell(*run, Status::Failed);
            self.hint();
        }
        for (run, delivery, response) in &carried.answered {
            self.replies.answer(*run, delivery, response);
        }
        if carried.broadcasting {
            self.events.hint();
        }
        for (run, status) in &carried.settled {
            self.replies.continues(*run);
            self.watchers.tell(*run, *status);
        }
        self.calls.put_back(&carried.calls);
        if carried.resuming {
            self.resuming.notify_one();
        }
        for run in &carried.woken {
            self.wake.queue(*run, Hint::Anything, now);
        }
        for (run, operation) in &carried.told {
            let channel = Channel::Result(*operation);
            self.wake.queue(*run, Hint::Channel(channel), now);
        }
    }
}
