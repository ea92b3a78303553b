//! Waits in the machine's own time, since the tests run real programs.

#![allow(
    clippy::disallowed_methods,
    reason = "other programs take their own time"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time after which a test stops waiting, even on a slow and busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(180);

const POLL: Duration = Duration::from_millis(10);

/// Calls `look` until it returns something.
///
/// # Panics
/// If it takes too long.
#[track_caller]
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            watch.elapsed() < TIMEOUT,
            "waited {} s for this: {what}",
            TIMEOUT.as_secs()
        );
        pause(POLL);
    }
}

/// Tries an act that must be done within a time, such as before a deadline of a workflow. The first attempt has this
/// many milliseconds, and each further attempt has twice as many as the one before.
///
/// An attempt that was too slow decides nothing and returns `None`. So the result of a test does not depend on the
/// machine's speed, and a test on a fast machine is short.
///
/// # Panics
/// If even a very long time is not enough.
#[track_caller]
pub fn with_enough_time<T>(what: &str, first: u64, mut attempt: impl FnMut(u64) -> Option<T>) -> T {
    let mut time = first;
    loop {
        if let Some(done) = attempt(time) {
            return done;
        }
        time *= 2;
        assert!(
            Duration::from_millis(time) < TIMEOUT,
            "not even {} ms were enough for this: {what}",
            time / 2
        );
    }
}

/// Measures the time since it was started.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts a stopwatch.
    #[must_use]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Returns how long after another one it was started.
    #[must_use]
    pub fn after(&self, earlier: Stopwatch) -> Duration {
        self.0.duration_since(earlier.0)
    }
}

/// Blocks the thread for this long: while something must *not* happen, or while a host is down.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Returns the current time in seconds since the Unix epoch.
///
/// # Panics
/// If the machine's clock is before the epoch.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}
