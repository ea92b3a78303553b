//! Random numbers that can be repeated: a test prints the seed, and `DORMOUSE_SEED` sets it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Pseudorandom numbers from a seed, by Sebastiano Vigna's public `SplitMix64`
/// (<https://prng.di.unimi.it/splitmix64.c>).
#[derive(Debug, Clone)]
pub struct SeededRng(u64);

impl SeededRng {
    /// Returns numbers from a new seed, or from the one in `DORMOUSE_SEED`. The seed is printed, so a failed
    /// test shows it.
    ///
    /// # Panics
    /// If the variable is not a number.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "any number does, if it is another one each time"
    )]
    pub fn new() -> Self {
        let seed = match std::env::var("DORMOUSE_SEED") {
            Ok(seed) => seed.parse().expect("`DORMOUSE_SEED` is a number"),
            Err(_) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                now.as_secs() << 20 | u64::from(now.subsec_micros())
            }
        };
        eprintln!("to have the same again: DORMOUSE_SEED={seed}");
        SeededRng(seed)
    }

    /// Returns how often to do something: `usually`, or `DORMOUSE_TIMES` times as often.
    ///
    /// # Panics
    /// If the variable is not a number.
    #[must_use]
    pub fn times(usually: u32) -> u32 {
        let times = std::env::var("DORMOUSE_TIMES").ok();
        usually
            * times.map_or(1, |times| {
                times.parse().expect("`DORMOUSE_TIMES` is a number")
            })
    }

    /// Returns separate numbers for a thread that runs at the same time.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        SeededRng(self.next())
    }

    /// Returns a number below this one, which must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns a duration of at least `at_least` milliseconds, with up to `more` milliseconds added.
    pub fn time(&mut self, at_least: u64, more: u64) -> Duration {
        Duration::from_millis(at_least + self.below(more))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Default for SeededRng {
    fn default() -> Self {
        SeededRng::new()
    }
}
