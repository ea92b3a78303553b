//! `dormouse deploy`.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dormouse_api::{ActionLine, Deployed};
use http::Method;

use crate::client::{Body, Client};
use crate::connection::Connection;
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::script::{Environment, is_script};
use crate::terminal::Terminal;
use crate::text::{counted, plain_line, size};

/// Makes a component the current version of a workflow
///
/// New runs use this version; runs that exist stay on theirs. To go back to an older version, deploy its file again.
///
/// The file is a component, or a core module with component metadata. A TypeScript or JavaScript file is bundled with
/// what it imports, and the host makes a component of the bundle. A Python file is made into a component on this machine, by
/// `dormouse-py`.
///
/// A TypeScript or JavaScript file may become several workflows. If it calls `serveMany`, each key `a` of the argument becomes a
/// workflow NAME-a, and no workflow is called NAME. If a workflow has a `failureFunction`, the file is also deployed as NAME-failed
/// (or NAME-a-failed), and a run of that workflow is started when a run of NAME fails.
///
/// With --check nothing is deployed: the journal of each run that has not ended is replayed against the component, without
/// effects. The command names each run whose journal the component does not repeat, with the first difference. The exit
/// code is 1 if there is such a run, or if a run could not be checked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse deploy approval target/guests/approval.wasm
  dormouse deploy --check approval target/guests/approval.wasm
  dormouse deploy agent agent.ts --env MODEL=small --secret OPENAI_API_KEY")]
pub struct Deploy {
    /// The workflow's name: 1 to 64 characters out of a-z, 0-9, - and _
    name: String,

    /// The file: a component, or TypeScript, JavaScript or Python
    file: PathBuf,

    /// Deploys nothing, and says which of the runs that exist could not go on with the component
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    environment: Environment,

    #[command(flatten)]
    connection: Connection,
}

impl Deploy {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let component = self.read(&client, terminal)?;
        let length = component.len() as u64;
        if self.check {
            return self.check(&client, &component, terminal);
        }
        let url = client.url(&["workflows", &self.name]);
        let mut upload = Upload {
            rest: &component,
            length,
            terminal,
            shown: String::new(),
        };
        let body = Body {
            content_type: "application/wasm",
            bytes: &mut upload,
            length,
        };
        let answer = client.send(Method::PUT, &url, &[], Some(body));
        terminal.clear_progress()?;
        let answer = answer.map_err(|error| self.naming_the_file(error))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else {
            let deployed: Deployed = answer.json()?;
            for note in &deployed.notes {
                terminal.note(&plain_line(note))?;
            }
            terminal.print(&render(&deployed, answer.status == 201, length))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Adds the file to the host's message about a component that it cannot run. The host got only the bytes. A message about
    /// a script already names the files that were bundled.
    fn naming_the_file(&self, error: CliError) -> CliError {
        match error {
            CliError::Refused(mut problem) if problem.status == 422 && !is_script(&self.file) => {
                problem.detail = format!("{}: {}", self.file.display(), problem.detail);
                CliError::Refused(problem)
            }
            error => error,
        }
    }

    /// Returns the bytes to upload: the file itself, or the bundle or component that is made of it.
    fn read(&self, client: &Client, terminal: &mut Terminal) -> Result<Vec<u8>, CliError> {
        let file = &self.file;
        if is_script(file) {
            return self.environment.bundle(&self.name, file, client, terminal);
        }
        self.environment.read_other(file)
    }

    fn check(
        &self,
        client: &Client,
        component: &[u8],
        terminal: &mut Terminal,
    ) -> Result<ExitCode, CliError> {
        let body = Body {
            content_type: "application/wasm",
            bytes: &mut &*component,
            length: component.len() as u64,
        };
        let url = client.url(&["workflows", &self.name, "check"]);
        let mut last = None;
        client.lines(Method::POST, &url, body, |line| {
            if self.connection.json {
                terminal.json(line.trim_end().as_bytes())?;
            }
            match serde_json::from_str(line).map_err(|error| client.strange(&error))? {
                ActionLine::Run(run) => {
                    if let Some(code) = run.code {
                        let detail = plain_line(run.detail.as_deref().unwrap_or_default());
                        let code = plain_line(&code);
                        terminal.note(&format!("{}: {detail} ({code})", run.id))?;
                    }
                }
                ActionLine::Last(acted) => last = Some(acted),
            }
            Ok(())
        })?;
        let last = last.filter(|last| last.code.is_none());
        let last = last.ok_or_else(|| client.strange(&"its answer broke off"))?;
        if !self.connection.json {
            let agree = counted(last.done, "run");
            terminal.print(&format!("{agree} could go on, {} could not", last.failed))?;
        }
        Ok(match last.failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(REFUSED),
        })
    }
}

fn render(deployed: &Deployed, new: bool, length: u64) -> String {
    let known = if new { "new" } else { "known from before" };
    let wrapped = if deployed.wrapped {
        ", a core module made a component"
    } else {
        ""
    };
    let (names, are) = match deployed.workflows.as_slice() {
        [] => (deployed.name.clone(), "is"),
        [one] => (one.clone(), "is"),
        [all @ .., last] => (format!("{} and {last}", all.join(", ")), "are"),
    };
    format!(
        "{names} {are} now version {} ({known}; {}{wrapped})",
        deployed.version,
        size(length)
    )
}

/// A component that is being uploaded. Reading it shows how far it has come.
struct Upload<'a> {
    rest: &'a [u8],
    length: u64,
    terminal: &'a mut Terminal,
    shown: String,
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.rest.read(buffer)?;
        let left = self.rest.len() as u64;
        let now = if left == 0 {
            "uploaded; the host is compiling…".into()
        } else {
            let percent = (self.length - left) * 100 / self.length;
            format!("uploading {}: {percent} %", size(self.length))
        };
        if now != self.shown {
            self.terminal.progress(&now)?;
            self.shown = now;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_in_words() {
        let deployed = |wrapped, workflows: &[&str]| Deployed {
            name: "approval".into(),
            version: "3f".repeat(32),
            wrapped,
            workflows: workflows.iter().map(|name| (*name).to_owned()).collect(),
            notes: Vec::new(),
        };
        let run_selection = ["approval-one", "approval-one-failed", "approval-two"];
        insta::assert_snapshot!(
            [
                render(&deployed(false, &["approval"]), true, 90_000),
                render(&deployed(true, &["approval"]), false, 90_000),
                render(&deployed(false, &run_selection), true, 90_000)
            ]
            .join("\n")
        );
    }
}
