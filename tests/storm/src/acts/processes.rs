//! Acts on the host's process.

use std::time::Duration;

use anyhow::Context;

use super::Stage;
use crate::chance::Chance;
use crate::time::pause;

/// The time for which the host is stopped: longer than a monitor waits before it calls the host not
/// ready.
const STANDS: Duration = Duration::from_secs(4);

/// Kills the host twice. The second kill comes soon after the start.
pub(super) fn kill(stage: &Stage<'_>, chance: &mut Chance) -> anyhow::Result<()> {
    for _ in 0..2 {
        stage.host.kill().context("the host was killed")?;
        pause(chance.time(Duration::from_secs(2)));
    }
    Ok(())
}

pub(super) fn terminate(stage: &Stage<'_>, chance: &mut Chance) -> anyhow::Result<()> {
    stage.host.terminate()?;
    pause(chance.time(Duration::from_secs(1)));
    Ok(())
}

pub(super) fn stop(stage: &Stage<'_>) -> anyhow::Result<()> {
    stage.host.stop_for(STANDS)
}
