//! Acts on the host's process.

use std::time::Duration;

use anyhow::Context;

use super::ActContext;
use crate::rng::SeededRng;
use crate::time::pause;

/// The time for which the host is stopped: longer than a monitor waits before it calls the host not
/// ready.
const STOPPED_FOR: Duration = Duration::from_secs(4);

/// Kills the host twice. The second kill comes soon after the start.
pub(super) fn kill(context: &ActContext<'_>, rng: &mut SeededRng) -> anyhow::Result<()> {
    for _ in 0..2 {
        context.host.kill().context("the host was killed")?;
        pause(rng.time(Duration::from_secs(2)));
    }
    Ok(())
}

pub(super) fn terminate(context: &ActContext<'_>, rng: &mut SeededRng) -> anyhow::Result<()> {
    context.host.terminate()?;
    pause(rng.time(Duration::from_secs(1)));
    Ok(())
}

pub(super) fn stop(context: &ActContext<'_>) -> anyhow::Result<()> {
    context.host.stop_for(STOPPED_FOR)
}
