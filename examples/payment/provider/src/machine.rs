//! The machine's own clock, since this is a real program.

#![allow(
    clippy::disallowed_methods,
    reason = "the host's clock is not this program's"
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the seconds since the Unix epoch.
pub(crate) fn seconds() -> anyhow::Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// Blocks the thread for this long.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
