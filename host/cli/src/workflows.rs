//! `dormouse workflows`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use dormouse_api::{Workflow, Workflows};
use dormouse_journal::Time;
use http::Method;

use crate::client::Body;
use crate::connection::Connection;
use crate::error::CliError;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::size;
use crate::time::{ago, now};

/// Lists workflows, or shows, sets up or deletes one
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

/// Sets what becomes of runs of a workflow
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse workflows set approval --when-broken fail")]
struct Set {
    /// The workflow
    name: String,

    /// A run whose code breaks is blocked until it is retried, or fails; as the host says with `host`
    #[arg(long, value_name = "WORD", value_parser = ["block", "fail", "host"])]
    when_broken: String,

    #[command(flatten)]
    connection: Connection,
}

/// Deletes a workflow: no new runs until it is deployed again, and those that exist go on
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
        let when_broken = Some(self.when_broken.as_str()).filter(|word| *word != "host");
        let body = serde_json::json!({"when_broken": when_broken}).to_string();
        let body = Body {
            content_type: "application/json",
            bytes: &mut body.as_bytes(),
            length: body.len() as u64,
        };
        let url = client.url(&["workflows", &self.name, "settings"]);
        let answer = client.send(Method::PUT, &url, &[], Some(body))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let becomes = match self.when_broken.as_str() {
            "block" => "is blocked",
            "fail" => "fails",
            _ => "becomes what the host says",
        };
        Ok(terminal.print(&format!(
            "a run of {} whose code breaks {becomes}",
            self.name
        ))?)
    }
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

/// Returns enough of a version to tell it from others. `workflows show` prints all of it.
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
