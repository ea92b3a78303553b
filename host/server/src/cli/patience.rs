//! Going on while the host restarts.

use std::time::Duration;

use super::error::CliError;
use super::terminal::Terminal;

/// How often a host that is gone is tried again, and how long is waited in between.
const TRIES: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);

/// Asks again for a minute, if the answer may be another by then. For questions only: what changes something might be
/// done twice.
pub(super) fn patiently<T>(
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

/// Waits.
#[expect(
    clippy::disallowed_methods,
    reason = "a client is no part of the host, whose time is injected"
)]
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}
