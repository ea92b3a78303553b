//! Medians, percentiles, and random numbers that are the same each time.

use std::time::Duration;

/// Sorts the values, and returns the value below which this share of them lies. Returns NaN if there are no
/// values.
pub(crate) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    values[index(last, percent / 100.0)]
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(&mut values.to_vec(), 50.0)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list in memory"
)]
fn index(last: usize, share: f64) -> usize {
    (last as f64 * share).round() as usize
}

/// Converts a count for calculations. A count above 2^53 would be rounded, but none here is that large.
#[allow(clippy::cast_precision_loss, reason = "as it says")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// Pseudorandom numbers that are the same each time (splitmix64, Steele, Lea and Flood 2014).
pub(crate) struct SeededRng(u64);

impl SeededRng {
    pub(crate) fn new(seed: u64) -> Self {
        SeededRng(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count as u64).unwrap_or_default()
    }

    /// Returns the time to the next of independent events that come at this rate a second.
    pub(crate) fn gap(&mut self, rate: f64) -> Duration {
        let uniform = number(self.next() >> 11) / number(1 << 53);
        Duration::from_secs_f64(-(1.0 - uniform).ln() / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        let mut values = vec![5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(percentile(&mut values, 0.0), 1.0);
        assert_eq!(percentile(&mut values, 50.0), 3.0);
        assert_eq!(percentile(&mut values, 99.0), 5.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn gaps_are_as_long_as_the_rate_says_on_average() {
        let mut rng = SeededRng::new(1);
        let gaps = (0..100_000).map(|_| rng.gap(1_000.0));
        let sum: Duration = gaps.sum();
        assert!((99.0..101.0).contains(&sum.as_secs_f64()), "{sum:?}");
    }
}
