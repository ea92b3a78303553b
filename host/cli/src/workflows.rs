//! `dormouse workflows`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use dormouse_api::{Workflow, WorkflowSettings, Workflows};
use dormouse_journal::{Time, WhenBroken};
use http::Method;
use serde_json::{Map, Value};

use crate::client::Body;
use crate::connection::Connection;
use crate::error::CliError;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::size;
use crate::time::{ago, now};

/// Lists workflows, or shows, configures or deletes a workflow
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  dormouse workflows
  dormouse workflows show approval
  dormouse workflows set approval --when-broken fail
  dormouse workflows delete approval"
)]
pub struct WorkflowsCommand {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    Show(Show),
    Set(Set),
    Delete(Delete),
}

/// Shows a workflow and all of its versions
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse workflows show approval")]
struct Show {
    /// The workflow
    name: String,

    #[command(flatten)]
    connection: Connection,
}

/// Changes the settings of a workflow
///
/// Settings that are not given stay as they are. Prints all settings.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse workflows set approval --when-broken fail
  dormouse workflows set approval --retention 90d --on-failure alert
  dormouse workflows set order --may-use parcel,invoice")]
struct Set {
    /// The workflow
    name: String,

    /// What becomes of a run whose code breaks: block (until it is retried), fail, or host (as the host is set)
    #[arg(long, value_name = "WORD", value_parser = ["block", "fail", "host"])]
    when_broken: Option<String>,

    /// How long runs are kept after they have ended, such as 90d; host for the time that the host is set to
    #[arg(long, value_name = "TIME")]
    retention: Option<String>,

    /// The workflows whose runs its runs may start, wait for and cancel, separated by commas; empty for only its own. With any,
    /// they may start all, and wait for and cancel those that they have started
    #[arg(long, value_name = "WORKFLOWS")]
    may_use: Option<String>,

    /// The workflow that is started when one of its runs fails; empty for none
    #[arg(long, value_name = "WORKFLOW")]
    on_failure: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

/// Deletes a workflow: it gets no new runs until it is deployed again, and runs that exist go on
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse workflows delete approval")]
struct Delete {
    /// The workflow
    name: String,

    #[command(flatten)]
    connection: Connection,
}

impl WorkflowsCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        match &self.action {
            None => self.list(terminal)?,
            Some(Action::Show(show)) => show.run(terminal)?,
            Some(Action::Set(set)) => set.run(terminal)?,
            Some(Action::Delete(delete)) => delete.run(terminal)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn list(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.url(&["workflows"]))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let workflows: Workflows = answer.json()?;
        if workflows.workflows.is_empty() {
            return Ok(terminal.note("no workflows; `dormouse deploy NAME FILE` makes one")?);
        }
        Ok(terminal.print(&render_list(&workflows, now()))?)
    }
}

impl Show {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.url(&["workflows", &self.name]))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        Ok(terminal.print(&render(&answer.json()?, now()))?)
    }
}

impl Set {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let url = client.url(&["workflows", &self.name, "settings"]);
        let mut settings: Map<String, Value> = client.get(&url)?.json()?;
        for (name, value) in self.changes() {
            settings.insert(name.into(), value);
        }
        let body = Value::from(settings).to_string();
        let body = Body {
            content_type: "application/json",
            bytes: &mut body.as_bytes(),
            length: body.len() as u64,
        };
        let answer = client.send(Method::PUT, &url, &[], Some(body))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        Ok(terminal.print(&render_settings(&answer.json()?))?)
    }

    /// Returns the settings that were given.
    fn changes(&self) -> Vec<(&'static str, Value)> {
        let unless = |word: &str, text: &String| match text == word {
            true => Value::Null,
            false => text.as_str().into(),
        };
        let when_broken = self.when_broken.as_ref();
        let retention = self.retention.as_ref();
        let on_failure = self.on_failure.as_ref();
        let may_use = self.may_use.as_deref().map(|names| match names {
            "any" => Value::Null,
            names => names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect(),
        });
        let all = [
            ("when_broken", when_broken.map(|word| unless("host", word))),
            ("retention", retention.map(|time| unless("host", time))),
            ("may_use", may_use),
            ("on_failure", on_failure.map(|name| unless("", name))),
        ];
        let given = |(name, value): (_, Option<Value>)| value.map(|value| (name, value));
        all.into_iter().filter_map(given).collect()
    }
}

