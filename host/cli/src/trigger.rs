//! `dormouse trigger`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use dormouse_api::{LabelValue, Place, RotateTrigger, SetTrigger, Trigger, TriggerReply, Triggers};
use dormouse_journal::{KeyMissing, OnExisting, Unread};
use http::Method;
use serde::Serialize;

use crate::client::{Answer, Body, Client};
use crate::connection::Connection;
use crate::error::CliError;
use crate::terminal::Terminal;
use crate::time::now;
use crate::trigger_arguments::{by_name, label, pair, place, reply};
use crate::trigger_output::{details, render};

/// Sets, lists or changes triggers: fixed URLs that start a run for each request
///
/// This is how a workflow is connected to GitHub, Stripe or a form without a program in between. The request's body is the
/// run's input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse trigger set orders --workflow order --key json:/order/id --on-existing event
  dormouse trigger set bot --workflow github-bot --provider github --secret github
  dormouse trigger list
  dormouse trigger rotate orders --keep-old 48h")]
pub struct TriggerCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Set(Box<Set>),
    List(List),
    Show(Show),
    Rotate(Rotate),
    Pause(Pause),
    Resume(Resume),
    Delete(Delete),
}

/// Sets a trigger, and prints its URL
///
/// A trigger of the same name is changed and keeps its URL; options that are not given return to their defaults. Everybody who
/// knows the URL can start runs, so treat it as a password, or require signed requests with --provider and --secret.
///
/// With --key, requests that have the same key belong to one run until that run has ended: for example one run for each order.
/// With --on-existing event, later requests are sent to the run as events with the trigger's name. If the run completes without
/// having taken all of them, the first that is left starts the next run.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse trigger set orders --workflow order
  dormouse trigger set bot --workflow github-bot --provider github --secret github
  dormouse trigger set quote --workflow quote --reply output:30s
  dormouse trigger set orders --workflow order --key json:/order/id --on-existing event \\
    --label order=json:/order/id --label source=shop

A place is `header:NAME`, `query:NAME` or `json:POINTER`, such as `json:/order/id`.
A secret is set with `dormouse secret set NAME --workflow WORKFLOW --verify`.")]
struct Set {
    /// The trigger's name: 1 to 64 characters out of a-z, 0-9, - and _
    name: String,

    /// The workflow whose runs it starts. It must be deployed
    #[arg(long, value_name = "NAME")]
    workflow: String,

    /// A version to use instead of the one that is current when a request comes
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// A method that starts runs; give the flag again for others [default: POST, PUT, PATCH and DELETE]
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,

    /// The provider that calls, such as github, stripe or slack: it says how requests are signed, and which probe the host
    /// answers
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,

    /// A file that describes a provider which the host does not know; --provider is its name
    #[arg(long, value_name = "FILE", requires = "provider")]
    description: Option<PathBuf>,

    /// A secret that may have signed a request; give the flag again for others
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,

    /// A setting that the provider's description asks for, such as header=X-Signature for hmac-sha256
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,

    /// How far a signed time may be from the host's, such as 10m [default: what the provider's description says]
    #[arg(long, value_name = "TIME")]
    tolerance: Option<String>,

    /// An origin whose pages may send requests from a browser, such as https://app.example, or * for all; give the flag again
    /// for others
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,

    /// What a caller is answered: accepted (202 and the run's id), fixed:STATUS, or output:TIME (the run's output, if it ends
    /// in that time) [default: accepted]
    #[arg(long, value_name = "REPLY", value_parser = reply)]
    reply: Option<TriggerReply>,

    /// The place of the key in a request, if requests with the same key are to belong to one run
    #[arg(long, value_name = "PLACE", value_parser = place)]
    key: Option<Place>,

    /// What becomes of a request whose key a run has already: answer (it is answered with that run's id) or event (it is
    /// sent to
    /// the run) [default: answer]
    #[arg(long, value_name = "WHAT", value_parser = by_name::<OnExisting>, requires = "key")]
    on_existing: Option<OnExisting>,

    /// What becomes of a request without a key: start (it starts a run of its own) or refuse (it is answered 422)
    /// [default: start]
    #[arg(long, value_name = "WHAT", value_parser = by_name::<KeyMissing>, requires = "key")]
    key_missing: Option<KeyMissing>,

    /// What becomes of requests that a run has not taken when it completes: start (they start the next run) or drop
    /// [default: start]
    #[arg(long, value_name = "WHAT", value_parser = by_name::<Unread>, requires = "key")]
    unread: Option<Unread>,

    /// A label of the runs, KEY=VALUE or KEY=PLACE; give the flag again for others
    #[arg(long = "label", value_name = "LABEL", value_parser = label)]
    labels: Vec<(String, LabelValue)>,

    #[command(flatten)]
    connection: Connection,
}

/// Lists the triggers, with their URLs and what became of requests to them
///
/// Refused requests are counted since the host started.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger list")]
struct List {
    #[command(flatten)]
    connection: Connection,
}

/// Shows a trigger: its URL, what it does, and what became of requests to it
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger show orders")]
struct Show {
    /// The trigger
    name: String,

    #[command(flatten)]
    connection: Connection,
}

/// Gives a trigger a new URL, and prints it
///
/// The old URL stays valid for a time, so that you can tell the new one to those who call. After that it answers 410.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse trigger rotate orders
  dormouse trigger rotate orders --keep-old 0s")]
