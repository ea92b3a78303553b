//! The machine's own clock. In the host, time is injected everywhere. These commands really wait.

#![allow(
    clippy::disallowed_methods,
    reason = "what runs other programs waits in their time"
)]

use std::time::{Duration, Instant};

use anyhow::bail;

/// The longest wait for something that usually takes between one and ten seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(100);

/// A point in time until which to wait.
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(crate) fn passed(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// Measures the time since it was started.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Blocks the thread for this long.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Calls `ask` until it returns an answer. It is an error if there is none for too long.
pub(crate) fn wait_until<T>(
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Deadline::after(TIMEOUT);
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if deadline.passed() {
            bail!("nothing happened for {} s", TIMEOUT.as_secs());
        }
        pause(POLL);
    }
}
