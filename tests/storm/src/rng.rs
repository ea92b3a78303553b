//! Random numbers that are the same for the same seed.

use std::time::Duration;

/// Pseudorandom numbers that are the same for the same seed (splitmix64, Steele, Lea and Flood 2014).
#[derive(Debug)]
pub(crate) struct SeededRng(u64);

impl SeededRng {
    /// Starts a sequence. Each part of the storm has its own, since threads take numbers in no certain
    /// order.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        let mut rng = SeededRng(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93));
        rng.next();
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `count`, or 0 if `count` is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).unwrap_or_default()
    }

    /// Returns a time of up to `most`.
    pub(crate) fn time(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX).max(1);
        Duration::from_millis(self.next() % most)
    }

    /// Shuffles a list.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_an_order() {
        let order = |seed, part| {
            let mut list: Vec<u32> = (0..20).collect();
            SeededRng::new(seed, part).shuffle(&mut list);
            list
        };
        assert_eq!(order(1, 1), order(1, 1));
        assert_ne!(order(1, 1), order(2, 1));
        assert_ne!(order(1, 1), order(1, 2));
        let mut sorted = order(1, 1);
        sorted.sort_unstable();
        assert_eq!(sorted, Vec::from_iter(0..20));
    }
}
