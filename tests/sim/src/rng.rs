//! Random numbers from a seed. The same seed gives the same numbers.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of random numbers.
#[derive(Debug)]
pub struct SeededRng(ChaCha20Rng);

impl SeededRng {
    /// Returns a source with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        SeededRng(ChaCha20Rng::seed_from_u64(seed))
    }

    /// Returns a number below this bound, which must not be 0. Small numbers are slightly more likely, which
    /// does not matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// Returns an index below this bound, which must not be 0.
    pub fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }

    /// Returns true with this chance in percent.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Returns one of these values.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}
