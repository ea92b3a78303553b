//! `dormouse serve`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dormouse_cli::exit;
use dormouse_config::{Config, Flags};

use super::error::CommandError;
use crate::log::{self, Lines};
use crate::machine;
use crate::serve::{CUT_OFF_WITHIN, ServeError, serve};

/// How long the host waits at its end for the reader of the log.
const FLUSH_WITHIN: Duration = Duration::from_millis(300);

/// Runs a host
///
/// A setting can be given on the command line (`--data-dir PATH`), in the environment (DORMOUSE_DATA_DIR), or in the file that
/// --config names (`data-dir = "PATH"`). If it is given in several ways, the first of these counts. Sizes are written as 65536,
/// 64KiB, 16MiB or 1GiB, spans of time as 500ms, 5s, 10m, 24h or 7d.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse serve
  dormouse serve --data-dir /var/lib/dormouse --listen 0.0.0.0:4100 \\
      --public-url https://hooks.example --api-token-file /etc/dormouse/token")]
pub(super) struct Serve {
    #[command(flatten)]
    flags: Flags,
}

impl Serve {
    pub(super) fn run(&self) -> Result<ExitCode, CommandError> {
        let variable = |name: &str| std::env::var(name).ok();
        let raw = self.flags.clone().with_environment_and_file(variable)?;
        let config = Config::new(&raw, variable)?;
        if config.secret_keys.is_some() {
            machine::forbid_dumps().map_err(ServeError::Dumps)?;
        }
        let lines = log::start(&config).map_err(ServeError::Machine)?;
        let code = match run(config, &lines) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The error goes through the log, which does not wait for its reader.
                lines.add(format!("error: {error}\n").as_bytes());
                ExitCode::from(exit::REFUSED)
            }
        };
        lines.close(FLUSH_WITHIN);
        Ok(code)
    }
}

fn run(config: Config, lines: &Lines) -> Result<(), ServeError> {
    for open in &config.open_files {
        tracing::warn!("{open}");
    }
    let runtime = machine::runtime().map_err(ServeError::Machine)?;
    let served = runtime.block_on(serve(config, lines.clone()));
    // Tasks that did not end in time are cut off here.
    runtime.shutdown_timeout(CUT_OFF_WITHIN);
    served
}
