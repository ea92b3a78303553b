//! Clients that each drive runs, one after the other, to measure how many runs the host can execute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dormouse_harness::ProcessUsage;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::host::Host;
use crate::load::whole_run;
use crate::time::{Moment, millis, pause};

/// The results of clients that drove one run after the other.
pub(crate) struct ClosedLoopResults {
    /// The number of runs that completed.
    pub(crate) runs: u64,
    pub(crate) seconds: f64,
    /// The duration of each run from the sending of its start, in milliseconds.
    pub(crate) latencies: Vec<f64>,
    /// The number of requests that were sent for these runs.
    pub(crate) requests: u64,
    pub(crate) commits: u64,
    pub(crate) writes: u64,
    /// The processor time of the host. `own_time` is that of this process.
    pub(crate) host_time: Duration,
    pub(crate) own_time: Duration,
}

/// Lets this many clients drive runs for this long, each client one run after the other, after a second to warm up.
pub(crate) async fn closed_loop(
    host: &Host,
    clients: usize,
    time: Duration,
) -> anyhow::Result<ClosedLoopResults> {
    let stop = Arc::new(AtomicBool::new(false));
    let counted = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for client in host.connections(clients).await? {
        tasks.spawn(drive(client, counted.clone(), stop.clone()));
    }
    pause(Duration::from_secs(1)).await;

    let (usage, own) = (host.usage()?, ProcessUsage::of_this_process());
    let (commits, host_time) = (host.commits().await?, usage.processor_time()?);
    let (own_time, began) = (own.processor_time()?, Moment::now());
    counted.store(true, Ordering::Relaxed);
    pause(time).await;
    counted.store(false, Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let own_time = own.processor_time()? - own_time;
    let host_time = usage.processor_time()? - host_time;
    let after = host.commits().await?;
    stop.store(true, Ordering::Relaxed);

    let mut driven = ClosedLoopResults {
        runs: 0,
        seconds,
        latencies: Vec::new(),
        requests: 0,
        commits: after.commits - commits.commits,
        writes: after.writes - commits.writes,
        host_time,
        own_time,
    };
    while let Some(client) = tasks.join_next().await {
        let (latencies, requests) = client??;
        driven.runs += latencies.len() as u64;
        driven.latencies.extend(latencies);
        driven.requests += requests;
    }
    Ok(driven)
}

/// Drives one client. Returns the durations of its runs that ended in the measured time, and the number of their
/// requests.
async fn drive(
    mut client: Connection,
    counted: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<(Vec<f64>, u64)> {
    let (mut latencies, mut requests) = (Vec::new(), 0);
    let mut last = None;
    while !stop.load(Ordering::Relaxed) {
        let (began, sent) = (Moment::now(), client.requests());
        last = Some(whole_run(&mut client).await?);
        if counted.load(Ordering::Relaxed) {
            latencies.push(millis(began.elapsed()));
            requests += client.requests() - sent;
        }
    }
    if let Some(run) = last {
        run.expect_completed(&mut client).await?;
    }
    Ok((latencies, requests))
}
