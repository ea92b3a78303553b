//! Why a guest stopped, and what of that its run is told.
//!
//! There are two kinds of trouble. The guest's own ends the run, with a [`Failure`] whose code is stable and whose
//! message says what to do. The host's never does: it becomes an [`Interruption`], and the run goes on later.

use dormouse_journal::{End, Failure, Mismatch, Payload};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace, WasmtimeBug};

use crate::decision::Interruption;

/// Why the host stopped a guest. It is the error that a host function raises, and so the error that `run` ends with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// It does not repeat its journal.
    #[error(transparent)]
    Mismatch(#[from] Box<Mismatch>),
    /// It called an import in a way that the contract does not allow.
    #[error("{0}")]
    Misuse(String),
    /// It went past a limit.
    #[error("{0}")]
    Limit(String),
    /// It needs more memory than it may have.
    #[error("{0}")]
    Memory(String),
    /// It used up its CPU time.
    #[error("{0}")]
    Cpu(String),
    /// It called WASI's `exit`.
    #[error("the workflow called `exit` with code {code}")]
    Exit {
        /// 0 is success.
        code: u8,
    },
    /// It finished a step after which it is to be rebuilt.
    #[error("the instance is to be rebuilt")]
    Rebuild,
    /// Trouble of the host.
    #[error("{0}")]
    Host(String),
}

/// What the end of a guest means.
pub(crate) enum Verdict {
    /// Its run ends.
    Ends(End),
    /// Its instance is to be rebuilt after a step.
    Rebuild,
    /// Its run goes on, another time.
    Interrupted(Interruption),
}

/// An error that came out of wasmtime.
pub(crate) struct Crash {
    /// What happened.
    pub error: wasmtime::Error,
    /// Whether the guest was being instantiated, and so may not have executed at all.
    pub starting: bool,
}

/// What the guest said before it ended. It is a better message than any that the host could find.
#[derive(Default)]
pub(crate) struct LastWords {
    /// The last line that it logged as an error.
    pub error: Option<String>,
    /// The end of its standard error.
    pub stderr: Option<String>,
}

impl LastWords {
    fn or(self, message: String) -> String {
        self.error.or(self.stderr).unwrap_or(message)
    }
}

/// Judges a guest that the host stopped. `live` tells whether it was doing something new.
pub(crate) fn of_stop(
    stop: Stop,
    live: bool,
    words: LastWords,
    backtrace: Option<String>,
) -> Verdict {
    match stop {
        Stop::Misuse(message) => failed("misuse", message, backtrace),
        Stop::Limit(message) => failed("limit", message, backtrace),
        Stop::Memory(message) => failed("memory-limit", message, backtrace),
        Stop::Cpu(message) if live => failed("cpu-limit", message, backtrace),
        Stop::Cpu(_) => Verdict::Interrupted(Interruption::Host(
            "repeating an activation took several times the CPU time that it may have taken; the workflow does not \
             repeat what it did, or the machine is overloaded"
                .into(),
        )),
        Stop::Exit { code: 0 } => Verdict::Ends(End::Completed(Payload::default())),
        Stop::Exit { .. } => {
            // What it said need not be why it left, so the one does not replace the other.
            let said = words.error.or(words.stderr).map(|said| format!(": {said}"));
            let message = format!("{stop}{}", said.unwrap_or_default());
            failed("exit", message, backtrace)
        }
        Stop::Rebuild => Verdict::Rebuild,
        Stop::Mismatch(mismatch) => Verdict::Interrupted(Interruption::Mismatch(mismatch)),
        Stop::Host(message) => Verdict::Interrupted(Interruption::Host(message)),
    }
}

/// Judges a guest that crashed.
pub(crate) fn of_crash(crash: Crash, live: bool, words: LastWords) -> Verdict {
    let Crash { error, starting } = crash;
    let backtrace = error
        .downcast_ref::<WasmBacktrace>()
        .filter(|backtrace| !backtrace.frames().is_empty())
        .map(ToString::to_string);
    let error = match error.downcast::<Stop>() {
        Ok(stop) => return of_stop(stop, live, words, backtrace),
        Err(error) => error,
    };
    if error.is::<PoolConcurrencyLimitError>() {
        return Verdict::Interrupted(Interruption::PoolFull);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => failed(
            "stack-overflow",
            "the workflow's call stack is exhausted; is there a recursion without an end?".into(),
            backtrace,
        ),
        Some(trap) => failed("trap", words.or(trap.to_string()), backtrace),
        None if is_fuel(&error) => failed("limit", too_much_data(), backtrace),
        None if starting || is_hosts(&error) => {
            Verdict::Interrupted(Interruption::Host(format!("{error:#}")))
        }
        None => failed("trap", words.or(error.root_cause().to_string()), backtrace),
    }
}

/// Judges a guest that returned.
pub(crate) fn of_result(result: Result<Payload, Failure>) -> Verdict {
    Verdict::Ends(match result {
        Ok(payload) => End::Completed(payload),
        Err(failure) => End::Failed {
            failure,
            backtrace: None,
        },
    })
}

/// A run that failed with this code.
pub(crate) fn failed(code: &str, message: String, backtrace: Option<String>) -> Verdict {
    Verdict::Ends(End::Failed {
        failure: Failure {
            code: code.into(),
            message,
        },
        backtrace,
    })
}

/// Errors of the operating system and of wasmtime itself are not the guest's.
fn is_hosts(error: &wasmtime::Error) -> bool {
    error.is::<WasmtimeBug>() || error.chain().any(|cause| cause.is::<std::io::Error>())
}

/// Wasmtime has no public type for this error.
fn is_fuel(error: &wasmtime::Error) -> bool {
    error
        .root_cause()
        .to_string()
        .contains("fuel allocated for hostcalls has been exhausted")
}

fn too_much_data() -> String {
    format!(
        "the workflow passed more to the host in one call than its values may have bytes; pass less, or raise the \
         host's setting `{}`",
        crate::limits::Setting::Value
    )
}
