//! `dormouse test`: plays scenarios of a workflow without a host.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use dormouse_api::request::workflow_name;
use dormouse_cli::{CliError, Environment, Terminal, exit, plain, span_text};
use dormouse_engine::{Config, Engine};
use dormouse_journal::Level;
use dormouse_scenario::{
    Code, Event, Failed, InProcess, Line, Played, Rules, Scenario, folded, play,
};
use serde::Serialize;

use super::code::{self, Reader, Ticks};
use crate::ingress::make_response;

/// Tests a workflow with scenarios, and reports whether it does what they expect
///
/// A scenario is a TOML file. It says what a run is given, how its calls are answered, what comes to its webhooks and when, and
/// what the run must do. The real code is executed, without a host and in simulated time: a month takes no time, and nothing is
/// sent anywhere. The journal is replayed before each activation, so that code which does not repeat itself is found.
/// docs/reference/scenario-format.md lists what a scenario may have.
///
/// The exit code is 1 if a scenario fails, and 2 if a file is not a scenario.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse test approval.wasm scenarios/*.toml
  dormouse test approval.ts scenarios/late.toml --verbose
  dormouse test order.wasm scenarios/*.toml --with parcel=parcel.wasm

A scenario:
  input = { url = \"https://jobs.example\" }

  [[step]]
  call = { step = \"start job\" }
  respond = { status = 202 }

  [[step]]
  advance = \"5m\"

  [[step]]
  deliver = { to = \"progress\", json = { done = true } }

  [expect]
  output = [{ done = true }]")]
pub(super) struct Test {
    /// The workflow: any file that `dormouse deploy` takes
    #[arg(value_name = "FILE")]
    component: PathBuf,

    /// The scenarios
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,

    /// Another workflow, whose runs the tested workflow starts; give the flag again for others
    #[arg(long, value_name = "NAME=FILE", value_parser = named_file)]
    with: Vec<(String, PathBuf)>,

    #[command(flatten)]
    environment: Environment,

    /// Shows what happened, and the run's log, also for scenarios that pass
    #[arg(long, short)]
    verbose: bool,

    /// Prints a line of JSON for each scenario
    #[arg(long)]
    json: bool,
}

/// The number of lines that are shown of what happened in a failed scenario: the last ones.
const SHOWN: usize = 40;

/// The processor time that a scenario may take.
const MOST_TIME: Duration = Duration::from_secs(120);

/// The largest number of instances at a time, in all runs of a scenario.
const SLOTS: u32 = 64;

/// The result of a scenario, for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    scenario: &'a Path,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    details: &'a [String],
    activations: usize,
    calls: usize,
    /// The lines of the file at which answers begin that were never given.
    #[serde(skip_serializing_if = "<[usize]>::is_empty")]
    unused_answers: &'a [usize],
    /// The simulated time that the scenario took.
    took_ms: u64,
    events: Vec<ReportedEvent<'a>>,
}

#[derive(Debug, Serialize)]
struct ReportedEvent<'a> {
    at_ms: u64,
    what: &'static str,
    text: &'a str,
}

impl Test {
    pub(super) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        // A scenario that cannot be read is reported before anything is compiled.
        let mut scenarios = Vec::new();
        for path in &self.scenarios {
            scenarios.push((path, read(path)?));
        }
        let player = Player::new(self)?;
        let mut failed = 0_usize;
        for (path, scenario) in &scenarios {
            let code = player
                .code(scenario)
                .map_err(|why| CliError::Usage(format!("{}: {why}", path.display())))?;
            let played = play(scenario, &code);
            failed += usize::from(played.failed.is_some());
            self.report(path, &played, terminal)?;
        }
        if !self.json {
            let total = match scenarios.len() {
                1 => "1 scenario".to_owned(),
                many => format!("{many} scenarios"),
            };
            terminal.print(&match failed {
                0 => format!("{total}: ok"),
                failed => format!("{total}: {failed} failed"),
            })?;
        }
        Ok(match failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(exit::REFUSED),
        })
    }

    fn report(
        &self,
        path: &Path,
        played: &Played,
        terminal: &mut Terminal,
    ) -> Result<(), CliError> {
        let text = match self.json {
            true => serde_json::to_string(&report(path, played)).map_err(std::io::Error::from)?,
            false => self.text(path, played),
        };
        terminal.print(&text)?;
        // In a failed scenario, they may belong to what did not happen any more.
        if !self.json && played.failed.is_none() {
            for line in &played.unused {
                let path = path.display();
                terminal.note(&format!(
                    "{path}: line {line}: this [[answer]] was given to no call"
                ))?;
            }
        }
        Ok(())
    }

    fn text(&self, path: &Path, played: &Played) -> String {
        let path = path.display();
        let mut text = match &played.failed {
            None => format!(
                "ok      {path}: {}, {}, {}",
                counted(played.journal.len(), "activation"),
                counted(played.calls, "call"),
                span_text(played.took)
            ),
            Some(Failed {
                step,
                message,
                details,
            }) => {
                let place = step.map_or_else(String::new, |(step, line)| {
                    format!(" step {step} (line {line}):")
                });
                let mut text = format!("FAILED  {path}:{place} {}", plain(message));
                for line in details {
                    text += &format!("\n          {}", plain(line));
                }
                text
            }
        };
        if self.verbose || played.failed.is_some() {
            text += &match self.verbose {
                true => played.events.iter().map(event_line).collect(),
                false => last_lines(&played.events),
            };
            for line in &played.log {
                let message = plain(&line.message);
                text += &format!("\n  {:>10}  {:<9} {message}", "log", level(line.level));
            }
        }
        text
    }
}

/// Returns what happened last, with repeats folded.
fn last_lines(events: &[Event]) -> String {
    let lines = folded(events);
    let (hidden, shown) = lines.split_at(lines.len().saturating_sub(SHOWN));
    let mut text = String::new();
    if !hidden.is_empty() {
        let hidden: usize = hidden.iter().map(Line::events).sum();
        text += &format!("\n  {hidden} earlier events are shown by --verbose");
    }
    for line in shown {
        text += &match line {
            Line::Event(event) => event_line(event),
            Line::Again {
                events,
                times,
                until,
            } => {
                let what = match events {
                    1 => "this".to_owned(),
                    events => format!("these {events}"),
                };
                let until = span_text(*until);
                let times = match times {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                };
                format!(
                    "\n  {until:>10}  {:<9} {what} again, {times}, until here",
                    "repeats"
                )
            }
        };
    }
    text
}

fn event_line(event: &Event) -> String {
    let at = span_text(event.at);
    let (what, text) = (event.what.as_str(), plain(&event.text));
    format!("\n  {at:>10}  {what:<9} {text}")
}

fn report<'a>(path: &'a Path, played: &'a Played) -> Report<'a> {
    let failed = played.failed.as_ref();
    let events = played.events.iter().map(|event| ReportedEvent {
        at_ms: event.at,
        what: event.what.as_str(),
        text: &event.text,
    });
    Report {
        scenario: path,
        passed: failed.is_none(),
        step: failed.and_then(|failed| failed.step).map(|(step, _)| step),
        line: failed.and_then(|failed| failed.step).map(|(_, line)| line),
        message: failed.map(|failed| failed.message.as_str()),
        details: failed.map_or(&[], |failed| &failed.details),
        activations: played.journal.len(),
        calls: played.calls,
        unused_answers: &played.unused,
        took_ms: played.took,
        events: events.collect(),
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn read(path: &Path) -> Result<Scenario, CliError> {
    let because =
        |why: &dyn std::fmt::Display| CliError::Usage(format!("{}: {why}", path.display()));
    let bytes = std::fs::read(path)
        .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", path.display())))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| because(&"this is not a scenario: it is not text in UTF-8"))?;
    Scenario::read(&text).map_err(|error| because(&error))
}

/// Plays scenarios. The code is read and compiled once.
struct Player {
    stem: String,
    tested: Bytes,
    others: Vec<(String, Bytes)>,
    engine: Engine,
    compiler: Arc<InProcess>,
    // The ticks end when this is dropped.
    _ticks: Ticks,
}

impl Player {
    fn new(test: &Test) -> Result<Self, CliError> {
        let engine = Engine::new(&Config { slots: SLOTS })
            .map_err(|error| CliError::Usage(format!("no code can run here: {error}")))?;
        let reader = Reader::new(engine.clone());
        let tested = reader.read(&test.component, &test.environment)?.into();
        let mut others = Vec::new();
        for (name, file) in &test.with {
            let upload = reader.read(file, &Environment::default())?.into();
            others.push((name.clone(), upload));
        }
        let mut compiler = InProcess::new(engine.clone());
        if let Some(scripts) = reader.into_scripts() {
            compiler.share(scripts.code, scripts.native);
        }
        let stem = test.component.file_stem().unwrap_or_default();
        Ok(Player {
            stem: stem.to_string_lossy().into_owned(),
            tested,
            others,
            compiler: Arc::new(compiler),
            _ticks: Ticks::start(engine.clone())?,
            engine,
        })
    }

    /// Returns the code that takes part in a scenario.
    fn code(&self, scenario: &Scenario) -> Result<Code, String> {
        let name = scenario.workflow.clone();
        let name = name.unwrap_or_else(|| self.stem.clone());
        let mut workflows = vec![(name, self.tested.clone())];
        workflows.extend(self.others.iter().cloned());
        for (number, (name, _)) in workflows.iter().enumerate() {
            workflow_name(name).map_err(|_| {
                format!(
                    "{name:?} is not a valid name of a workflow, which has a-z, 0-9, - and _; the file's name is taken, unless the \
                     scenario says `workflow`"
                )
            })?;
            if workflows
                .iter()
                .take(number)
                .any(|(other, _)| other == name)
            {
                return Err(format!(
                    "there are two workflows {name}; each needs a name of its own"
                ));
            }
        }
        Ok(Code {
            workflows,
            engine: self.engine.clone(),
            compiler: self.compiler.clone(),
            thread_time: code::thread_time,
            most_time: MOST_TIME,
            make_response,
            rules: Rules {
                check: dormouse_outbound::check,
                follow: dormouse_outbound::follow,
            },
        })
    }
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write it as NAME=FILE")?;
    Ok((name.to_owned(), file.into()))
}
