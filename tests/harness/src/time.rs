//! The machine's own clock, since this crate waits for real processes.

#![allow(
    clippy::disallowed_methods,
    reason = "what runs other programs waits in their time"
)]

use std::time::{Duration, Instant};

/// Measures the time since it was started.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Stopwatch(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Blocks the thread for this long.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
