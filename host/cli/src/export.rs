//! `dormouse export`.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use dormouse_journal::History;

use crate::connection::Connection;
use crate::error::CliError;
use crate::run_id;
use crate::terminal::Terminal;

/// Writes the history of a run, against which `dormouse replay` can check other code
///
/// The history has everything that the run was given in its present generation, including requests and responses, and the key
/// of its random numbers. Keep it as safe as the host's data. Secrets are not in it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse export 0198d2c4 > histories/approval-1.history
  dormouse export 0198d2c4 --file histories/approval-1.history")]
pub struct Export {
    /// The run's id, or its beginning
    run: String,

    /// The file to write, instead of standard output
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    connection: Connection,
}

impl Export {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        if self.file.is_none() && io::stdout().is_terminal() {
            return Err(CliError::Usage(
                "a history is not text: give --file FILE, or redirect the output with >".into(),
            ));
        }
        let client = self.connection.open()?;
        let run = run_id::find(&client, &self.run)?;
        let history = client.get(&client.url(&["runs", &run, "history"]))?.body;
        // The run may have been removed, taken back or begun anew while its history was read.
        History::decode(&history).map_err(|error| client.strange(&error))?;
        match &self.file {
            None => terminal.write(&history)?,
            Some(file) => write_privately(file, &history)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes a file. A new file can be read only by its owner.
fn write_privately(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(bytes)
}
