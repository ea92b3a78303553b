//! The machine's own clock: this is a program of its own, and takes the time that it takes.

#![allow(
    clippy::disallowed_methods,
    reason = "the host's clock is not this program's"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch.
pub(crate) fn seconds() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// Does nothing for a while.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
