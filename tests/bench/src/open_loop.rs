//! Runs that are started when they are due, whether or not those before have ended, as callers who know nothing of each
//! other do. What is late counts from the time at which it was due, so that a host which stalls cannot hide it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
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
    /// When it was due, in seconds from the beginning.
    pub(crate) due: f64,
    /// How long after that it had completed, in milliseconds.
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
    let mut chance = Chance::new(1);
    let mut tasks = JoinSet::new();
    let began = Moment::now();
    let mut due = chance.gap(rate);
    while due < time {
        began.after(due).reached().await;
        let permit = pool.permits.clone().acquire_owned().await?;
        let pool = pool.clone();
        tasks.spawn(async move {
            let _permit = permit;
            run(&pool).await?;
            let latency = millis(began.after(due).elapsed());
            let due = due.as_secs_f64();
            anyhow::Ok(Completed { due, latency })
        });
        due += chance.gap(rate);
    }
    let mut completed = Vec::new();
    while let Some(run) = tasks.join_next().await {
        completed.push(run??);
    }
    Ok(completed)
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
