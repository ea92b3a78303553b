//! The demonstration: a run that survives a kill of its host.
//!
//! The host and the service are separate processes. This program speaks to them over HTTP, as a
//! user's program would.

mod narrator;
mod service;

use std::fs;
use std::time::Duration;

use anyhow::{Context, bail};
use dormouse_harness::{HostProcess, Probe};
use serde_json::{Value, json};

use crate::build;
use crate::callback_service::{UPDATES, body};
use crate::client::Client;
use crate::guests;
use crate::pause::{pause, wait_until};
use crate::workspace::Workspace;
use narrator::Narrator;
use service::Service;

const WORKFLOW: &str = "progress";

/// The service is on the loopback interface, which workflows may not call by default.
const SETTINGS: [&str; 1] = ["--allow-private-egress"];

/// The time for which the host is down. The service sends its next update during it.
const DOWNTIME: Duration = Duration::from_secs(3);

/// Builds the programs and the guest, plays the demonstration, and fails if the result is not the
/// expected one.
pub(crate) fn demo(workspace: &Workspace) -> anyhow::Result<()> {
    guests::build_one(workspace, WORKFLOW)?;
    build::build_tested_host(workspace)?;
    println!();
    let narrator = Narrator::begin();

    let mut host = HostProcess::new(workspace.tested_host())?;
    let outcome = play(workspace, &narrator, &mut host);
    if outcome.is_err() {
        eprintln!("\nwhat the host logged:\n{}", host.log());
    }
    outcome
}

fn play(workspace: &Workspace, narrator: &Narrator, host: &mut HostProcess) -> anyhow::Result<()> {
    let service = Service::start(narrator)?;
    narrator.print(
        "service",
        format_args!("listening for jobs at {}", service.jobs()),
    );
    start(narrator, host)?;
    let client = Client::new(host.url(), None);

    let component = workspace.guest(WORKFLOW);
    let component =
        fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    let version = client.deploy(WORKFLOW, &component)?;
    narrator.print(
        "demo",
        format_args!("deployed `{WORKFLOW}`, version {version:.12}"),
    );

    let run = client.start(
        WORKFLOW,
        &json!({ "service_url": service.jobs(), "timeout_ms": 60_000 }),
    )?;
    narrator.print("demo", format_args!("started run {run}"));
    wait_until(|| Ok((service.accepted()? > 0).then_some(())))
        .context("the service got no update accepted")?;

    host.kill()?;
    narrator.print(
        "demo",
        format_args!(
            "killed the host (SIGKILL), and leaves it dead for {} s",
            DOWNTIME.as_secs()
        ),
    );
    pause(DOWNTIME);
    start(narrator, host)?;

    let status = wait_until(|| client.end_of(&run)).context("the run does not end")?;
    narrator.print("demo", format_args!("run {run} {status}"));
    let result = client.output(&run)?;
    let expected = Value::Array(UPDATES.into_iter().map(body).collect());
    if result != expected {
        bail!("the run's result is {result}, and the service sent {expected}");
    }
    narrator.end(&result);
    Ok(())
}

fn start(narrator: &Narrator, host: &mut HostProcess) -> anyhow::Result<()> {
    let taken = host.start(&SETTINGS, Probe::Readiness)?.as_millis();
    narrator.print(
        "host",
        format_args!("ready at {} after {taken} ms", host.url()),
    );
    Ok(())
}
