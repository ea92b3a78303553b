//! Runs, driven from outside as their callers drive them.
//!
//! A run is started (202), its caller looks at its webhooks until one has an open wait, and sends that one a request,
//! which the workflow answers. Each step proves the one before: a wait is shown once the activation that made it is
//! durable, so a run that is sent a request was really suspended; and an answer of the workflow's comes after the
//! commit of the activation that gave it, in which the run also waits again or ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::Connection;
use crate::host::{Host, WORKFLOW, own_processor_time};
use crate::time::{Moment, millis, pause};

/// How long is waited before the first look at a run's webhooks. Too short, and many looks see nothing, which costs both
/// sides processor time; too long, and clients sleep. It goes up with each look in vain and down with each other, so
/// that about one in ten is in vain.
pub(crate) struct Pace(AtomicU64);

const PACE_UP: u64 = 100;
const PACE_DOWN: u64 = 10;

/// The timer cannot wait for less.
const GRAIN: Duration = Duration::from_millis(1);

impl Pace {
    /// Looks at once: right where every client waits for one run.
    pub(crate) fn at_once() -> Self {
        Pace(AtomicU64::new(0))
    }

    async fn before_first_look(&self) {
        let delay = Duration::from_micros(self.0.load(Ordering::Relaxed));
        if delay >= GRAIN / 2 {
            pause(delay).await;
        }
    }

    fn learn(&self, in_vain: bool) {
        let micros = self.0.load(Ordering::Relaxed);
        let micros = if in_vain {
            (micros + PACE_UP).min(20_000)
        } else {
            micros.saturating_sub(PACE_DOWN)
        };
        self.0.store(micros, Ordering::Relaxed);
    }
}

/// A run that was started.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: String,
}

impl Run {
    /// Starts one with this input.
    pub(crate) async fn start(client: &mut Connection, input: &str) -> anyhow::Result<Self> {
        let path = format!("/v1/workflows/{WORKFLOW}/runs");
        let headers = "content-type: application/json\r\n";
        let answer = client
            .exchange("POST", &path, headers, input.as_bytes())
            .await?
            .expect(202)?;
        let id = answer.field("id").context("a run without an id")?;
        Ok(Run { id: id.to_owned() })
    }

    /// The path of its webhook, if a wait is open on it.
    pub(crate) async fn webhook(&self, client: &mut Connection) -> anyhow::Result<Option<String>> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        let answer = client.get(&path).await?.expect(200)?;
        if !answer.text().contains("\"waits\":1") {
            return Ok(None);
        }
        // A run may have had another before, on which it waits no more: the last one counts.
        let hook = answer.text().rsplit_once("/hooks/");
        let token = hook.and_then(|(_, rest)| rest.split_once('"'));
        let (token, _) = token.context("a webhook without a URL")?;
        Ok(Some(format!("/hooks/{token}")))
    }

    /// The same, once a wait is open.
    pub(crate) async fn suspended(
        &self,
        client: &mut Connection,
        pace: &Pace,
    ) -> anyhow::Result<String> {
        pace.before_first_look().await;
        let first = self.webhook(client).await?;
        pace.learn(first.is_none());
        if let Some(webhook) = first {
            return Ok(webhook);
        }
        loop {
            pause(GRAIN).await;
            if let Some(webhook) = self.webhook(client).await? {
                return Ok(webhook);
            }
        }
    }

    /// What the API shows of it.
    pub(crate) async fn show(&self, client: &mut Connection) -> anyhow::Result<Value> {
        let answer = client.get(&format!("/v1/runs/{}", self.id)).await?;
        answer.expect(200)?.json()
    }

    /// Fails if it has not completed.
    pub(crate) async fn expect_completed(&self, client: &mut Connection) -> anyhow::Result<()> {
        let shown = self.show(client).await?;
        if shown["status"] != "completed" {
            bail!("a run should have completed: {shown}");
        }
        Ok(())
    }
}

/// Sends a request to a webhook that the workflow answers, and gives how long the answer took.
pub(crate) async fn ask(client: &mut Connection, webhook: &str) -> anyhow::Result<Duration> {
    let began = Moment::now();
    // A caller that is answered 202 was held as long as it may be, and the workflow did not answer.
    client.post(webhook, b"{}").await?.expect(200)?;
    Ok(began.elapsed())
}

/// The input of a run that answers so many questions.
pub(crate) fn questions(count: u64) -> String {
    format!(r#"{{"questions":{count}}}"#)
}

/// A run from its start to its end, with the number of questions in between.
pub(crate) async fn whole_run(client: &mut Connection, pace: &Pace) -> anyhow::Result<Run> {
    let run = Run::start(client, &questions(1)).await?;
    let webhook = run.suspended(client, pace).await?;
    ask(client, &webhook).await?;
    Ok(run)
}

/// What came of clients that drove one run after the other.
pub(crate) struct Driven {
    /// Runs that completed.
    pub(crate) runs: u64,
    pub(crate) seconds: f64,
    /// How long each took from the sending of its start, in milliseconds.
    pub(crate) latencies: Vec<f64>,
    /// Requests that were sent for them.
    pub(crate) requests: u64,
    pub(crate) commits: u64,
    pub(crate) writes: u64,
    /// Processor time of the host and of this process.
    pub(crate) host_time: Duration,
    pub(crate) own_time: Duration,
}

/// Has so many clients drive runs for so long, each one after the other, after a second to warm up.
pub(crate) async fn closed_loop(
    host: &Host,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Driven> {
    let pace = Arc::new(Pace::at_once());
    let stop = Arc::new(AtomicBool::new(false));
    let counted = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for client in host.connections(clients).await? {
        tasks.spawn(drive(client, pace.clone(), counted.clone(), stop.clone()));
    }
    pause(Duration::from_secs(1)).await;

    let (commits, host_time) = (host.commits().await?, host.processor_time()?);
    let (own_time, began) = (own_processor_time()?, Moment::now());
    counted.store(true, Ordering::Relaxed);
    pause(time).await;
    counted.store(false, Ordering::Relaxed);
    let seconds = began.elapsed().as_secs_f64();
    let own_time = own_processor_time()? - own_time;
    let host_time = host.processor_time()? - host_time;
    let after = host.commits().await?;
    stop.store(true, Ordering::Relaxed);

    let mut driven = Driven {
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

/// One client: gives how long each run took that ended while they were counted, and how many requests went into them.
async fn drive(
    mut client: Connection,
    pace: Arc<Pace>,
    counted: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<(Vec<f64>, u64)> {
    let (mut latencies, mut requests) = (Vec::new(), 0);
    let mut last = None;
    while !stop.load(Ordering::Relaxed) {
        let (began, sent) = (Moment::now(), client.requests());
        last = Some(whole_run(&mut client, &pace).await?);
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
