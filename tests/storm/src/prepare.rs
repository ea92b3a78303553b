//! Prepares the storm: a host that is ready, workflows, a secret, and a changeable date that the host sees.

use std::time::Duration;

use anyhow::{Context, ensure};

use crate::acts::{self, Targets};
use crate::api::Api;
use crate::faults::FaultLog;
use crate::host::Host;
use crate::neighbours;
use crate::time::{Moment, pause};

/// The change of the date that is tried out, in seconds. `DIFFERENCE` is the tolerance for the host's reading of it.
const STEP: i64 = 3_600;
const DIFFERENCE: f64 = 5.0;

/// How soon the host must notice a change. It looks at the machine's clock every ten seconds.
const LOOKS_WITHIN: Duration = Duration::from_secs(30);

/// Starts the host and prepares it.
pub(crate) fn prepare(host: &Host, guest: &[u8], fault_log: &FaultLog) -> anyhow::Result<Targets> {
    let took = host.start().context("the host does not start")?;
    fault_log.progress(&format!(
        "the host answers after {:.1} s",
        took.as_secs_f64()
    ));
    let mut api = Api::new(host);
    for workflow in [neighbours::WORKFLOW, acts::WORKFLOW] {
        api.deploy(workflow, guest)?;
    }
    api.set_secret(neighbours::SECRET, neighbours::WORKFLOW)?;
    match &host.clock {
        Some(_) => show_the_step(host, fault_log)?,
        None => {
            fault_log
                .progress("NOT DONE: the host's clock is not moved, since --clock is not given");
        }
    }
    Targets::prepare(host)
}

/// Changes the date, and checks in the host's metrics that the host sees the change. Otherwise, the acts on the date
/// would test nothing.
fn show_the_step(host: &Host, fault_log: &FaultLog) -> anyhow::Result<()> {
    let clock = host.clock.as_ref().context("there is no clock")?;
    let before = host.metric("dormouse_clock_steps_total")?;
    clock.set_ahead(STEP)?;
    let ahead = host.metric("dormouse_clock_step_seconds")?;
    let began = Moment::now();
    let mut steps = before;
    while steps <= before && began.elapsed() < LOOKS_WITHIN {
        pause(Duration::from_millis(200));
        steps = host.metric("dormouse_clock_steps_total")?;
    }
    clock.set_ahead(0)?;
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let difference = (ahead - STEP as f64).abs();
    ensure!(
        difference < DIFFERENCE && steps > before,
        "the host does not see a step of {STEP} s: its metrics say {ahead} s and {steps} steps"
    );
    fault_log.progress(&format!(
        "the host sees a step of its clock: {ahead:.0} s ahead, counted after {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}
