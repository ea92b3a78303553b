//! `dormouse replay`: checks histories of runs against code, without a host.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dormouse_api::Difference;
use dormouse_cli::{CliError, Environment, Terminal, difference_text, exit};
use dormouse_engine::{
    Config, CpuClock, EarlierWebhooks, Engine, InstanceParts, Interruption, Program, RunContext,
    Turns, Urls,
};
use dormouse_journal::{Hashed, History, RunId, Unhashed, VersionId, WebhookNumber};
use dormouse_limits::{Budget, Limits, Part};
use dormouse_webhook::provider::Providers;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use super::code::{self, Reader, Ticks};

/// Checks code against histories of runs that `dormouse export` wrote
///
/// Each history is replayed without effects, as the host does when a run is no longer in memory. If the code does not repeat what
/// the run has done, the first difference is shown. No host is needed; the limits are a host's defaults. The exit code is 1 if
/// the code differs from a history.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse replay histories/*.history --component target/wasm32-unknown-unknown/release/approval.wasm
  dormouse replay histories/*.history --component approval.ts --json")]
pub(super) struct Replay {
    /// The histories
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,

    /// The code: any file that `dormouse deploy` takes
    #[arg(long, value_name = "FILE")]
    component: PathBuf,

    #[command(flatten)]
    environment: Environment,

    /// Prints a line of JSON for each history
    #[arg(long)]
    json: bool,
}

/// The result for one history.
#[derive(Debug, Serialize)]
struct Replayed<'a> {
    history: &'a Path,
    run: String,
    workflow: &'a str,
    activations: u32,
    agrees: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<Difference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Replay {
    pub(super) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let code = Code::read(&self.component, &self.environment)?;
        let mut differ = 0_usize;
        for path in &self.histories {
            let because = |error: &dyn std::fmt::Display| {
                CliError::Usage(format!("{}: {error}", path.display()))
            };
            let bytes = std::fs::read(path).map_err(|error| {
                CliError::Usage(format!("{} cannot be read: {error}", path.display()))
            })?;
            let history = History::decode(&bytes).map_err(|error| because(&error))?;
            let workflow = history.head.workflow.clone();
            let mut replayed = Replayed {
                history: path,
                run: history.head.run.to_string(),
                workflow: &workflow,
                activations: history.head.activations,
                agrees: true,
                difference: None,
                detail: None,
            };
            if let Err(interruption) = code.replay(history) {
                differ += 1;
                replayed.agrees = false;
                match interruption {
                    Interruption::Mismatch(mismatch) => {
                        replayed.difference = Some(Difference::of(&mismatch));
                    }
                    other => replayed.detail = Some(other.to_string()),
                }
            }
            self.report(&replayed, terminal)?;
        }
        Ok(match differ {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(exit::REFUSED),
        })
    }

    fn report(&self, replayed: &Replayed<'_>, terminal: &mut Terminal) -> Result<(), CliError> {
        if self.json {
            let line = serde_json::to_string(replayed).map_err(std::io::Error::from)?;
            return Ok(terminal.print(&line)?);
        }
        let name = replayed.history.display();
        let text = match (&replayed.difference, &replayed.detail) {
            (Some(difference), _) => {
                format!("{name}: differs\n{}", difference_text(difference))
            }
            (None, Some(detail)) => format!("{name}: cannot be replayed: {detail}"),
            (None, None) => format!("{name}: agrees, activations: {}", replayed.activations),
        };
        Ok(terminal.print(&text)?)
    }
}

/// The code against which histories are replayed.
struct Code {
    program: Program,
    version: VersionId,
    runtime: Runtime,
    // The ticks end when this is dropped.
    _ticks: Ticks,
}

impl Code {
    /// Reads and compiles the code in a file.
    fn read(file: &Path, environment: &Environment) -> Result<Self, CliError> {
        let refused = |error: &dyn std::fmt::Display| {
            CliError::Usage(format!("{} is not a workflow: {error}", file.display()))
        };
        let engine = Engine::new(&Config { slots: 2 }).map_err(|error| refused(&error))?;
        let reader = Reader::new(engine.clone());
        let component = reader.read(file, environment)?;
        let version = VersionId::of(&component);
        let program = reader.program(&component)?;
        Ok(Code {
            program,
            version,
            runtime: Builder::new_current_thread().build()?,
            _ticks: Ticks::start(engine)?,
        })
    }

    fn replay(&self, history: History) -> Result<(), Interruption> {
        let head = history.head;
        let budget = Budget::default();
        let parts = InstanceParts {
            context: RunContext {
                id: head.run,
                workflow: head.workflow.clone(),
                version: self.version,
                started: head.started,
                headers: head.headers.clone(),
                request: head.trigger_request(),
            },
            beginning: head.beginning(),
            // The records have the numbers of all webhooks.
            earlier: EarlierWebhooks::default(),
            input: head.input,
            key: head.key,
            limits: head.limits,
            host_limits: Arc::new(Limits::default()),
            memory: budget.begin(Part::Guests),
            held: budget.begin(Part::Guests),
            urls: Arc::new(NoUrls),
            providers: Providers::default(),
            cpu: Arc::new(Cpu),
            turns: Arc::new(NoTurns),
            logged: usize::try_from(head.logged).unwrap_or(usize::MAX),
            labels: head.labels,
            rebuild_after_step: false,
        };
        let launched = self.program.launch(parts);
        let mut instance = launched.map_err(|error| Interruption::Host(error.to_string()))?;
        for (number, activation) in (head.first_activation..).zip(history.activations) {
            let replayed = self.runtime.block_on(instance.replay(activation));
            replayed.map_err(|interruption| match interruption {
                Interruption::Mismatch(mut mismatch) => {
                    mismatch.activation = Some(number);
                    Interruption::Mismatch(mismatch)
                }
                other => other,
            })?;
        }
        Ok(())
    }
}

/// Webhooks in a history have their URLs from the history. A new webhook gets a URL without a meaning.
struct NoUrls;

impl Urls for NoUrls {
    fn url(&self, _: RunId, webhook: WebhookNumber) -> String {
        format!("https://replay.invalid/hooks/{webhook}")
    }
}

/// The processor time of the replaying thread.
struct Cpu;

impl CpuClock for Cpu {
    fn thread_time(&self) -> Duration {
        code::thread_time()
    }
}

/// One guest runs at a time, so it need not wait for others.
struct NoTurns;

impl Turns for NoTurns {
    fn next(&self) -> Pin<Box<dyn Future<Output = Box<dyn Any + Send>> + Send>> {
        Box::pin(async {
            let turn: Box<dyn Any + Send> = Box::new(());
            turn
        })
    }

    fn hash(&self, unhashed: Unhashed) -> Pin<Box<dyn Future<Output = Option<Hashed>> + Send>> {
        Box::pin(async { Some(unhashed.hash()) })
    }
}
