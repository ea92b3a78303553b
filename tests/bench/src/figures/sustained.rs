//! Checks that nothing grows without bound: a steady load for minutes, with runs removed soon after they end.

use std::time::Duration;

use futures::future::try_join;

use super::dormant::mebibytes;
use crate::closed_loop::closed_loop;
use crate::host::Host;
use crate::lab::Lab;
use crate::open_loop::{Completed, open_loop};
use crate::report::Measures;
use crate::statistics::{number, percentile};
use crate::time::pause;

/// How long the host keeps ended runs, and how long it recognises repeated requests.
const SETTINGS: [&str; 2] = ["--retention=10s", "--duplicate-window=10s"];

/// The number of parts of the time. Each is measured by itself. In the first part, the live data still grows.
const PARTS: u32 = 10;

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let time = Duration::from_secs(60 * u64::from(lab.minutes));
    let host = lab.start(&SETTINGS).await?;
    let peak = closed_loop(&host, lab.clients(), Duration::from_secs(3)).await?;
    let rate = number(peak.runs) / peak.seconds / 2.0;
    let (completed, samples) =
        try_join(open_loop(&host, rate, time), samples(&host, time / PARTS)).await?;
    measures.add(
        "rate",
        "1/s",
        number(completed.len() as u64) / time.as_secs_f64(),
    );
    measures.add("minutes", "", f64::from(lab.minutes));
    for (part, sample) in (1..=PARTS).zip(&samples) {
        let mut latencies = latencies(&completed, time, part);
        let of = |what: &str| format!("{what}, part {part} of {PARTS}");
        measures.add(of("p50"), "ms", percentile(&mut latencies, 50.0));
        measures.add(of("p99"), "ms", percentile(&mut latencies, 99.0));
        measures.add(of("memory"), "MiB", mebibytes(sample.resident));
        measures.add(of("store"), "MiB", mebibytes(sample.stored));
    }
    Ok(measures)
}

struct Sample {
    resident: u64,
    stored: u64,
}

/// Returns the memory and disk that the host uses at the end of each part.
async fn samples(host: &Host, part: Duration) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for _ in 0..PARTS {
        pause(part).await;
        samples.push(Sample {
            resident: host.usage()?.resident_memory()?,
            stored: host.stored()?,
        });
    }
    Ok(samples)
}

/// Returns the durations of the runs that were due in this part. The first part is 1.
fn latencies(completed: &[Completed], time: Duration, part: u32) -> Vec<f64> {
    let length = time / PARTS;
    let end = part * length;
    completed
        .iter()
        .filter(|run| (end - length..end).contains(&run.due))
        .map(|run| run.latency)
        .collect()
}
