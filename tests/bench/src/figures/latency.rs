//! The duration of runs when the host is half busy.

use std::collections::BTreeMap;
use std::time::Duration;

use dormouse_harness::ProcessUsage;

use crate::closed_loop::closed_loop;
use crate::lab::Lab;
use crate::open_loop::{Completed, open_loop};
use crate::pauses::pauses;
use crate::report::{Goal, Measures};
use crate::statistics::{median, number, percentile};
use crate::time::Moment;

const SYNC: &str = "a sync before, p50";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let time = Duration::from_secs(lab.choose(20, 4));
    for _ in 0..lab.repeats {
        lab.measure_sync()?;
        measures.add(SYNC, "ms", lab.sync.p50);
        let host = lab.start(&[]).await?;
        let pauses = pauses();
        measures.add("the machine's pauses, of its time", "%", pauses.share);
        measures.add("the longest of them", "ms", pauses.longest);
        let peak = closed_loop(&host, lab.clients(), time / 4).await?;
        let peak = number(peak.runs) / peak.seconds;
        host.until_idle().await?;
        let (usage, own) = (host.usage()?, ProcessUsage::of_this_process());
        let (commits, host_time) = (host.commits().await?.commits, usage.processor_time()?);
        let (own_time, began) = (own.processor_time()?, Moment::now());
        let completed = open_loop(&host, peak / 2.0, time).await?;
        let busy = usage.processor_time()? - host_time + (own.processor_time()? - own_time);
        let busy = busy.as_secs_f64() / began.elapsed().as_secs_f64();
        let commits = number(host.commits().await?.commits - commits);
        let mut late: Vec<f64> = completed.iter().map(|run| run.late).collect();
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
        measures.add("begun late by, p50", "ms", percentile(&mut late, 50.0));
        measures.add("begun late by, p99", "ms", percentile(&mut late, 99.0));
        measures.add(
            "p99 of the median second",
            "ms",
            of_the_median_second(&completed),
        );
        for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)] {
            measures.add(name, "ms", percentile(&mut latencies, percent));
        }
    }
    measures.goal("p99", Goal::AtMost(10.0 + 4.0 * measures.median(SYNC)));
    Ok(measures)
}

/// Returns the median of the 99th percentiles of all seconds. A pause of the whole machine delays the runs of one
/// second, and would decide the 99th percentile of all runs.
fn of_the_median_second(completed: &[Completed]) -> f64 {
    let mut seconds = BTreeMap::<u64, Vec<f64>>::new();
    for run in completed {
        let second = run.due.as_secs();
        seconds.entry(second).or_default().push(run.latency);
    }
    let percentiles: Vec<f64> = seconds
        .into_values()
        .map(|mut second| percentile(&mut second, 99.0))
        .collect();
    median(&percentiles)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_second_does_not_decide_the_median() {
        let run = |millis: u64, latency: f64| Completed {
            due: Duration::from_millis(millis),
            late: 0.0,
            latency,
        };
        let completed: Vec<_> = (0..5_000)
            .map(|millis| run(millis, if millis < 1_000 { 50.0 } else { 4.0 }))
            .collect();
        assert_eq!(of_the_median_second(&completed), 4.0);
        let mut all: Vec<f64> = completed.iter().map(|run| run.latency).collect();
        assert_eq!(percentile(&mut all, 99.0), 50.0);
    }
}
