//! Drives runs from outside, as their callers do.
//!
//! A caller starts a run, is answered with 202 when the run sleeps, and learns the URL of the run's webhook from the
//! answer. It then sends the webhook a request, which the workflow answers. Each step proves that the step before is
//! durable: a run is shown as suspended only after the commit of the activation that suspended it, and a workflow's
//! answer is sent only after the commit of the activation that gave the answer and in which the run waits again or
//! ends.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::future::try_join_all;
use serde_json::Value;

use crate::client::{Answer, Connection};
use crate::disk::Probe;
use crate::host::WORKFLOW;
use crate::time::{Moment, millis, pause};

/// The time between two looks at a run.
const PAUSE: Duration = Duration::from_millis(1);

/// A run that was started.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: String,
}

impl Run {
    /// Starts a run with this input.
    pub(crate) async fn start(client: &mut Connection, input: &str) -> anyhow::Result<Self> {
        Run::started(&start(client, input, "").await?)
    }

    /// Starts a run. Once it sleeps and waits on a webhook, returns the run and the path of its newest webhook.
    pub(crate) async fn start_until_suspended(
        client: &mut Connection,
        input: &str,
    ) -> anyhow::Result<(Self, String)> {
        let answer = start(client, input, "prefer: wait=60; until=suspended\r\n").await?;
        let webhook = awaited(&answer)?.context("a run that was started does not wait")?;
        Ok((Run::started(&answer)?, webhook))
    }

    fn started(answer: &Answer<'_>) -> anyhow::Result<Self> {
        let id = answer.field("id").context("a run without an id")?;
        Ok(Run { id: id.to_owned() })
    }

    /// Returns true if a request is in the inbox of the run, which has one webhook.
    pub(crate) async fn has_queued(&self, client: &mut Connection) -> anyhow::Result<bool> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        let answer = client.get(&path).await?.expect(200)?;
        Ok(answer.text().contains("\"queued\":1,"))
    }

    /// Returns the path of the run's newest webhook, if a wait is open on it and its inbox is empty.
    pub(crate) async fn webhook(&self, client: &mut Connection) -> anyhow::Result<Option<String>> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        awaited(&client.get(&path).await?.expect(200)?)
    }

    /// Waits until the run waits on its webhook again.
    pub(crate) async fn waits_again(&self, client: &mut Connection) -> anyhow::Result<()> {
        while self.webhook(client).await?.is_none() {
            pause(PAUSE).await;
        }
        Ok(())
    }

    /// Returns the run as the API shows it.
    pub(crate) async fn show(&self, client: &mut Connection) -> anyhow::Result<Value> {
        let answer = client.get(&format!("/v1/runs/{}", self.id)).await?;
        answer.expect(200)?.json()
    }

    /// Returns an error if the run has not completed.
    pub(crate) async fn expect_completed(&self, client: &mut Connection) -> anyhow::Result<()> {
        let shown = self.show(client).await?;
        if shown["status"] != "completed" {
            bail!("a run should have completed: {shown}");
        }
        Ok(())
    }
}

async fn start<'a>(
    client: &'a mut Connection,
    input: &str,
    preference: &str,
) -> anyhow::Result<Answer<'a>> {
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    let headers = format!("content-type: application/json\r\n{preference}");
    client
        .exchange("POST", &path, &headers, input.as_bytes())
        .await?
        .expect(202)
}

/// Returns the path of the newest webhook in an answer, if a wait is open on it and its inbox is empty.
fn awaited(answer: &Answer<'_>) -> anyhow::Result<Option<String>> {
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

/// Sends a request to a webhook that the workflow answers, and returns how long the answer took.
pub(crate) async fn ask(client: &mut Connection, webhook: &str) -> anyhow::Result<Duration> {
    let began = Moment::now();
    // A status of 202 means that the workflow did not answer within the time for which a caller is held.
    client.post(webhook, b"{}").await?.expect(200)?;
    Ok(began.elapsed())
}

/// Runs of one host that wait for a question, and a client that asks them.
pub(crate) struct Side {
    pub(crate) client: Connection,
    pub(crate) webhooks: Vec<String>,
}

/// Asks one run of each side after the other, then the next run of each side, and so on, with a sync of the disk in
/// between. Returns the durations of each side, in milliseconds.
///
/// The speed of a disk changes with time. In this order, all sides and the syncs meet the same changes.
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

/// Returns the input of a run that answers this many questions.
pub(crate) fn questions(count: u64) -> String {
    format!(r#"{{"questions":{count}}}"#)
}

/// Drives a run from its start to its end, with one question in between.
pub(crate) async fn whole_run(client: &mut Connection) -> anyhow::Result<Run> {
    let (run, webhook) = Run::start_until_suspended(client, &questions(1)).await?;
    ask(client, &webhook).await?;
    Ok(run)
}

/// Calls `work` for each index below `count`, with the clients in parallel, and returns all results.
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

/// Does one client's share of the work.
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
