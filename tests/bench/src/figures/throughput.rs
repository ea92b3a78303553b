//! How many runs a second the host executes from start to end.
//!
//! Enough clients to keep the host busy each drive one run after the other. The load generator shares the
//! processors with the host, so the processor time of both is measured.

use std::time::Duration;

use super::wake::COLD;
use crate::closed_loop::closed_loop;
use crate::lab::Lab;
use crate::report::{Goal, Measures};
use crate::statistics::{number, percentile};

pub(super) async fn warm(lab: &mut Lab) -> anyhow::Result<Measures> {
    measure(lab, &[], 6_000.0).await
}

pub(super) async fn cold(lab: &mut Lab) -> anyhow::Result<Measures> {
    measure(lab, &[COLD], 4_000.0).await
}

async fn measure(lab: &mut Lab, settings: &[&str], goal: f64) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        lab.measure_sync()?;
        let clients = lab.clients();
        let host = lab.start(settings).await?;
        let time = Duration::from_secs(lab.choose(10, 3));
        let mut driven = closed_loop(&host, clients, time).await?;
        let runs = number(driven.runs);
        measures.add("runs a second", "1/s", runs / driven.seconds);
        for (name, percent) in [("p50 of a run", 50.0), ("p99 of a run", 99.0)] {
            measures.add(name, "ms", percentile(&mut driven.latencies, percent));
        }
        measures.add("commits a run", "", number(driven.commits) / runs);
        measures.add("writes a run", "", number(driven.writes) / runs);
        measures.add("requests a run", "", number(driven.requests) / runs);
        for (name, time) in [
            ("processor time a run, host", driven.host_time),
            ("processor time a run, load generator", driven.own_time),
        ] {
            measures.add(name, "us", time.as_secs_f64() * 1e6 / runs);
        }
        let busy = (driven.host_time + driven.own_time).as_secs_f64() / driven.seconds;
        measures.add("processors busy with both", "", busy);
        measures.add("a sync before, p50", "ms", lab.sync.p50);
        measures.add("clients", "", number(clients as u64));
    }
    measures.goal("runs a second", Goal::AtLeast(goal));
    Ok(measures)
}
