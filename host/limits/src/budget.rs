//! The memory that outsiders and guests may use together.
//!
//! If somebody outside chooses the size of something (a body that is read, a response, a guest's memory), a [`Grant`]
//! is taken for it before the memory is used. The grant lives as long as the memory; [`Grant::keep`] does this for
//! bytes. Whoever finds no room gives up and tries again later. Nobody waits for memory while holding some, so nobody
//! can wait for ever.
//!
//! The budget is divided into parts of fixed sizes. Filling one part takes nothing from another.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::account::Account;

/// The size up to which bodies are not counted one by one: the number of connections, calls and instances limits them.
const SMALL: u64 = 4 << 10;

/// A part of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Bodies that come from outside: requests to webhooks, inputs, events, components. A sixth.
    Requests,
    /// Bodies of calls under way, and the responses to them. A sixth.
    Calls,
    /// The memories and tables of guests, active or warm, and what the host keeps for them besides. Two thirds.
    Guests,
}

impl Part {
    /// All parts.
    pub const ALL: [Part; 3] = [Part::Requests, Part::Calls, Part::Guests];

    /// Returns the part's name in metrics and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Part::Requests => "requests",
            Part::Calls => "calls",
            Part::Guests => "guests",
        }
    }

    /// Returns the share of the part in a budget of this size.
    fn of(self, size: u64) -> u64 {
        let sixth = size / 6;
        match self {
            Part::Requests | Part::Calls => sixth,
            Part::Guests => size - 2 * sixth,
        }
    }
}

/// The memory that outsiders and guests may use. Clones share it.
#[derive(Clone)]
pub struct Budget(Arc<Sizes>);

struct Sizes {
    size: u64,
    taken: [AtomicU64; 3],
}

impl Budget {
    /// Creates a budget of this many bytes.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Budget(Arc::new(Sizes {
            size,
            taken: Default::default(),
        }))
    }

    /// Returns the size of a part in bytes, taken or not.
    #[must_use]
    pub fn size(&self, part: Part) -> u64 {
        part.of(self.0.size)
    }

    /// Returns the most that one guest may use: for its memories and tables, and for what the host keeps for it besides. Both
    /// together fill the guests' part.
    #[must_use]
    pub fn of_guest(&self) -> (u64, u64) {
        let size = self.size(Part::Guests);
        let held = size / 4;
        (size - held, held)
    }

    /// Returns how many bytes of a part are taken.
    #[must_use]
    pub fn taken(&self, part: Part) -> u64 {
        self.0.taken[part as usize].load(Ordering::Relaxed)
    }

    /// Returns an empty grant, which can grow.
    #[must_use]
    pub fn begin(&self, part: Part) -> Grant {
        Grant {
            budget: self.clone(),
            part,
            bytes: 0,
            account: None,
        }
    }

    /// Returns true if a body of this size is counted. A small one is not: the number of connections, calls and
    /// instances limits those.
    #[must_use]
    pub fn counts(size: u64) -> bool {
        size > SMALL
    }

    /// Takes this many bytes. None if the part has fewer left.
    #[must_use]
    pub fn take(&self, part: Part, bytes: u64) -> Option<Grant> {
        let mut grant = self.begin(part);
        grant.grow(bytes).then_some(grant)
    }
}

impl Default for Budget {
    /// Creates a budget that is never used up, for code that runs without a host.
    fn default() -> Self {
        Budget::new(u64::MAX)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for part in Part::ALL {
            map.entry(&part.name(), &(self.taken(part), self.size(part)));
        }
        map.finish()
    }
}

/// Memory that was granted. Dropping it returns the memory.
#[derive(Debug)]
pub struct Grant {
    budget: Budget,
    part: Part,
    bytes: u64,
    /// The account of the guest whose memory it is, if it is a guest's.
    account: Option<Arc<Account>>,
}

impl Grant {
    /// Counts this memory for a guest. From now on it grows only as far as the guest's workflow may.
    #[must_use]
    pub fn of(mut self, account: Arc<Account>) -> Self {
        account.add(self.bytes);
        self.account = Some(account);
        self
    }

