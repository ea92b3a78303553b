//! Runs that are started when they are due, whether or not the earlier runs have ended, as independent callers start
//! them. A duration counts from the time at which the run was due, so a host that stalls cannot hide the delay.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::host::Host;
use crate::load::whole_run;
use crate::statistics::SeededRng;
use crate::time::{Moment, millis};

/// The largest number of runs at once. A run that is due beyond it waits in the generator, and this wait counts.
const CONNECTIONS: usize = 1_000;

/// A run that completed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completed {
    /// When the run was due, from the beginning of the load.
    pub(crate) due: Duration,
    /// The time from then until the run was started, in milliseconds. It is the delay of the generator itself.
    pub(crate) late: f64,
    /// The time from when the run was due until it had completed, in milliseconds.
    pub(crate) latency: f64,
}

struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// Starts runs at this rate a second for this long, at random times. Returns them once all have completed.
pub(crate) async fn open_loop(
    host: &Host,
    rate: f64,
    time: Duration,
) -> anyhow::Result<Vec<Completed>> {
    let pool = Arc::new(Pool {
        idle: Mutex::new(host.connections(CONNECTIONS).await?),
        permits: Arc::new(Semaphore::new(CONNECTIONS)),
    });
    let mut tasks = JoinSet::new();
    let began = Moment::now();
    let mut schedule = schedule(began, rate, time);
    while let Some(due) = schedule.recv().await {
        let moment = began.after(due);
        let permit = pool.permits.clone().acquire_owned().await?;
        let pool = pool.clone();
        tasks.spawn(async move {
            let _permit = permit;
            let late = millis(moment.elapsed());
            run(&pool).await?;
            anyhow::Ok(Completed {
                due,
                late,
                latency: millis(moment.elapsed()),
            })
        });
    }
    let mut completed = Vec::new();
    while let Some(run) = tasks.join_next().await {
        completed.push(run??);
    }
    Ok(completed)
}

/// Sends the due time of each run at that time, from a thread that does nothing else.
fn schedule(began: Moment, rate: f64, time: Duration) -> UnboundedReceiver<Duration> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        let mut rng = SeededRng::new(1);
        let mut due = rng.gap(rate);
        while due < time {
            began.after(due).sleep_until();
            if sender.send(due).is_err() {
                return;
            }
            due += rng.gap(rate);
        }
    });
    receiver
}

async fn run(pool: &Pool) -> anyhow::Result<()> {
    let client = pool.lock().pop();
    // There are as many connections as permits, so one is free.
    let Some(mut client) = client else {
        anyhow::bail!("no connection is left");
    };
    whole_run(&mut client).await?;
    pool.lock().push(client);
    Ok(())
}

impl Pool {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