fn render_settings(settings: &WorkflowSettings) -> String {
    let mut table = Table::of_fields();
    table.field(
        "when-broken",
        match settings.when_broken {
            Some(WhenBroken::Block) => "block",
            Some(WhenBroken::Fail) => "fail",
            None => "as the host says",
        },
    );
    let retention = settings.retention.as_deref();
    table.field("retention", retention.unwrap_or("as the host says"));
    let may_use = settings
        .may_use
        .as_ref()
        .map(|names| match names.is_empty() {
            true => "none but its own".to_owned(),
            false => names.join(", "),
        });
    table.field("may-use", may_use.unwrap_or_else(|| "any".into()));
    table.field(
        "on-failure",
        settings.on_failure.as_deref().unwrap_or("none"),
    );
    table.render(false)
}

impl Delete {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        client.send(
            Method::DELETE,
            &client.url(&["workflows", &self.name]),
            &[],
            None,
        )?;
        if self.connection.json {
            // The API's answer is empty.
            return Ok(());
        }
        Ok(terminal.print(&format!("{} is deleted; its runs go on", self.name))?)
    }
}

fn render_list(workflows: &Workflows, now: Time) -> String {
    let mut table = Table::new(&["workflow", "version", "versions", "deployed", "size", ""]);
    for workflow in &workflows.workflows {
        let current = workflow
            .versions
            .iter()
            .find(|version| version.version == workflow.version);
        table.row([
            workflow.name.as_str().into(),
            short(&workflow.version).into(),
            workflow.versions.len().to_string().into(),
            current
                .map(|version| ago(version.deployed, now))
                .unwrap_or_default()
                .into(),
            current
                .map(|version| size(version.size))
                .unwrap_or_default()
                .into(),
            workflow.paused.map_or("", |_| "paused").into(),
        ]);
    }
    table.render(false)
}

fn render(workflow: &Workflow, now: Time) -> String {
    let mut table = Table::new(&["version", "deployed", "size", ""]);
    for version in &workflow.versions {
        let is_current = version.version == workflow.version;
        table.row([
            version.version.as_str().into(),
            ago(version.deployed, now).into(),
            size(version.size).into(),
            if is_current { "current" } else { "" }.into(),
        ]);
    }
    let deleted = if workflow.deleted {
        " (deleted: deploy it again to start runs)"
    } else {
        ""
    };
    let paused = match workflow.paused {
        Some(at) => format!(" (paused {})", ago(at, now)),
        None => String::new(),
    };
    format!(
        "{}{deleted}{paused}\n\n{}",
        workflow.name,
        table.render(false)
    )
}

/// Returns the beginning of a version, long enough to tell versions apart. `workflows show` prints the whole version.
fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use dormouse_api::{Timestamp, Version};

    use super::*;

    fn workflow(deleted: bool) -> Workflow {
        let version = |digits: &str, deployed| Version {
            version: digits.repeat(32),
            deployed: Timestamp(Time(deployed)),
            size: 90_000,
        };
        Workflow {
            name: "approval".into(),
            version: "3f".repeat(32),
            deleted,
            paused: None,
            versions: vec![version("a0", 0), version("3f", 60_000)],
        }
    }

    #[test]
    fn workflows_in_a_table() {
        let workflows = Workflows {
            workflows: vec![workflow(false)],
        };
        insta::assert_snapshot!(render_list(&workflows, Time(120_000)));
    }

    #[test]
    fn a_workflow_and_its_versions() {
        insta::assert_snapshot!(render(&workflow(true), Time(120_000)));
    }
}
