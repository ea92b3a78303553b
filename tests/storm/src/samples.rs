//! The durations of the measured neighbour's requests, by the acts that the storm did at the time.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::{Moment, millis};

/// The measured requests.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// When each request was sent, and how long its answer took. `None` if it was not answered at
    /// the first attempt.
    samples: Mutex<Vec<(Moment, Option<Duration>)>>,
}

/// The durations of some requests, in milliseconds and sorted.
#[derive(Debug, Default)]
pub(crate) struct Times {
    sorted: Vec<f64>,
    /// The number of requests that had to be sent again.
    pub(crate) refused: usize,
}

impl Samples {
    /// Records that a request which was sent at this moment has just been answered.
    pub(crate) fn answered(&self, sent: Moment) {
        self.push(sent, Some(sent.elapsed()));
    }

    /// Records that a request was not answered, or was answered with "not now".
    pub(crate) fn refused(&self, sent: Moment) {
        self.push(sent, None);
    }

    /// Returns the durations of the requests that were under way within one of these spans.
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

    /// Returns the duration below which this percentage of the durations lies, or `None` if there
    /// are no durations.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        Some(self.sorted[last * percent / 100])
    }
}
