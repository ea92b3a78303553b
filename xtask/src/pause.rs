//! The machine's own clock. Time is injected everywhere in the host; these commands really wait.

#![allow(
    clippy::disallowed_methods,
    reason = "what runs other programs waits in their time"
)]

use std::time::{Duration, Instant};

/// A moment that is waited for.
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(crate) fn passed(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// Measures from its start on.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Does nothing for a while.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
