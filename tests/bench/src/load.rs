//! Runs, driven from outside as their callers drive them.
//!
//! A run is started (202), its caller looks at its webhooks until one has an open wait, and sends that one a request,
//! which the workflow answers. Each step proves the one before: a wait is shown once the activation that made it is
//! durable, so a run that is sent a request was really suspended; and an answer of the workflow's comes after the
//! commit of the activation that gave it, in which the run also waits again or ends.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use futures::future::try_join_all;
use serde_json::Value;

use crate::client::Connection;
use crate::disk::Probe;
use crate::host::WORKFLOW;
use crate::time::{Moment, millis, pause};

/// How long is waited before the first look at a run's webhooks. Too short, and many looks see nothing, which costs both
/// sides processor time; too long, and clients sleep. It goes up with each look in vain and down with each other, so
/// that about one in ten is in vain.
pub(crate) struct Pace(AtomicU64);

const PACE_UP: u64 = 100;
const PACE_DOWN: u64 = 10;

/// The timer cannot wait for less.
const GRAIN: Duration = Duration::from_millis(1);

/// Between further looks, each of which is waited for twice as long as the one before, there is no more than this: what
/// is seen late counts as the host's latency.
const LONGEST: Duration = Duration::from_millis(8);

/// In microseconds. On a machine that is busy with something else the first activation can take so long.
const SLOWEST_PACE: u64 = 100_000;

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
            (micros + PACE_UP).min(SLOWEST_PACE)
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

    /// Whether a request lies in its inbox, when it has one webhook.
    pub(crate) async fn has_queued(&self, client: &mut Connection) -> anyhow::Result<bool> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        let answer = client.get(&path).await?.expect(200)?;
        Ok(answer.text().contains("\"queued\":1,"))
    }

    /// The path of its newest webhook, if a wait is open on it and nothing lies in its inbox.
    pub(crate) async fn webhook(&self, client: &mut Connection) -> anyhow::Result<Option<String>> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        let answer = client.get(&path).await?.expect(200)?;
        let Some((_, newest)) = answer.text().rsplit_once("{\"webhook\":") else {
            return Ok(None);
        };
        if !newest.contains("\"waits\":1,") || !newest.contains("\"queued\":0,") {
            return Ok(None);
        }
        let hook = newest.split_once("/hooks/");
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
        let mut delay = GRAIN;
        loop {
            pause(delay).await;
            if let Some(webhook) = self.webhook(client).await? {
                return Ok(webhook);
            }
            delay = (2 * delay).min(LONGEST);
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

/// Runs of one host that wait for a question, and a client to ask them.
pub(crate) struct Side {
    pub(crate) client: Connection,
    pub(crate) webhooks: Vec<String>,
}

/// Asks one run of each side after the other, then the next of each, and so on, with a sync of the disk in between.
/// Gives how long each side's took, in milliseconds.
///
/// Disks have moods. What is compared goes through the same ones, and so does what it is compared with.
pub(crate) async fn ask_in_turn(
    sides: &mut [Side],
    probe: &mut Probe,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let rounds = sides.iter().map(|side| side.webhooks.len()).min();
    let mut times = vec![Vec::new(); sides.len()];
    for round in 0..rounds.unwrap_or_default() {
        for (side, times) in sides.iter_mut().zip(&mut times) {
            let time = ask(&mut side.client, &side.webhooks[round]).await?;
            times.push(millis(time));
            probe.sync()?;
        }
    }
    Ok(times)
}

/// The input of a run that answers so many questions.
pub(crate) fn questions(count: u64) -> String {
    format!(r#"{{"questions":{count}}}"#)
}

/// A run from its start to its end, with one question in between.
pub(crate) async fn whole_run(client: &mut Connection, pace: &Pace) -> anyhow::Result<Run> {
    let run = Run::start(client, &questions(1)).await?;
    let webhook = run.suspended(client, pace).await?;
    ask(client, &webhook).await?;
    Ok(run)
}

/// Does something for each index below `count`, the clients side by side, and gives what came of each.
pub(crate) async fn each<T>(
    clients: &mut [Connection],
    count: usize,
    work: impl AsyncFn(&mut Connection, usize) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let next = Cell::new(0);
    let shares = clients
        .iter_mut()
        .map(|client| share(client, &next, count, &work));
    let mut done: Vec<_> = try_join_all(shares).await?.into_iter().flatten().collect();
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

/// What one client does of it.
async fn share<T>(
    client: &mut Connection,
    next: &Cell<usize>,
    count: usize,
    work: &impl AsyncFn(&mut Connection, usize) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<(usize, T)>> {
    let mut done = Vec::new();
    loop {
        let index = next.get();
        if index >= count {
            return Ok(done);
        }
        next.set(index + 1);
        done.push((index, work(client, index).await?));
    }
}
