//! Requests that are repeated while the host restarts.

use std::time::Duration;

use crate::error::CliError;
use crate::terminal::Terminal;

/// The number of attempts at a request before its error is final.
const TRIES: u32 = 60;

/// The time between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls `ask` until it succeeds, or fails with an error that will not pass, or about a minute is over. It is for
/// requests that only read: a request that changes something might be done twice.
pub(crate) fn retry_while_unavailable<T>(
    terminal: &mut Terminal,
    mut ask: impl FnMut() -> Result<T, CliError>,
) -> Result<T, CliError> {
    for _ in 0..TRIES {
        match ask() {
            Err(error) if error.may_pass() => {
                terminal.progress(&format!("{error}; trying again…"))?;
                pause(PAUSE);
            }
            result => {
                terminal.clear_progress()?;
                return result;
            }
        }
    }
    ask()
}

/// Blocks the thread for this long.
#[expect(
    clippy::disallowed_methods,
    reason = "a client is not a part of the host, whose time is injected"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
