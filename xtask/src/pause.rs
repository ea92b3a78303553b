//! The machine's own clock. Time is injected everywhere in the host; these commands really wait.

#![allow(
    clippy::disallowed_methods,
    reason = "what runs other programs waits in their time"
)]

use std::time::{Duration, Instant};

use anyhow::bail;

/// For what takes a second or ten; on a busy machine more.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(100);

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

/// Asks again and again until there is an answer.
pub(crate) fn wait_until<T>(
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Deadline::after(PATIENCE);
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if deadline.passed() {
            bail!("nothing happened for {} s", PATIENCE.as_secs());
        }
        pause(POLL);
    }
}
