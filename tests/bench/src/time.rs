//! The machine's own clock: what is measured here takes its own time.

#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark measures and waits in the machine's time"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, from which on time is measured.
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

    /// Keeps this thread until it is there. The kernel's timers have a grain of microseconds, the runtime's one of a
    /// millisecond.
    pub(crate) fn sleep_until(self) {
        std::thread::sleep(self.0.saturating_duration_since(Instant::now()));
    }
}

/// Does nothing for a while. The timer's grain is a millisecond.
pub(crate) async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// The millisecond of the Unix epoch that it is now.
pub(crate) fn epoch_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A span in milliseconds, with its fraction.
pub(crate) fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}
