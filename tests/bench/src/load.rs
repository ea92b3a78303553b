//! Runs, driven from outside as their callers drive them.
//!
//! A run is started by a caller who is answered when it sleeps (202), and learns its webhook's URL so; it sends that a
//! request, which the workflow answers. Each step proves the one before: a run is shown as suspended once the activation
//! that made it so is durable, and an answer of the workflow's comes after the commit of the activation that gave it, in
//! which the run also waits again or ends.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::future::try_join_all;
use serde_json::Value;

use crate::client::{Answer, Connection};
use crate::disk::Probe;
use crate::host::WORKFLOW;
use crate::time::{Moment, millis, pause};

/// Between looks at a run.
const PAUSE: Duration = Duration::from_millis(1);

/// A run that was started.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: String,
}

impl Run {
    /// Starts one with this input.
    pub(crate) async fn start(client: &mut Connection, input: &str) -> anyhow::Result<Self> {
        Run::started(&start(client, input, "").await?)
    }

    /// Starts one, and gives the path of its newest webhook too, once it sleeps and waits for that.
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

    /// Whether a request lies in its inbox, when it has one webhook.
    pub(crate) async fn has_queued(&self, client: &mut Connection) -> anyhow::Result<bool> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        let answer = client.get(&path).await?.expect(200)?;
        Ok(answer.text().contains("\"queued\":1,"))
    }

    /// The path of its newest webhook, if a wait is open on it and nothing lies in its inbox.
    pub(crate) async fn webhook(&self, client: &mut Connection) -> anyhow::Result<Option<String>> {
        let path = format!("/v1/runs/{}/webhooks", self.id);
        awaited(&client.get(&path).await?.expect(200)?)
    }

    /// Resolves once it waits again.
    pub(crate) async fn waits_again(&self, client: &mut Connection) -> anyhow::Result<()> {
        while self.webhook(client).await?.is_none() {
            pause(PAUSE).await;
        }
        Ok(())
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

/// The path of the newest webhook that an answer shows, if a wait is open on it and nothing lies in its inbox.
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
pub(crate) async fn whole_run(client: &mut Connection) -> anyhow::Result<Run> {
    let (run, webhook) = Run::start_until_suspended(client, &questions(1)).await?;
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
