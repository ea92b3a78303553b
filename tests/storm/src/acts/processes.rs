//! Acts on the host's process.

use std::time::Duration;

use anyhow::Context;

use super::Stage;
use crate::chance::Chance;
use crate::time::pause;

/// How long the host stands still: longer than it may take before somebody calls it not ready.
const STANDS: Duration = Duration::from_secs(4);

/// Kills the host twice, the second time soon after it was started.
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
