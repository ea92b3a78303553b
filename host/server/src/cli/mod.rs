//! The command line: the client's commands, and those that need the host's own code.
//!
//! `dormouse serve` is the host. The client fetches `dormouse backup`, and the store's code checks it here. All other
//! commands belong to the client alone, and are in [`dormouse_cli`].

mod about;
mod backup;
mod code;
mod error;
mod leading;
mod replay;
mod serve;
mod test;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use dormouse_cli::{CliError, Terminal, exit};

use crate::machine::compiler;
use error::CommandError;

/// Durable workflows that are WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "dormouse", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done; for `start --wait`, the run completed
            1 the host refused; for `start --wait`, the run failed, was cancelled or is blocked
            2 wrong usage
            3 the host cannot be reached

With --json, errors are printed as JSON too, on standard error. `code` says which error it is.

A first run:
  dormouse serve
  dormouse deploy progress progress.wasm
  dormouse start progress --input @input.json --wait";

/// In the order in which the help lists them.
#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    #[command(flatten)]
    Client(Box<dormouse_cli::Command>),
    Backup(dormouse_cli::Backup),
    Replay(replay::Replay),
    Test(test::Test),
    Completions(about::Completions),
    Man(about::Man),
}

/// Executes the command line of this process. Returns the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // The host calls itself to compile. This is not a command for users, and must not read their settings.
    if arguments
        .get(1)
        .is_some_and(|argument| argument == compiler::COMMAND)
    {
        let limits: Vec<String> = arguments
            .iter()
            .skip(2)
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect();
        return compiler::child::compile_main(&limits);
    }
    let mut terminal = Terminal::standard();
    let arguments = leading::behind_the_command(arguments, &Cli::command());
    let is_json = wants_json(&arguments);
    match Cli::try_parse_from(arguments) {
        Ok(cli) => finish(run(&cli.command, &mut terminal), is_json, &mut terminal),
        Err(error) if is_json && error.use_stderr() => {
            let detail = error.to_string();
            let detail = detail.trim().trim_start_matches("error: ").to_owned();
            finish(Err(CliError::Usage(detail).into()), is_json, &mut terminal)
        }
        Err(error) => {
            // Help that was asked for goes to standard output.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(exit::USAGE))
        }
    }
}

fn run(command: &Command, terminal: &mut Terminal) -> Result<ExitCode, CommandError> {
    match command {
        Command::Serve(serve) => serve.run(),
        Command::Client(command) => Ok(command.run(terminal)?),
        Command::Backup(backup) => Ok(backup::run(backup, terminal)?),
        Command::Replay(replay) => Ok(replay.run(terminal)?),
        Command::Test(test) => Ok(test.run(terminal)?),
        Command::Completions(completions) => Ok(completions.run(&mut Cli::command(), terminal)?),
        Command::Man(man) => Ok(man.run(Cli::command(), terminal)?),
    }
}

/// Returns true if the output of the command is for a program.
fn wants_json(arguments: &[OsString]) -> bool {
    let mut flags = arguments.iter().take_while(|argument| *argument != "--");
    flags.any(|argument| argument == "--json")
}

fn finish(
    result: Result<ExitCode, CommandError>,
    is_json: bool,
    terminal: &mut Terminal,
) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    if !error.is_closed_output() {
        // If standard error is closed as well, only the exit code is left.
        let _ = terminal.note(&if is_json {
            error.to_json()
        } else {
            format!("error: {error}")
        });
    }
    ExitCode::from(error.exit_code())
}

#[cfg(test)]
mod tests;
