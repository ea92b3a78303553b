//! The commands that need nothing but the API.

use std::process::ExitCode;

use clap::Subcommand;

use crate::calls::Calls;
use crate::control::{Cancel, Delete};
use crate::counts::Counts;
use crate::deploy::Deploy;
use crate::error::CliError;
use crate::export::Export;
use crate::health::HealthCommand;
use crate::journal::Journal;
use crate::logs::Logs;
use crate::move_runs::Move;
use crate::notify::Notify;
use crate::output::{Output, RunInput};
use crate::pause::{Pause, Resume};
use crate::providers::ProvidersCommand;
use crate::repair::Retry;
use crate::restart::Restart;
use crate::runs::Runs;
use crate::secret::SecretCommand;
use crate::show::Show;
use crate::start::Start;
use crate::terminal::Terminal;
use crate::trigger::TriggerCommand;
use crate::webhook::WebhookCommand;
use crate::webhooks::Webhooks;
use crate::workflows::WorkflowsCommand;

/// A command that needs nothing but the API.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "each command's documentation is its help")]
pub enum Command {
    Deploy(Deploy),
    Workflows(WorkflowsCommand),
    Start(Start),
    Runs(Runs),
    Counts(Counts),
    Show(Show),
    Output(Output),
    Input(RunInput),
    Journal(Journal),
    Export(Export),
    Logs(Logs),
    Calls(Calls),
    Webhooks(Webhooks),
    Webhook(WebhookCommand),
    Providers(ProvidersCommand),
    Notify(Notify),
    Secret(SecretCommand),
    Trigger(TriggerCommand),
    Cancel(Cancel),
    Pause(Pause),
    Resume(Resume),
    Retry(Retry),
    Move(Move),
    Restart(Restart),
    Delete(Delete),
    Health(HealthCommand),
}

impl Command {
    /// Runs the command, and returns the exit code of the program.
    ///
    /// # Errors
    /// If the command cannot be done.
    pub fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        match self {
            Command::Deploy(deploy) => deploy.run(terminal),
            Command::Workflows(workflows) => workflows.run(terminal),
            Command::Start(start) => start.run(terminal),
            Command::Runs(runs) => runs.run(terminal),
            Command::Counts(counts) => counts.run(terminal),
            Command::Show(show) => show.run(terminal),
            Command::Output(output) => output.run(terminal),
            Command::Input(input) => input.run(terminal),
            Command::Journal(journal) => journal.run(terminal),
            Command::Export(export) => export.run(terminal),
            Command::Logs(logs) => logs.run(terminal),
            Command::Calls(calls) => calls.run(terminal),
            Command::Webhooks(webhooks) => webhooks.run(terminal),
            Command::Webhook(webhook) => webhook.run(terminal),
            Command::Providers(providers) => providers.run(terminal),
            Command::Notify(notify) => notify.run(terminal),
            Command::Secret(secret) => secret.run(terminal),
            Command::Trigger(trigger) => trigger.run(terminal),
            Command::Cancel(cancel) => cancel.run(terminal),
            Command::Pause(pause) => pause.run(terminal),
            Command::Resume(resume) => resume.run(terminal),
            Command::Retry(retry) => retry.run(terminal),
            Command::Move(to) => to.run(terminal),
            Command::Restart(restart) => restart.run(terminal),
            Command::Delete(delete) => delete.run(terminal),
            Command::Health(health) => health.run(terminal),
        }
    }
}
