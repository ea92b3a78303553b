//! How many requests a second a trigger answers with the output of the run that each request starts.
//!
//! A workflow can serve as a durable HTTP endpoint in this way: a request starts a run, and its answer is the run's
//! output, sent after the commit in which the run has completed.

use std::time::Duration;

use anyhow::Context;

use crate::asking::ask;
use crate::host::{Host, WORKFLOW};
use crate::lab::Lab;
use crate::report::Measures;
use crate::statistics::{number, percentile};

/// The input of a run that returns at once.
const INPUT: &[u8] = b"{}";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        lab.measure_sync()?;
        let clients = lab.clients();
        let host = lab.start(&[]).await?;
        let path = set(&host).await?;
        let time = Duration::from_secs(lab.choose(10, 3));
        let connections = host.connections(clients).await?;
        let (mut latencies, seconds) = ask(connections, &path, INPUT, time, || Ok(())).await?;
        measures.add(
            "runs a second",
            "1/s",
            number(latencies.len() as u64) / seconds,
        );
        for (name, percent) in [("p50 of an answer", 50.0), ("p99 of an answer", 99.0)] {
            measures.add(name, "ms", percentile(&mut latencies, percent));
        }
        measures.add("a sync before, p50", "ms", lab.sync.p50);
        measures.add("clients", "", number(clients as u64));
    }
    Ok(measures)
}

/// Sets the trigger, and returns the path of its URL.
async fn set(host: &Host) -> anyhow::Result<String> {
    let body = format!(
        "{{\"workflow\":\"{WORKFLOW}\",\"reply\":{{\"kind\":\"output\",\"within\":\"60s\"}}}}"
    );
    let mut client = host.connect().await?;
    let answer = client
        .exchange("PUT", "/v1/triggers/bench", "", body.as_bytes())
        .await?;
    let answer = answer.expect(201)?;
    let url = answer.field("url").context("a trigger without a URL")?;
    let path = url.find("/hooks/").context("a URL without a path")?;
    Ok(url[path..].to_owned())
}
