//! The memory of guests: the memory that a new instance is granted, and the runs for which the whole limit is reserved.
//!
//! A guest takes memory as it needs it. If there is none, the guest is dropped together with what its activation did,
//! and the activation is executed again with the guest's whole limit reserved. So it cannot run out of memory in the
//! middle a second time. Nobody waits while holding memory. If even that is not enough, the run is blocked.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dormouse_journal::{Failure, RunId};
use dormouse_limits::{Account, Accounts, Budget, Grant, MEMORY_BUDGET, Part};

use crate::execution_error::ExecutionError;
use crate::slots::Slots;

/// The guests' memory divided by this number is kept free for active guests, by dropping warm instances.
const HEADROOM: u64 = 8;

/// The memory of guests.
pub(crate) struct GuestMemory {
    budget: Budget,
    accounts: Accounts,
    slots: Arc<Slots>,
    /// Runs that found no memory, until they have executed. Each of them also waits to be tried again.
    short: Mutex<HashSet<RunId>>,
    /// The number of runs in `short`, so that the lock is not taken if there are none.
    count: AtomicUsize,
}

impl GuestMemory {
    pub(crate) fn new(budget: Budget, slots: Arc<Slots>) -> Arc<Self> {
        Arc::new(GuestMemory {
            accounts: Accounts::new(budget.size(Part::Guests)),
            budget,
            slots,
            short: Mutex::default(),
            count: AtomicUsize::new(0),
        })
    }

    /// Returns the memory with which a new instance of a run begins, and the memory for what the host keeps for it
    /// besides. If the run found no memory before, both are the most that it may need, and its workflow's share does not matter.
    pub(crate) fn reserve(
        &self,
        run: RunId,
        limit: u64,
        account: &Arc<Account>,
    ) -> Result<(Grant, Grant), ExecutionError> {
        let size = self.budget.size(Part::Guests);
        if !self.is_short(run) {
            let full = size - size / HEADROOM;
            while self.budget.taken(Part::Guests) > full && self.slots.make_room() {}
            let none = || self.budget.begin(Part::Guests).of(account.clone());
            return Ok((none(), none()));
        }
        let (most, held) = self.budget.of_guest();
        let memory = limit.min(most);
        loop {
            let taken = (
                self.budget.take(Part::Guests, memory),
                self.budget.take(Part::Guests, held),
            );
            if let (Some(memory), Some(held)) = taken {
                return Ok((memory.of(account.clone()), held.of(account.clone())));
            }
            if !self.slots.make_room() {
                return Err(ExecutionError::Retry(format!(
                    "guests have {} of the {size} bytes of memory that they may have together, and this run needs {}; \
                     the setting is `{MEMORY_BUDGET}`",
                    self.budget.taken(Part::Guests),
                    memory + held
                )));
            }
        }
    }

    /// Opens the account of a new instance of a run of this workflow.
    pub(crate) fn account(&self, workflow: &str) -> Arc<Account> {
        self.accounts.open(workflow)
    }

    /// Notes that a run found no memory. Returns false if it found none before although its limit was reserved: then
    /// all the memory that a run may have is not enough for it.
    pub(crate) fn is_missing(&self, run: RunId) -> bool {
        let mut short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = short.insert(run);
        self.count.store(short.len(), Ordering::Release);
        is_new
    }

    /// Returns the reason why a run is blocked that needs more memory than was reserved for it.
    pub(crate) fn not_enough(&self) -> Failure {
        let (memory, held) = self.budget.of_guest();
        Failure {
            code: "memory-budget".into(),
            message: format!(
                "the run needs more memory than this host gives to one run: up to {memory} bytes for the memory of its \
                 code, and {held} bytes for what it does until it waits: its operations, and the values that it passes to \
                 the host. Let it do less at a time, or raise the host's setting `{MEMORY_BUDGET}`, and resume the run"
            ),
        }
    }

    /// Notes that a run has executed.
    pub(crate) fn is_enough(&self, run: RunId) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut short = self.short.lock().unwrap_or_else(PoisonError::into_inner);
        short.remove(&run);
        self.count.store(short.len(), Ordering::Release);
    }

    fn is_short(&self, run: RunId) -> bool {
        self.count.load(Ordering::Acquire) > 0
            && self
                .short
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&run)
    }
}
