//! The machine's own steady clock, since the storm runs real programs.

#![allow(
    clippy::disallowed_methods,
    reason = "what runs other programs waits in their time"
)]

use std::time::{Duration, Instant};

/// A moment of the steady clock, which no act changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(Instant);

impl Moment {
    pub(crate) fn now() -> Self {
        Moment(Instant::now())
    }

    /// Returns the time since this moment.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Returns the time from an earlier moment to this one.
    pub(crate) fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Returns the moment that is this much later.
    pub(crate) fn after(self, time: Duration) -> Self {
        Moment(self.0 + time)
    }

    /// Returns true if this moment has passed.
    pub(crate) fn is_past(self) -> bool {
        Instant::now() >= self.0
    }
}

/// Blocks the thread for this long.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Returns a duration in milliseconds, with fractions.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
