//! Clients that each send requests to one path, one after the other, to measure how many the server can answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::client::Connection;
use crate::time::{Moment, millis, pause};

/// Sends requests for this long, after a second to warm up. `began` is called when the warm-up is over. Returns the
/// durations of the requests that were answered after it, in milliseconds, and the measured time in seconds.
pub(crate) async fn ask(
    clients: Vec<Connection>,
    path: &str,
    body: &'static [u8],
    time: Duration,
    began: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<(Vec<f64>, f64)> {
    let (counted, stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let mut tasks = JoinSet::new();
    for client in clients {
        tasks.spawn(drive(
            client,
            path.to_owned(),
            body,
            counted.clone(),
            stop.clone(),
        ));
    }
    pause(Duration::from_secs(1)).await;
    began()?;
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

/// Drives one client. Returns the durations of its requests that were answered in the measured time, in milliseconds.
async fn drive(
    mut client: Connection,
    path: String,
    body: &'static [u8],
    counted: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Vec<f64>> {
    let mut latencies = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Moment::now();
        client.post(&path, body).await?.expect(200)?;
        if counted.load(Ordering::Relaxed) {
            latencies.push(millis(began.elapsed()));
        }
    }
    Ok(latencies)
}
