//! The log: lines on standard error, written by a thread of their own.
//!
//! The reader of the log may be slow, or stop reading. The host does not wait for it: `lines` keeps a bounded number of
//! bytes, drops lines when it is full, and later reports how many. `repeats` limits the lines of a message that is
//! logged very often. Nothing is left out without a line that says how much.

mod lines;
mod own_lines;
mod repeats;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal};
use std::sync::Arc;

use dormouse_config::{Config, LogFormat};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub use lines::Lines;
use repeats::{Limited, Repeats};

/// Starts the log of this process. Log events go to standard error: standard output is for results.
///
/// # Errors
/// When the system has no thread left for it.
pub fn start(config: &Config) -> io::Result<Lines> {
    let repeats = Arc::<Repeats>::default();
    let lines = Lines::start(io::stderr(), repeats.clone())?;
    // The filter was checked together with the other settings.
    let filter = EnvFilter::try_new(&config.log).unwrap_or_default();
    // Without this hint, every library's events of level trace would be created and then discarded. Wasmtime alone has
    // several for each operation.
    let filter = filter
        .and(filter_fn(is_discreet).with_max_level_hint(LevelFilter::TRACE))
        .and(Limited(repeats));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines.clone())
        .with_ansi(io::stderr().is_terminal());
    let registry = tracing_subscriber::registry();
    match config.log_format {
        LogFormat::Text => registry.with(layer.with_filter(filter)).init(),
        LogFormat::Json => registry.with(layer.json().with_filter(filter)).init(),
    }
    log_panics();
    Ok(lines)
}

/// Returns true if an event does not reveal what callers sent. The events of this program never do, and those of
/// libraries do not down to the level debug. Below that, hyper, h2 and TLS log whole requests, and a new release may
/// log anything.
fn is_discreet(event: &Metadata<'_>) -> bool {
    event.target().starts_with("dormouse") || *event.level() < Level::TRACE
}

/// Logs panics like everything else. The standard library would write them to standard error itself, and wait there for
/// the reader.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let message = panic.payload_as_str();
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
        tracing::error!(
            place,
            message,
            backtrace = backtrace.map(tracing::field::display),
            "a thread panicked"
        );
    }));
}
