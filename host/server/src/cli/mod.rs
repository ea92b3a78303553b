//! The command line: `dormouse serve` is the host, all other commands are clients of its API.
//!
//! One file per command. `client` speaks HTTP, `terminal` writes, and `table`, `text` and `time` make what people read.
//! With `--json` a command prints what the API answered, and where that came in pages, all of them as one.

mod backup;
mod client;
mod connection;
mod control;
mod deploy;
mod error;
mod input;
mod journal;
mod logs;
mod notify;
mod output;
mod pages;
mod patience;
mod runs;
mod secret;
mod serve;
mod show;
mod signing;
mod start;
mod table;
mod terminal;
mod text;
mod time;
mod webhook;
mod webhooks;
mod workflows;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::machine::compiler;
use error::CliError;
use terminal::Terminal;

/// Durable workflows that are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "dormouse", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; for `start --wait`, the run completed
            1 the host refused; for `start --wait`, the run failed or was cancelled
            2 wrong usage
            3 the host cannot be reached

A first run:
  dormouse serve
  dormouse deploy progress progress.wasm
  dormouse start progress --input @input.json --wait";

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Deploy(deploy::Deploy),
    Workflows(workflows::WorkflowsCommand),
    Start(start::Start),
    Runs(runs::Runs),
    Show(show::Show),
    Output(output::Output),
    Journal(journal::Journal),
    Logs(logs::Logs),
    Webhooks(webhooks::Webhooks),
    Webhook(webhook::WebhookCommand),
    Notify(notify::Notify),
    Secret(secret::SecretCommand),
    Cancel(control::Cancel),
    Resume(control::Resume),
    Backup(backup::Backup),
}

/// Does what the command line of this process says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The host calls itself to compile. That is no command for people, and must not read their settings.
    if arguments
        .get(1)
        .is_some_and(|argument| argument == compiler::COMMAND)
    {
        let limits: Vec<String> = arguments
            .iter()
            .skip(2)
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        return compiler::compile_main(&limits);
    }
    let mut terminal = Terminal::standard();
    match Cli::try_parse_from(arguments) {
        Ok(cli) => finish(run(&cli.command, &mut terminal), &mut terminal),
        Err(error) => {
            // It goes to standard output when it is the help that was asked for.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(error::USAGE))
        }
    }
}

fn run(command: &Command, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
    match command {
        Command::Serve(serve) => serve.run(),
        Command::Deploy(deploy) => deploy.run(terminal),
        Command::Workflows(workflows) => workflows.run(terminal),
        Command::Start(start) => start.run(terminal),
        Command::Runs(runs) => runs.run(terminal),
        Command::Show(show) => show.run(terminal),
        Command::Output(output) => output.run(terminal),
        Command::Journal(journal) => journal.run(terminal),
        Command::Logs(logs) => logs.run(terminal),
        Command::Webhooks(webhooks) => webhooks.run(terminal),
        Command::Webhook(webhook) => webhook.run(terminal),
        Command::Notify(notify) => notify.run(terminal),
        Command::Secret(secret) => secret.run(terminal),
        Command::Cancel(cancel) => cancel.run(terminal),
        Command::Resume(resume) => resume.run(terminal),
        Command::Backup(backup) => backup.run(terminal),
    }
}

fn finish(result: Result<ExitCode, CliError>, terminal: &mut Terminal) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    if !error.is_closed_output() {
        // If standard error is closed as well, the exit code is all there is.
        let _ = terminal.note(&format!("error: {error}"));
    }
    ExitCode::from(error.exit_code())
}

#[cfg(test)]
mod tests;
