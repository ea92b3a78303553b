//! The shares of workflows in the memory of guests that execute.
//!
//! The last quarter of the memory is shared: of it, a workflow gets more only while its guests use less than is left. So a workflow
//! alone gets three quarters, and a workflow whose guests use little gets more as long as there is any, however much others use.
//! Guests that only wait do not count, because they can be dropped.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The number of workflows from which those that use no memory are forgotten.
const MANY: usize = 1_024;

/// The part of the memory that is shared: a quarter.
const SHARED: u64 = 4;

/// The memory of guests that execute: of all, and of each workflow.
#[derive(Debug)]
pub struct Accounts {
    size: u64,
    all: Arc<AtomicU64>,
    workflows: Mutex<HashMap<Arc<str>, Weak<AtomicU64>>>,
}

/// The memory of one guest.
#[derive(Debug)]
pub struct Account {
    size: u64,
    all: Arc<AtomicU64>,
    of_workflow: Arc<AtomicU64>,
    bytes: AtomicU64,
    rests: AtomicBool,
}

impl Accounts {
    /// Creates the accounts of guests that may use this many bytes together.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Accounts {
            size,
            all: Arc::default(),
            workflows: Mutex::default(),
        }
    }

    /// Opens the account of a guest of this workflow, which executes.
    #[must_use]
    pub fn open(&self, workflow: &str) -> Arc<Account> {
        let mut workflows = self
            .workflows
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = workflows.get(workflow).and_then(Weak::upgrade);
        let of_workflow = known.unwrap_or_else(|| {
            let new = Arc::<AtomicU64>::default();
            if workflows.len() >= MANY {
                workflows.retain(|_, used| used.strong_count() > 0);
            }
            workflows.insert(workflow.into(), Arc::downgrade(&new));
            new
        });
        Arc::new(Account {
            size: self.size,
            all: self.all.clone(),
            of_workflow,
            bytes: AtomicU64::new(0),
            rests: AtomicBool::new(false),
        })
    }
}

impl Account {
    /// Returns true if the guest's workflow may use this many more bytes.
    pub(crate) fn may_grow(&self, more: u64) -> bool {
        let own = self.of_workflow.load(Ordering::Acquire);
        let left = self.size.saturating_sub(self.all.load(Ordering::Acquire));
        own == 0
            || left >= (self.size / SHARED).saturating_add(more)
            || own.saturating_add(more) <= left
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        if !self.rests.load(Ordering::Acquire) {
            self.count(bytes);
        }
    }

    pub(crate) fn remove(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if !self.rests.load(Ordering::Acquire) {
            self.discount(bytes);
        }
    }

    /// Notes that the guest waits, and can be dropped. Nothing of it may execute meanwhile.
    pub fn rest(&self) {
        if !self.rests.swap(true, Ordering::AcqRel) {
            self.discount(self.bytes.load(Ordering::Acquire));
        }
    }

    /// Notes that the guest executes again.
    pub fn resume(&self) {
        if self.rests.swap(false, Ordering::AcqRel) {
            self.count(self.bytes.load(Ordering::Acquire));
        }
    }

    fn count(&self, bytes: u64) {
        self.all.fetch_add(bytes, Ordering::AcqRel);
        self.of_workflow.fetch_add(bytes, Ordering::AcqRel);
    }

    fn discount(&self, bytes: u64) {
        self.all.fetch_sub(bytes, Ordering::AcqRel);
        self.of_workflow.fetch_sub(bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Grant, Part};

    /// Returns a budget with 400 bytes for guests, and their accounts.
    fn guests() -> (Budget, Accounts) {
        let budget = Budget::new(600);
        let accounts = Accounts::new(budget.size(Part::Guests));
        (budget, accounts)
    }

    /// Starts a guest that takes as much as it gets, up to this many bytes.
    fn greedy(budget: &Budget, account: &Arc<Account>, most: u64) -> Grant {
        let mut grant = budget.begin(Part::Guests).of(account.clone());
        while grant.bytes() < most && grant.grow(10) {}
        grant
    }

    #[test]
    fn a_workflow_alone_gets_three_quarters_however_many_guests_it_has() {
        let (budget, accounts) = guests();
        let many: Vec<Grant> = (0..100)
            .map(|_| greedy(&budget, &accounts.open("greedy"), 50))
            .collect();
        assert_eq!(many.iter().map(Grant::bytes).sum::<u64>(), 300);
        let neighbour = greedy(&budget, &accounts.open("neighbour"), 40);
        assert_eq!(neighbour.bytes(), 40);
        assert_eq!(
            greedy(&budget, &accounts.open("another"), 1_000).bytes(),
            30
        );
        drop(many);
        let mut grant = greedy(&budget, &accounts.open("greedy"), 1_000);
        assert_eq!(grant.bytes(), 260);
        assert!(!grant.grow(10));
    }

    #[test]
    fn guests_that_wait_do_not_count_for_their_workflow() {
        let (budget, accounts) = guests();
        let account = accounts.open("a");
        let waiting = greedy(&budget, &account, 1_000);
        assert_eq!(waiting.bytes(), 300);
        account.rest();
        let active = greedy(&budget, &accounts.open("a"), 1_000);
        assert_eq!(active.bytes(), 100, "there is no more left");
        drop(active);
        account.resume();
        assert_eq!(greedy(&budget, &accounts.open("a"), 1_000).bytes(), 0);
        account.rest();
        drop(waiting);
        assert_eq!(greedy(&budget, &accounts.open("a"), 1_000).bytes(), 300);
        assert_eq!(budget.taken(Part::Guests), 0);
    }

    #[test]
    fn reserved_memory_counts_and_is_not_refused() {
        let (budget, accounts) = guests();
        let one = greedy(&budget, &accounts.open("a"), 100);
        let reserved = budget.take(Part::Guests, 250).unwrap();
        let reserved = reserved.of(accounts.open("a"));
        assert_eq!(greedy(&budget, &accounts.open("a"), 10).bytes(), 0);
        assert_eq!(greedy(&budget, &accounts.open("b"), 50).bytes(), 30);
        drop((one, reserved));
        assert_eq!(greedy(&budget, &accounts.open("a"), 1_000).bytes(), 300);
    }
}
