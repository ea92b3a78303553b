//! `dormouse serve`.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;
use dormouse_config::{Config, Flags, LogFormat};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::error::CommandError;
use crate::machine;
use crate::serve::{CUT_OFF_WITHIN, ServeError, serve};

/// Runs a host
///
/// A setting given here goes before the same in the environment (`--data-dir` is DORMOUSE_DATA_DIR there), that before
/// the file that --config names (`data-dir = "…"`), and that before its default. Sizes are written 65536, 64KiB, 16MiB
/// or 1GiB, spans of time 500ms, 5s, 10m, 24h or 7d.
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
        start_log(&config);
        let runtime = machine::runtime().map_err(ServeError::Machine)?;
        let served = runtime.block_on(serve(config));
        // What would not end in good time was cut off by then.
        runtime.shutdown_timeout(CUT_OFF_WITHIN);
        served?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Log events go to standard error: standard output is for results.
fn start_log(config: &Config) {
    // The filter was checked with the other settings.
    let filter = EnvFilter::try_new(&config.log).unwrap_or_default();
    // Without a hint this filter would have every library's event of level trace made, only to be thrown away: wasmtime
    // alone has several for each operation.
    let filter = filter.and(filter_fn(is_discreet).with_max_level_hint(LevelFilter::TRACE));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let registry = tracing_subscriber::registry();
    match config.log_format {
        LogFormat::Text => registry.with(lines.with_filter(filter)).init(),
        LogFormat::Json => registry.with(lines.json().with_filter(filter)).init(),
    }
}

/// Whether an event keeps to itself what callers sent. This program's own do at every level, and libraries do down to
/// debug. Below that hyper, h2 and TLS handle whole requests, and the next release may say anything of them.
fn is_discreet(event: &Metadata<'_>) -> bool {
    event.target().starts_with("dormouse") || *event.level() < Level::TRACE
}
