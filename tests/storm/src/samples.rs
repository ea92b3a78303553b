//! How long the measured neighbour's requests took, and what the storm did at that time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::{Moment, millis};

/// What is measured, and when acts were on.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// When each was sent, and how long it took. None if it was not answered at once.
    samples: Mutex<Vec<(Moment, Option<Duration>)>>,
}

/// The times of some requests, in milliseconds, in order.
#[derive(Debug, Default)]
pub(crate) struct Times {
    sorted: Vec<f64>,
    /// How many had to be sent again.
    pub(crate) refused: usize,
}

impl Samples {
    /// Notes that a request that was sent at this moment has just been answered.
    pub(crate) fn answered(&self, sent: Moment) {
        self.push(sent, Some(sent.elapsed()));
    }

    /// Notes that a request was not answered, or with "not now".
    pub(crate) fn refused(&self, sent: Moment) {
        self.push(sent, None);
    }

    /// Returns the times of those that were under way within one of these spans.
    pub(crate) fn within(&self, spans: &[(Moment, Moment)]) -> Times {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let mut times = Times::default();
        for &(sent, took) in samples.iter() {
            let end = sent.after(took.unwrap_or_default());
            if !spans.iter().any(|&(from, to)| sent <= to && end >= from) {
                continue;
            }
            match took {
                Some(took) => times.sorted.push(millis(took)),
                None => times.refused += 1,
            }
        }
        times.sorted.sort_by(f64::total_cmp);
        times
    }

    fn push(&self, sent: Moment, took: Option<Duration>) {
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push((sent, took));
    }
}

impl Times {
    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// Returns the time below which this many of a hundred lie. None without any.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        Some(self.sorted[last * percent / 100])
    }
}
