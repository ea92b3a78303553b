//! `dormouse trigger`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use dormouse_api::{LabelValue, Place, RotateTrigger, SetTrigger, Trigger, TriggerReply, Triggers};
use dormouse_journal::{KeyMissing, OnExisting, Time, Unread};
use http::Method;
use serde::Serialize;

use crate::client::{Answer, Body, Client};
use crate::connection::Connection;
use crate::error::CliError;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::plain_line;
use crate::time::{ago, now};
use crate::webhooks::rejected;

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
/// A trigger of the same name is changed and keeps its URL; what is not given is as by default again. Whoever knows the URL
/// can start runs, so treat it as a password, or have requests signed with --provider and --secret.
///
/// With --key, requests that have the same key belong to one run for as long as that has not ended: one run per order, and
/// later messages go to it, as events with the trigger's name (--on-existing event). What the run never took before it
/// completed starts the next one.
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

    /// This version rather than the one that is current when a request comes
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// A method that starts runs; give the flag again for others [default: POST, PUT, PATCH and DELETE]
    #[arg(long = "method", value_name = "METHOD")]
    methods: Vec<String>,

    /// Who calls: how requests are signed, and the probe that the host answers, such as github, stripe or slack
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,

    /// A file that describes a provider which the host does not know; --provider is its name
    #[arg(long, value_name = "FILE", requires = "provider")]
    description: Option<PathBuf>,

    /// A secret that may have signed a request; give the flag again for others
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,

    /// What the provider needs besides, such as header=X-Signature of hmac-sha256
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

    /// Where the key of a request lies, if requests with one key belong to one run
    #[arg(long, value_name = "PLACE", value_parser = place)]
    key: Option<Place>,

    /// What becomes of a request whose key a run has: answer (with that run's id) or event (sent to it) [default: answer]
    #[arg(long, value_name = "WHAT", value_parser = by_name::<OnExisting>, requires = "key")]
    on_existing: Option<OnExisting>,

    /// What becomes of a request without a key: start (a run of its own) or refuse (422) [default: start]
    #[arg(long, value_name = "WHAT", value_parser = by_name::<KeyMissing>, requires = "key")]
    key_missing: Option<KeyMissing>,

    /// What becomes of requests that a run never took before it completed: start (the next run) or drop [default: start]
    #[arg(long, value_name = "WHAT", value_parser = by_name::<Unread>, requires = "key")]
    unread: Option<Unread>,

    /// A label of the runs, KEY=VALUE or KEY=PLACE; give the flag again for others
    #[arg(long = "label", value_name = "LABEL", value_parser = label)]
    labels: Vec<(String, LabelValue)>,

    #[command(flatten)]
    connection: Connection,
}

/// Lists the triggers, with their URLs and what came of requests to them
///
/// What was refused is counted since the host started.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger list")]
struct List {
    #[command(flatten)]
    connection: Connection,
}

/// Shows a trigger: its URL, what it does, what came of requests to it
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse trigger show orders")]
struct Show {
    /// The trigger
    name: String,

    #[command(flatten)]
    connection: Connection,
}

/// Gives a trigger another URL, and prints it
///
/// The old URL stays valid for a time, so that whoever calls can be told the new one meanwhile; then it answers 410.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse trigger rotate orders
  dormouse trigger rotate orders --keep-old 0s")]
struct Rotate {
    /// The trigger
    name: String,

    /// How long the URLs that it has stay valid, such as 48h; 0s ends them at once [default: 24h]
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

/// Has a trigger take requests again
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

/// Formats a table of triggers.
fn render(triggers: &[Trigger], now: Time) -> String {
    let mut table = Table::new(&[
        "trigger", "workflow", "state", "started", "existing", "last", "refused", "provider", "url",
    ]);
    for trigger in triggers {
        table.row([
            plain_line(&trigger.name).into(),
            plain_line(&trigger.workflow).into(),
            state(trigger).into(),
            trigger.started.to_string().into(),
            trigger.existing.to_string().into(),
            trigger
                .last
                .map_or_else(|| "never".into(), |last| ago(last, now))
                .into(),
            plain_line(&rejected(&trigger.refused)).into(),
            plain_line(trigger.provider.as_deref().unwrap_or("none")).into(),
            trigger.url.as_str().into(),
        ]);
    }
    table.render(false)
}

fn state(trigger: &Trigger) -> &'static str {
    if trigger.paused { "paused" } else { "open" }
}

