//! The engine's clock. While a workflow is deployed there is no time, and it is noted if a module asks for the time.

use std::cell::{Cell, RefCell};

use crate::bindings::dormouse::workflow::context;

thread_local! {
    /// True in a run, and false at deployment.
    static RUNS: Cell<bool> = const { Cell::new(false) };
    /// True if a module asked for the time or for random numbers at deployment.
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

thread_local! {
    /// The message of the last operation that was refused at deployment.
    static REFUSED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes that an operation was refused at deployment, since only a run has operations.
pub(crate) fn refuse(message: &str) {
    REFUSED.set(Some(message.to_owned()));
}

/// Takes the message of the last operation that was refused at deployment.
pub(crate) fn refused() -> Option<String> {
    REFUSED.take()
}

/// Begins a run. From now on, the time and random numbers come from the host.
pub(crate) fn begin() {
    RUNS.set(true);
}

/// Returns whether this is a run, and not a deployment.
pub(crate) fn runs() -> bool {
    RUNS.get()
}

/// Notes that the time or random numbers are asked for. Returns false at deployment, where there are none.
pub(crate) fn ask() -> bool {
    if !RUNS.get() {
        ASKED.set(true);
    }
    RUNS.get()
}

/// Forgets that the time was asked for. The engine asks when it is made, for a number that only spreads its hashes.
pub(crate) fn forget() {
    ASKED.set(false);
}

/// Returns whether the time or random numbers were asked for at deployment.
pub(crate) fn was_asked() -> bool {
    ASKED.get()
}

/// Returns the milliseconds since the Unix epoch, or 0 at deployment.
pub(crate) fn now() -> u64 {
    if ask() { context::now() } else { 0 }
}

/// Returns the time in microseconds. The engine calls this function by its name.
// Sound: nothing else that is linked has this name.
#[allow(unsafe_code, reason = "the engine is linked against this name")]
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "exact until the year 2255")]
    let micros = (now() * 1_000) as f64;
    micros
}
