//! The demonstration: a run that lives through a kill of its host.
//!
//! Host and service are processes of their own, spoken to as a user's programs would: over HTTP.

mod client;
mod processes;
mod story;

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::build;
use crate::callback_service::{UPDATES, body};
use crate::pause::{Deadline, Stopwatch, pause};
use crate::workspace::Workspace;
use client::Client;
use processes::{Host, Service};
use story::Story;

const WORKFLOW: &str = "progress";

/// How long the host stays dead. The service's next update falls into it.
const DOWNTIME: Duration = Duration::from_secs(3);

/// The whole run takes about 10 seconds; on a busy machine more.
const PATIENCE: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(100);

/// Builds what is needed, plays the demonstration, and fails when its end is not the expected one.
pub(crate) fn demo(workspace: &Workspace) -> anyhow::Result<()> {
    build::build(workspace, false)?;
    println!();
    let folder = tempfile::tempdir().context("cannot create a folder for the host's data")?;
    let story = Story::begin();

    let mut host = Host::new(workspace, folder.path(), free_port()?)?;
    let outcome = play(workspace, &story, &mut host);
    if outcome.is_err() {
        eprintln!("\nwhat the host logged:\n{}", host.log());
    }
    outcome
}

fn play(workspace: &Workspace, story: &Story, host: &mut Host) -> anyhow::Result<()> {
    let service = Service::start(story, free_port()?)?;
    story.tell(
        "service",
        format_args!("listening for jobs at {}", service.jobs()),
    );
    start(story, host)?;
    let client = Client::new(host.url());

    let component = workspace.guest(WORKFLOW);
    let component =
        fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    let version = client.deploy(WORKFLOW, &component)?;
    story.tell(
        "demo",
        format_args!("deployed `{WORKFLOW}`, version {version:.12}"),
    );

    let run = client.start(
        WORKFLOW,
        &json!({ "service_url": service.jobs(), "timeout_ms": 60_000 }),
    )?;
    story.tell("demo", format_args!("started run {run}"));
    wait_until(|| Ok((service.accepted()? > 0).then_some(())))
        .context("the service got no update accepted")?;

    host.kill()?;
    story.tell(
        "demo",
        format_args!(
            "killed the host (SIGKILL), and leave it dead for {} s",
            DOWNTIME.as_secs()
        ),
    );
    pause(DOWNTIME);
    start(story, host)?;

    let status = wait_until(|| client.end_of(&run)).context("the run does not end")?;
    story.tell("demo", format_args!("run {run} {status}"));
    let result = client.output(&run)?;
    let expected = Value::Array(UPDATES.into_iter().map(body).collect());
    if result != expected {
        bail!("the run's result is {result}, and the service sent {expected}");
    }
    story.end(&result);
    Ok(())
}

fn start(story: &Story, host: &mut Host) -> anyhow::Result<()> {
    let watch = Stopwatch::start();
    host.start()?;
    wait_until(|| host.is_ready()).context("the host does not get ready")?;
    let taken = watch.elapsed().as_millis();
    story.tell(
        "host",
        format_args!("ready at {} after {taken} ms", host.url()),
    );
    Ok(())
}

/// Asks again and again until there is an answer.
fn wait_until<T>(mut ask: impl FnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<T> {
    let deadline = Deadline::after(PATIENCE);
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if deadline.passed() {
            bail!("nothing happened for {} s", PATIENCE.as_secs());
        }
        pause(POLL);
    }
}

/// A port that nothing listens on at this moment.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}
