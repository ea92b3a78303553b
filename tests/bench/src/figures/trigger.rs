//! How many requests a second a trigger answers with the output of the run that each of them starts.
//!
//! A workflow is a durable HTTP endpoint then: a request, its run, and the output, which is answered after the commit in which
//! the run has completed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::host::{Host, WORKFLOW};
use crate::lab::Lab;
use crate::report::Measures;
use crate::statistics::{number, percentile};
use crate::time::{Moment, millis, pause};

/// What a run is given that returns at once.
const INPUT: &[u8] = b"{}";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        lab.measure_sync()?;
        let clients = lab.clients();
        let host = lab.start(&["--held-replies", "100000"]).await?;
        let path = set(&host).await?;
        let time = Duration::from_secs(lab.choose(10, 3));
        let (mut latencies, seconds) = drive_all(&host, &path, clients, time).await?;
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

/// Sets the trigger. Returns the path of its URL.
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

async fn drive_all(
    host: &Host,
    path: &str,
    clients: usize,
    time: Duration,
) -> anyhow::Result<(Vec<f64>, f64)> {
    let (counted, stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let mut tasks = JoinSet::new();
    for client in host.connections(clients).await? {
        tasks.spawn(drive(
            client,
            path.to_owned(),
            counted.clone(),
            stop.clone(),
        ));
    }
    pause(Duration::from_secs(1)).await;
    let began = Moment::now();
    counted.store(true, Ordering::Relaxed);
    pause(time).await;
    counted.store(false, Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    while let Some(client) = tasks.join_next().await {
        latencies.extend(client??);
    }
    Ok((latencies, seconds))
}

/// One client: gives how long each answer took that came while they were counted.
async fn drive(
    mut client: Connection,
    path: String,
    counted: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Moment::now();
        client.post(&path, INPUT).await?.expect(200)?;
        if counted.load(Ordering::Relaxed) {
            latencies.push(millis(began.elapsed()));
        }
    }
    Ok(latencies)
}
