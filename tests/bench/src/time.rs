//! The machine's own clock, since the benchmark measures real time.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures and waits in the machine's time"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment from which time is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

impl Moment {
    pub(crate) fn now() -> Self {
        Moment(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn after(self, time: Duration) -> Self {
        Moment(self.0 + time)
    }

    /// Blocks this thread until the moment. The kernel's timers are exact to microseconds, and those of the runtime
    /// to a millisecond.
    pub(crate) fn sleep_until(self) {
        std::thread::sleep(self.0.saturating_duration_since(Instant::now()));
    }
}

/// Waits for this long. The timer is exact to a millisecond.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Returns the current time in milliseconds since the Unix epoch.
pub(crate) fn epoch_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Returns a duration in milliseconds, with fractions.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
