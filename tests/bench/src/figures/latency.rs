//! How long runs take when the host is half busy.

use std::time::Duration;

use crate::closed_loop::closed_loop;
use crate::host::own_processor_time;
use crate::lab::Lab;
use crate::open_loop::open_loop;
use crate::report::{Goal, Measures};
use crate::statistics::{number, percentile};
use crate::time::Moment;

const SYNC: &str = "a sync before, p50";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let time = Duration::from_secs(lab.choose(20, 4));
    for _ in 0..lab.repeats {
        lab.measure_sync()?;
        measures.add(SYNC, "ms", lab.sync.p50);
        let host = lab.start(&[]).await?;
        let peak = closed_loop(&host, lab.clients(), time / 4).await?;
        let peak = number(peak.runs) / peak.seconds;
        host.until_idle().await?;
        let (commits, host_time) = (host.commits().await?.commits, host.processor_time()?);
        let (own_time, began) = (own_processor_time()?, Moment::now());
        let completed = open_loop(&host, peak / 2.0, time).await?;
        let busy = host.processor_time()? - host_time + (own_processor_time()? - own_time);
        let busy = busy.as_secs_f64() / began.elapsed().as_secs_f64();
        let commits = number(host.commits().await?.commits - commits);
        let mut latencies: Vec<f64> = completed.iter().map(|run| run.latency).collect();
        measures.add("peak", "1/s", peak);
        measures.add(
            "rate",
            "1/s",
            number(latencies.len() as u64) / time.as_secs_f64(),
        );
        let runs = number(latencies.len() as u64);
        measures.add("commits a run", "", commits / runs);
        measures.add("processors busy with both", "", busy);
        for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)] {
            measures.add(name, "ms", percentile(&mut latencies, percent));
        }
    }
    measures.goal("p99", Goal::AtMost(10.0 + 4.0 * measures.median(SYNC)));
    Ok(measures)
}
