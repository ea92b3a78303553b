//! Waiting, in the machine's own time: what is tested here are programs that really run.

#![allow(
    clippy::disallowed_methods,
    reason = "other programs take their own time"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// After this long nothing will come any more, even on a slow machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

const POLL: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see.
///
/// # Panics
/// When it takes too long.
#[track_caller]
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            watch.elapsed() < PATIENCE,
            "waited {} s for this: {what}",
            PATIENCE.as_secs()
        );
        pause(POLL);
    }
}

/// Tries what has to be done within a time, such as before a deadline of a workflow: first with this many milliseconds,
/// and with twice as many after each attempt that was too slow.
///
/// An attempt that was too slow judges nothing and returns `None`. So the verdict does not depend on how fast the machine
/// is, and a time that suffices elsewhere keeps the test short there.
///
/// # Panics
/// When not even a very long time suffices.
#[track_caller]
pub fn with_time_enough<T>(what: &str, first: u64, mut attempt: impl FnMut(u64) -> Option<T>) -> T {
    let mut time = first;
    loop {
        if let Some(done) = attempt(time) {
            return done;
        }
        time *= 2;
        assert!(
            Duration::from_millis(time) < PATIENCE,
            "not even {} ms were enough for this: {what}",
            time / 2
        );
    }
}

/// Measures from its start on.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    #[must_use]
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// How long ago that was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// How long after another one it was started.
    #[must_use]
    pub fn after(&self, earlier: Stopwatch) -> Duration {
        self.0.duration_since(earlier.0)
    }
}

/// Does nothing for a while: for the time in which something must *not* happen, and for a host that is down.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The second of the Unix epoch that it is now.
///
/// # Panics
/// When the machine's clock says that it is before.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}
