//! Chance from a seed: the same seed, the same throws.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Dice.
#[derive(Debug)]
pub struct Dice(ChaCha20Rng);

impl Dice {
    /// Dice of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Dice(ChaCha20Rng::seed_from_u64(seed))
    }

    /// A number below this one, which is not 0. That small numbers are a little likelier does not matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// An index below this one, which is not 0.
    pub fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }

    /// Whether something happens that does so many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }
}
