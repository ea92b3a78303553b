//! Runs that are started when they are due, whether or not those before have ended, as callers who know nothing of each
//! other do. What is late counts from the time at which it was due, so that a host which stalls cannot hide it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::host::Host;
use crate::load::whole_run;
use crate::statistics::Chance;
use crate::time::{Moment, millis};

/// Runs under way at once. Beyond, those that are due wait here, and their waiting counts.
const CONNECTIONS: usize = 1_000;

/// A run that completed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completed {
    /// When it was due, from the beginning.
    pub(crate) due: Duration,
    /// How long after that it was begun, in milliseconds: what the generator itself is late by.
    pub(crate) late: f64,
    /// How long after it was due it had completed, in milliseconds.
    pub(crate) latency: f64,
}

struct Pool {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// Starts runs at this rate a second for so long, at random times, and gives them all once the last has completed.
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

/// Says when a run is due, at that time, from a thread that does nothing else.
fn schedule(began: Moment, rate: f64, time: Duration) -> UnboundedReceiver<Duration> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        let mut chance = Chance::new(1);
        let mut due = chance.gap(rate);
        while due < time {
            began.after(due).sleep_until();
            if sender.send(due).is_err() {
                return;
            }
            due += chance.gap(rate);
        }
    });
    receiver
}

async fn run(pool: &Pool) -> anyhow::Result<()> {
    let client = pool.lock().pop();
    // There are as many connections as permits.
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
