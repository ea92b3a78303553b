//! Two hosts in turn, under the same load on the same machine: how much processor time does a run take on each?
//!
//! The speed of a machine changes from minute to minute, so two values that are measured a minute apart say little.
//! Each pair here is measured within seconds, and the order of the two hosts changes from pair to pair.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::closed_loop::closed_loop;
use crate::host::Host;
use crate::lab::Lab;
use crate::report::Measures;
use crate::statistics::number;

/// How long each host is measured for one pair, after the second in which the load warms up.
const SLICE: Duration = Duration::from_secs(1);

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let against = lab.against.clone();
    let against = against.context("the other host's program is missing; give it as --against")?;
    let clients = lab.clients();
    let ours = start(lab, &lab.host).await?;
    let others = start(lab, &against).await?;
    let mut measures = Measures::default();
    for pair in 0..lab.choose(60, 15) {
        let (own, other) = if pair % 2 == 0 {
            let own = time_a_run(&ours, clients).await?;
            (own, time_a_run(&others, clients).await?)
        } else {
            let other = time_a_run(&others, clients).await?;
            (time_a_run(&ours, clients).await?, other)
        };
        measures.add("processor time a run, this host", "us", own);
        measures.add("processor time a run, the other host", "us", other);
        measures.add("this host, times the other", "", own / other);
    }
    Ok(measures)
}

async fn start(lab: &Lab, program: &Path) -> anyhow::Result<Host> {
    let host = Host::start(program, &lab.folder, &[])?;
    host.deploy(&lab.component).await?;
    Ok(host)
}

/// Returns the host's processor time for a run, in microseconds.
async fn time_a_run(host: &Host, clients: usize) -> anyhow::Result<f64> {
    let driven = closed_loop(host, clients, SLICE).await?;
    anyhow::ensure!(driven.runs > 0, "no run ended in a second");
    Ok(driven.host_time.as_secs_f64() * 1e6 / number(driven.runs))
}
