//! Randomness that is the same each time.

use std::sync::{Mutex, PoisonError};

use dormouse_seams::Entropy;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Random bytes from a seed.
pub struct Seeded(Mutex<ChaCha20Rng>);

impl Seeded {
    /// Returns the randomness of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed)))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(bytes);
    }
}