/// Formats one trigger, a line for each thing.
fn details(trigger: &Trigger, now: Time) -> String {
    let mut lines = vec![
        ("trigger", trigger.name.clone()),
        ("url", trigger.url.clone()),
        ("workflow", trigger.workflow.clone()),
        (
            "version",
            trigger
                .version
                .clone()
                .unwrap_or_else(|| "the current one".into()),
        ),
        ("state", state(trigger).into()),
        ("methods", trigger.methods.join(" ")),
    ];
    for earlier in &trigger.earlier_urls {
        lines.push(("earlier url", format!("{}, for a while", earlier.url)));
    }
    if let Some(check) = &trigger.signature {
        let secrets = check.secrets.join(" or ");
        lines.push(("signed", format!("{} by {secrets}", check.scheme.as_str())));
    } else if let Some(provider) = &trigger.provider {
        lines.push(("probed by", provider.clone()));
    }
    if let Some(tolerance) = &trigger.tolerance {
        lines.push(("tolerance", tolerance.clone()));
    }
    if !trigger.cors.is_empty() {
        lines.push(("pages of", trigger.cors.join(" ")));
    }
    lines.push((
        "reply",
        match &trigger.reply {
            TriggerReply::Accepted => "202 and the run's id".into(),
            TriggerReply::Fixed { status, .. } => format!("always {status}"),
            TriggerReply::Output { within } => format!("the run's output, within {within}"),
        },
    ));
    if let Some(key) = &trigger.key {
        lines.push(("key", place_text(key)));
        lines.push(("on existing", trigger.on_existing.name().into()));
        lines.push(("key missing", trigger.key_missing.name().into()));
        lines.push(("unread", trigger.unread.name().into()));
    }
    for (key, value) in &trigger.labels {
        let value = match value {
            LabelValue::Fixed(value) => value.clone(),
            LabelValue::At(place) => place_text(place),
        };
        lines.push(("label", format!("{key}={value}")));
    }
    lines.push(("started", trigger.started.to_string()));
    lines.push(("existing", trigger.existing.to_string()));
    let last = trigger
        .last
        .map_or_else(|| "never".into(), |last| ago(last, now));
    lines.push(("last", last));
    lines.push(("refused", rejected(&trigger.refused)));
    let lines = lines.iter();
    let lines = lines.map(|(name, value)| format!("{name:<12} {}", plain_line(value)));
    lines.collect::<Vec<_>>().join("\n")
}

fn place_text(place: &Place) -> String {
    match place {
        Place::Header(name) => format!("header:{name}"),
        Place::Query(name) => format!("query:{name}"),
        Place::Json(pointer) => format!("json:{pointer}"),
    }
}

/// Reads a place in a request.
fn place(text: &str) -> Result<Place, String> {
    match text.split_once(':') {
        Some(("header", name)) => Ok(Place::Header(name.into())),
        Some(("query", name)) => Ok(Place::Query(name.into())),
        Some(("json", pointer)) => Ok(Place::Json(pointer.into())),
        _ => Err(
            "give `header:NAME`, `query:NAME` or `json:POINTER`, such as `json:/order/id`".into(),
        ),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    Ok((name.into(), value.into()))
}

/// Reads a label. A value that looks like a place is one.
fn label(text: &str) -> Result<(String, LabelValue), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("give KEY=VALUE or KEY=PLACE, such as `order=json:/order/id`")?;
    let value = match place(value) {
        Ok(place) => LabelValue::At(place),
        Err(_) => LabelValue::Fixed(value.into()),
    };
    Ok((key.into(), value))
}

