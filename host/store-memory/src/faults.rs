//! The faults that a test can give to a memory: it can fail, delay commits, reorder them, or be full.

use dormouse_store::{Order, StorageError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The error of a host whose machine has lost power.
#[derive(Debug, thiserror::Error)]
#[error("the power of the simulated machine has failed")]
pub struct PowerLost;

/// The error of a host whose storage is full.
#[derive(Debug, thiserror::Error)]
#[error("no space is left")]
pub struct Full;

/// The faults of a memory.
#[derive(Debug, Default)]
pub struct Faults {
    incarnation: u64,
    /// The number of commits that became durable.
    commits: usize,
    /// The number of commits that still succeed, if they are counted.
    commits_left: Option<u64>,
    is_full: bool,
    is_full_once: bool,
    /// The duration of each commit, in milliseconds.
    delay: u64,
    /// Decides the order of commits of different runs.
    order: Option<ChaCha8Rng>,
}

impl Faults {
    /// Lets this many commits succeed, and makes all later ones fail until power is lost.
    pub fn fail_after(&mut self, commits: u64) {
        self.commits_left = Some(commits);
    }

    /// Returns how many commits became durable.
    #[must_use]
    pub fn commits(&self) -> usize {
        self.commits
    }

    /// Makes the storage full, or no longer full.
    pub fn fill(&mut self, is_full: bool) {
        self.is_full = is_full;
    }

    /// Makes the storage full for the next commit only, which its checks before the commit do not notice.
    pub fn fill_once(&mut self) {
        self.is_full_once = true;
    }

    /// Makes each commit take this many milliseconds from now on.
    pub fn set_delay(&mut self, delay: u64) {
        self.delay = delay;
    }

    /// Commits writes of different runs in a random order from now on.
    pub fn reorder(&mut self, seed: u64) {
        self.order = Some(ChaCha8Rng::seed_from_u64(seed));
    }

    pub(crate) fn begin(&mut self) -> u64 {
        self.incarnation
    }

    pub(crate) fn lose_power(&mut self) {
        self.incarnation += 1;
        self.commits_left = None;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(crate) fn delay(&self) -> u64 {
        self.delay
    }

    /// Returns an error if the machine has lost power since the host started.
    pub(crate) fn check(&self, incarnation: u64) -> Result<(), StorageError> {
        match self.incarnation == incarnation {
            true => Ok(()),
            false => Err(StorageError::new(PowerLost)),
        }
    }

    /// Returns an error if this commit does not become durable, and counts it otherwise.
    pub(crate) fn count_commit(
        &mut self,
        incarnation: u64,
        is_housekeeping: bool,
    ) -> Result<(), StorageError> {
        self.check(incarnation)?;
        if (self.is_full && !is_housekeeping) || std::mem::take(&mut self.is_full_once) {
            return Err(StorageError::full(Full));
        }
        match &mut self.commits_left {
            None => {}
            Some(0) => return Err(StorageError::new(PowerLost)),
            Some(left) => *left -= 1,
        }
        self.commits += 1;
        Ok(())
    }

    /// Returns the order of the next group. Its random numbers depend on those of the groups before.
    pub(crate) fn order(&mut self) -> Option<Box<dyn Order + 'static>> {
        let dice = self.order.as_mut()?;
        let own = ChaCha8Rng::seed_from_u64(dice.next_u64());
        Some(Box::new(AtRandom(own)))
    }
}

/// A random order.
struct AtRandom(ChaCha8Rng);

impl Order for AtRandom {
    fn next(&mut self, free: usize) -> Option<usize> {
        // A group sometimes ends early, so that writes which came together become durable one after the other.
        if self.0.next_u32().is_multiple_of(4) {
            return None;
        }
        let choice = self.0.next_u64() % free as u64;
        usize::try_from(choice).ok()
    }
}
