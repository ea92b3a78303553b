//! Acts that change the date which the host sees.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::Context;

use super::ActContext;
use crate::time::pause;

/// Changes the date for a while, and then changes it back.
pub(super) fn step(context: &ActContext<'_>, seconds: i64, lasts: Duration) -> anyhow::Result<()> {
    let _alone = context
        .targets
        .clock
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let clock = context
        .host
        .clock
        .as_ref()
        .context("there is no clock to move")?;
    clock.set_ahead(seconds)?;
    pause(lasts);
    clock.set_ahead(0)?;
    Ok(())
}