fn reply(text: &str) -> Result<TriggerReply, String> {
    match text.split_once(':') {
        None if text == "accepted" => Ok(TriggerReply::Accepted),
        Some(("fixed", status)) => {
            let status = status.parse();
            Ok(TriggerReply::Fixed {
                status: status.map_err(|_| "give a status, such as `fixed:204`")?,
                headers: Default::default(),
                body: String::new(),
            })
        }
        Some(("output", within)) => Ok(TriggerReply::Output {
            within: within.into(),
        }),
        _ => Err("give `accepted`, `fixed:STATUS` or `output:TIME`, such as `output:30s`".into()),
    }
}

/// What is asked for by name.
trait Named: Copy + Send + Sync + 'static {
    /// All of them, each with its name.
    fn all() -> Vec<(Self, &'static str)>;
}

macro_rules! named {
    ($($type:ty,)*) => {
        $(impl Named for $type {
            fn all() -> Vec<(Self, &'static str)> {
                Self::ALL.iter().map(|each| (*each, each.name())).collect()
            }
        })*
    };
}

named! { OnExisting, KeyMissing, Unread, }

fn by_name<T: Named>(text: &str) -> Result<T, String> {
    let all = T::all();
    let found = all.iter().find(|(_, name)| *name == text);
    let names: Vec<&str> = all.iter().map(|(_, name)| *name).collect();
    found
        .map(|(each, _)| *each)
        .ok_or_else(|| format!("give {}", names.join(" or ")))
}

#[cfg(test)]
mod tests {
    use dormouse_api::Timestamp;

    use super::*;

    #[test]
    fn places_labels_and_replies_are_read() {
        assert_eq!(place("json:/a/b"), Ok(Place::Json("/a/b".into())));
        assert_eq!(place("header:X-A"), Ok(Place::Header("X-A".into())));
        assert!(place("/a").is_err());
        let order = LabelValue::At(Place::Json("/id".into()));
        assert_eq!(label("order=json:/id"), Ok(("order".into(), order)));
        let fixed = LabelValue::Fixed("a:b".into());
        assert_eq!(label("source=a:b"), Ok(("source".into(), fixed)));
        assert_eq!(reply("accepted"), Ok(TriggerReply::Accepted));
        assert!(reply("fixed:x").is_err() && reply("late").is_err());
        assert_eq!(by_name::<OnExisting>("event"), Ok(OnExisting::Event));
        assert_eq!(by_name::<Unread>("x"), Err("give start or drop".into()));
    }

    fn trigger(name: &str) -> Trigger {
        Trigger {
            name: name.into(),
            url: format!("https://hooks.example/hooks/{name}"),
            earlier_urls: Vec::new(),
            workflow: "order".into(),
            version: None,
            methods: vec!["POST".into()],
            provider: None,
            signature: None,
            description: None,
            tolerance: None,
            cors: Vec::new(),
            reply: TriggerReply::Accepted,
            key: None,
            on_existing: OnExisting::Answer,
            key_missing: KeyMissing::Start,
            unread: Unread::Start,
            labels: Default::default(),
            paused: false,
            created: Timestamp(Time(0)),
            updated: Timestamp(Time(0)),
            started: 0,
            existing: 0,
            last: None,
            refused: Default::default(),
            last_refused: None,
        }
    }

    #[test]
    fn triggers_in_a_table_and_one_by_itself() {
        let mut keyed = trigger("orders");
        keyed.key = Some(Place::Json("/order/id".into()));
        keyed.on_existing = OnExisting::Event;
        keyed.reply = TriggerReply::Output {
            within: "10s".into(),
        };
        let order = LabelValue::At(Place::Json("/order/id".into()));
        keyed.labels = [("order".into(), order)].into();
        keyed.paused = true;
        (keyed.started, keyed.existing) = (12, 3);
        keyed.last = Some(Timestamp(Time(60_000)));
        keyed.refused = [("key-missing".into(), 2)].into();
        let now = Time(120_000);
        let table = render(&[trigger("bare"), keyed.clone()], now);
        insta::assert_snapshot!(format!("{table}\n{}", details(&keyed, now)));
    }
}
