//! Ids of new runs. Each id is greater than the one before.
//!
//! This also holds within a millisecond. So rows are added at the end of their tables, and the pages become full. With
//! ids in random order, a third of each page would stay empty, which costs disk space and makes each start read more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dormouse_journal::{RunId, Time};
use dormouse_seams::Entropy;

/// A UUID of version 7 has 12 bits after its milliseconds that may be a counter
/// ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562.html#section-6.2), method 1).
const COUNTER_BITS: u32 = 12;

/// Makes ids.
pub(crate) struct RunIds {
    entropy: Arc<dyn Entropy>,
    /// The milliseconds and the counter of the last id, as one number.
    last: AtomicU64,
}

impl RunIds {
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        RunIds {
            entropy,
            last: AtomicU64::new(0),
        }
    }

    /// Returns an id greater than all ids before. If the counter of a millisecond is used up, the id has a later time.
    pub(crate) fn next(&self, now: Time) -> RunId {
        let now = now.0 << COUNTER_BITS;
        let after = |last: u64| now.max(last + 1);
        let last = self
            .last
            .update(Ordering::Relaxed, Ordering::Relaxed, after);
        let next = after(last);
        let mut random = [0; 10];
        self.entropy.fill(&mut random[2..]);
        let counter = next % (1 << COUNTER_BITS);
        random[..2].copy_from_slice(&counter.to_be_bytes()[6..]);
        RunId::new(Time(next >> COUNTER_BITS), random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns high numbers first, so that the random bits do not put the ids in order.
    struct Falling(AtomicU64);

    impl Entropy for Falling {
        fn fill(&self, bytes: &mut [u8]) {
            let number = self.0.fetch_sub(1, Ordering::Relaxed);
            bytes.copy_from_slice(&number.to_be_bytes());
        }
    }

    #[test]
    fn each_id_is_above_the_one_before_however_many_there_are_and_whatever_the_clock_reads() {
        let ids = RunIds::new(Arc::new(Falling(AtomicU64::new(u64::MAX))));
        let mut last = ids.next(Time(1_000));
        for time in [1_000, 1_001, 900, 1_001, 1_002] {
            for _ in 0..3_000 {
                let next = ids.next(Time(time));
                assert!(next > last, "{next} after {last}");
                last = next;
            }
        }
        assert_eq!(
            u64::from_be_bytes(last.0[..8].try_into().unwrap()) >> 16,
            1_003
        );
        assert_eq!(last.0[6] >> 4, 7, "the version of the UUID");
    }
}