    /// Returns how many bytes were granted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns an empty grant from the same part, for the same guest.
    #[must_use]
    pub fn another(&self) -> Grant {
        let mut another = self.budget.begin(self.part);
        another.account.clone_from(&self.account);
        another
    }

    /// Takes this many more bytes. Returns false, and takes nothing, if the part has fewer left, or the guest's workflow may
    /// not use more.
    #[must_use]
    pub fn grow(&mut self, more: u64) -> bool {
        let may_grow = |account: &Arc<Account>| more == 0 || account.may_grow(more);
        if !self.account.as_ref().is_none_or(may_grow) {
            return false;
        }
        let most = self.budget.size(self.part);
        let taken = &self.budget.0.taken[self.part as usize];
        let grown = taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| {
            taken.checked_add(more).filter(|taken| *taken <= most)
        });
        if grown.is_ok() {
            self.bytes += more;
            if let Some(account) = &self.account {
                account.add(more);
            }
        }
        grown.is_ok()
    }

    /// Grows to this many bytes if it is smaller. Returns false, and takes nothing, if the part has too few left.
    #[must_use]
    pub fn reach(&mut self, bytes: u64) -> bool {
        self.grow(bytes.saturating_sub(self.bytes))
    }

    /// Returns what is more than this many bytes.
    pub fn shrink(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        if less > 0 {
            self.bytes -= less;
            self.give_back(less);
        }
    }

    fn give_back(&self, bytes: u64) {
        self.budget.0.taken[self.part as usize].fetch_sub(bytes, Ordering::AcqRel);
        if let Some(account) = &self.account {
            account.remove(bytes);
        }
    }

    /// Returns bytes that hold this grant as long as any part of them is in use.
    #[must_use]
    pub fn keep(self, bytes: Bytes) -> Bytes {
        if self.bytes == 0 {
            return bytes;
        }
        Bytes::from_owner(Kept {
            bytes,
            _grant: self,
        })
    }

    /// Takes the memory that a body of this size needs, which is none for a small one.
    #[must_use]
    pub fn reach_body(&mut self, size: u64) -> bool {
        !Budget::counts(size) || self.reach(size)
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// Bytes together with their grant.
struct Kept {
    bytes: Bytes,
    _grant: Grant,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_used_up_takes_nothing_from_another() {
        let budget = Budget::new(600);
        let all = budget.take(Part::Requests, 100).unwrap();
        assert!(budget.take(Part::Requests, 1).is_none());
        assert!(budget.take(Part::Calls, 100).is_some());
        assert!(budget.take(Part::Guests, 400).is_some());
        drop(all);
        assert!(budget.take(Part::Requests, 100).is_some());
    }

    #[test]
    fn a_grant_grows_as_far_as_there_is_room_and_goes_back_whole() {
        let budget = Budget::new(600);
        let mut grant = budget.begin(Part::Calls);
        assert!(grant.grow(60) && !grant.grow(41) && grant.grow(40));
        assert!(grant.reach(100) && !grant.reach(101));
        assert_eq!((grant.bytes(), budget.taken(Part::Calls)), (100, 100));
        drop(grant);
        assert_eq!(budget.taken(Part::Calls), 0);
    }

    #[test]
    fn bytes_hold_their_grant_until_the_last_part_of_them_is_gone() {
        let budget = Budget::new(600);
        let grant = budget.take(Part::Requests, 50).unwrap();
        let bytes = grant.keep(Bytes::from_static(b"body"));
        let part = bytes.slice(1..2);
        drop(bytes);
        assert_eq!((&part[..], budget.taken(Part::Requests)), (&b"o"[..], 50));
        drop(part);
        assert_eq!(budget.taken(Part::Requests), 0);
    }

    #[test]
    fn small_bodies_are_not_counted() {
        let budget = Budget::new(0);
        let mut grant = budget.begin(Part::Requests);
        assert!(grant.reach_body(SMALL) && !grant.reach_body(SMALL + 1));
    }

    #[test]
    fn no_sum_overflows() {
        let budget = Budget::default();
        let mut grant = budget.take(Part::Guests, u64::MAX / 2).unwrap();
        assert!(!grant.grow(u64::MAX));
    }
}