struct Rotate {
    /// The trigger
    name: String,

    /// How long the old URLs stay valid, such as 48h; 0s ends them at once [default: 24h]
    #[arg(long, value_name = "TIME")]
    keep_old: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

/// Pauses a trigger: its URL answers 503 with Retry-After, and runs that it started go on
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger pause orders")]
struct Pause {
    /// The trigger
    name: String,

    #[command(flatten)]
    connection: Connection,
}

/// Resumes a trigger, so that it takes requests again
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger resume orders")]
struct Resume {
    /// The trigger
    name: String,

    #[command(flatten)]
    connection: Connection,
}

/// Deletes a trigger: its URLs answer 410 for good, and runs that it started go on
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger delete orders")]
struct Delete {
    /// The trigger
    name: String,

    #[command(flatten)]
    connection: Connection,
}

impl TriggerCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        match &self.action {
            Action::Set(set) => set.run(terminal)?,
            Action::List(list) => list.run(terminal)?,
            Action::Show(show) => show.run(terminal)?,
            Action::Rotate(rotate) => rotate.run(terminal)?,
            Action::Pause(Pause { name, connection }) => {
                act(name, "pause", "paused", connection, terminal)?;
            }
            Action::Resume(Resume { name, connection }) => {
                act(name, "resume", "resumed", connection, terminal)?;
            }
            Action::Delete(delete) => delete.run(terminal)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Set {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let description = self.description.as_deref().map(text_of).transpose()?;
        let set = SetTrigger {
            workflow: self.workflow.clone(),
            version: self.version.clone(),
            methods: self.methods.clone(),
            provider: self.provider.clone(),
            description,
            settings: self.settings.iter().cloned().collect(),
            secrets: self.secrets.clone(),
            tolerance: self.tolerance.clone(),
            cors: self.cors.clone(),
            reply: self.reply.clone(),
            key: self.key.clone(),
            on_existing: self.on_existing,
            key_missing: self.key_missing,
            unread: self.unread,
            labels: self.labels.iter().cloned().collect(),
        };
        let answer = send(&client, Method::PUT, &[&self.name], Some(&set))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let done = match answer.status {
            201 => "set",
            _ => "changed",
        };
        let trigger: Trigger = answer.json()?;
        terminal.note(&format!("{} is {done}", trigger.name))?;
        Ok(terminal.print(&trigger.url)?)
    }
}

impl List {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let mut url = client.url(&["triggers"]);
        let mut all = Vec::new();
        loop {
            let answer = client.get(&url)?;
            let page: Triggers = answer.json()?;
            all.extend(page.triggers);
            let Some(next) = page.next else { break };
            url = client.url(&["triggers"]);
            url.query_pairs_mut().append_pair("cursor", &next);
        }
        if self.connection.json {
            let page = Triggers {
                triggers: all,
                next: None,
            };
            let json = serde_json::to_vec(&page).map_err(unsendable)?;
            return Ok(terminal.json(&json)?);
        }
        if all.is_empty() {
            return Ok(
                terminal.note("no triggers; `dormouse trigger set --help` says how to set one")?
            );
        }
        Ok(terminal.print(&render(&all, now()))?)
    }
}

impl Show {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.url(&["triggers", &self.name]))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        Ok(terminal.print(&details(&answer.json()?, now()))?)
    }
}

impl Rotate {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let rotate = RotateTrigger {
            keep_old: self.keep_old.clone(),
        };
        let answer = send(
            &client,
            Method::POST,
            &[&self.name, "rotate"],
            Some(&rotate),
        )?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let trigger: Trigger = answer.json()?;
        Ok(terminal.print(&trigger.url)?)
    }
}

impl Delete {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        send(&client, Method::DELETE, &[&self.name], None::<&()>)?;
        if self.connection.json {
            // The API's answer is empty.
            return Ok(());
        }
        Ok(terminal.print(&format!("{} is deleted", self.name))?)
    }
}

fn act(
    name: &str,
    verb: &str,
    done: &str,
    connection: &Connection,
    terminal: &mut Terminal,
) -> Result<(), CliError> {
    let client = connection.open()?;
    let answer = send(&client, Method::POST, &[name, verb], None::<&()>)?;
    if connection.json {
        return Ok(terminal.json(&answer.body)?);
    }
    let trigger: Trigger = answer.json()?;
    Ok(terminal.print(&format!("{} is {done}", trigger.name))?)
}

fn send(
    client: &Client,
    method: Method,
    path: &[&str],
    body: Option<&impl Serialize>,
) -> Result<Answer, CliError> {
    let url = client.url(&[&["triggers"], path].concat());
    let json = body
        .map(serde_json::to_vec)
        .transpose()
        .map_err(unsendable)?;
    let mut bytes = json.as_deref().unwrap_or_default();
    let length = bytes.len() as u64;
    let body = json.is_some().then_some(Body {
        content_type: "application/json",
        bytes: &mut bytes,
        length,
    });
    client.send(method, &url, &[], body)
}

fn text_of(file: &Path) -> Result<String, CliError> {
    let wrong = |error| CliError::Usage(format!("{} cannot be read: {error}", file.display()));
    std::fs::read_to_string(file).map_err(wrong)
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes it so")]
fn unsendable(error: serde_json::Error) -> CliError {
    CliError::Usage(format!("the trigger cannot be written as JSON: {error}"))
}
