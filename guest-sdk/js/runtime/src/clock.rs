//! The engine's clock. While a workflow is deployed there is no time, and who asks for it is noted.

use std::cell::{Cell, RefCell};

use crate::bindings::dormouse::workflow::context;

thread_local! {
    /// Whether this is a run, and not a deployment.
    static RUNS: Cell<bool> = const { Cell::new(false) };
    /// Whether time or chance were asked for at deployment.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

thread_local! {
    /// What is told whoever asked for an operation at deployment.
    static REFUSED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes that an operation was asked for at deployment, which there cannot be.
pub(crate) fn refuse(message: &str) {
    REFUSED.set(Some(message.to_owned()));
}

/// What was told whoever asked for an operation at deployment.
pub(crate) fn refused() -> Option<String> {
    REFUSED.take()
}

/// Says that a run begins: time and chance are the host's from now on.
pub(crate) fn begin() {
    RUNS.set(true);
}

/// Whether this is a run.
pub(crate) fn runs() -> bool {
    RUNS.get()
}

/// Notes that time or chance are asked for. Returns false at deployment, where there is neither.
pub(crate) fn ask() -> bool {
    if !RUNS.get() {
        ASKED.set(true);
    }
    RUNS.get()
}

/// Forgets that time was asked for. The engine asks when it is made, for a number that only spreads its hashes.
pub(crate) fn forget() {
    ASKED.set(false);
}

/// Whether time or chance were asked for at deployment.
pub(crate) fn was_asked() -> bool {
    ASKED.get()
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    if ask() { context::now() } else { 0 }
}

/// The engine asks for the time by this name, in microseconds.
// The name is the engine's, and nothing else here has it.
#[allow(unsafe_code, reason = "the engine is linked against this name")]
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "exact until the year 2255")]
    let micros = (now() * 1_000) as f64;
    micros
}
