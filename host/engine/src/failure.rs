//! The consequences for a run when its guest ends.
//!
//! There are two kinds of trouble. The guest's own trouble ends the run with a [`Failure`], whose code is stable and
//! whose message says what to do. The host's trouble never ends a run: it becomes an [`Interruption`], and the run
//! continues later.

use std::collections::BTreeMap;

use dormouse_journal::{End, Failure, NextGeneration, Payload, cut_backtrace};
use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace, WasmtimeBug};

use crate::decision::Interruption;
use crate::log::FinalOutput;
use crate::stop::Stop;

/// The consequence for a run when its guest ends.
pub(crate) enum Consequence {
    /// The run ends.
    Ends(End),
    /// The run continues in its next generation.
    Continues(Box<NextGeneration>),
    /// The run continues in a new instance, because a step was finished.
    Rebuild,
    /// The run continues later.
    Interrupted(Interruption),
}

/// An error that came out of wasmtime.
pub(crate) struct Crash {
    /// The error.
    pub error: wasmtime::Error,
    /// True if it happened while the guest was being instantiated, so that the guest may not have executed at all.
    pub starting: bool,
}

/// Returns the verdict on a guest that the host stopped. `live` is true if the guest was not repeating a recorded
/// activation.
pub(crate) fn of_stop(
    stop: Stop,
    live: bool,
    final_output: FinalOutput,
    backtrace: Option<String>,
) -> Consequence {
    match stop {
        Stop::Misuse(message) => failed("misuse", message, backtrace),
        Stop::Limit(message) => failed("limit", message, backtrace),
        Stop::Memory(message) => failed("memory-limit", message, backtrace),
        Stop::Cpu(message) if live => failed("cpu-limit", message, backtrace),
        Stop::Cpu(_) => Consequence::Interrupted(Interruption::Host(
            "repeating an activation took several times the CPU time that it may have taken; the workflow does not \
             repeat what it did, or the machine is overloaded"
                .into(),
        )),
        Stop::Exit { code: 0 } => Consequence::Ends(End::Completed(Payload::default())),
        Stop::Exit { .. } => {
            // The guest's output need not be the reason for its exit, so the message has both.
            let said = final_output.error.or(final_output.stderr).map(|said| format!(": {said}"));
            let message = format!("{stop}{}", said.unwrap_or_default());
            failed("exit", message, backtrace)
        }
        Stop::Continue(next) => Consequence::Continues(next),
        Stop::Rebuild => Consequence::Rebuild,
        Stop::Mismatch(mismatch) => Consequence::Interrupted(Interruption::Mismatch(mismatch)),
        Stop::NoMemory => Consequence::Interrupted(Interruption::NoMemory),
        Stop::Host(message) => Consequence::Interrupted(Interruption::Host(message)),
    }
}

const STACK_OVERFLOW: &str =
    "the workflow's call stack is exhausted; is there a recursion without an end?";

const OUT_OF_BOUNDS: &str = "the workflow accessed memory that it does not have: its stack may be exhausted, by large local \
    variables or a deep recursion, or there is an error in unsafe code";

/// The number of times that a function is in the backtrace of a recursion: in most of the 20 frames that are kept, or
/// in every fourth if several functions call each other.
const RECURSIONS: usize = 5;

/// Returns true if functions in a backtrace call each other again and again.
fn recurses(functions: impl Iterator<Item = u32>) -> bool {
    let mut counts = BTreeMap::<u32, usize>::new();
    for function in functions {
        *counts.entry(function).or_default() += 1;
    }
    counts.values().any(|count| *count >= RECURSIONS)
}

/// Returns the verdict on a guest that crashed.
pub(crate) fn of_crash(crash: Crash, live: bool, final_output: FinalOutput) -> Consequence {
    let Crash { error, starting } = crash;
    let backtrace = error
        .downcast_ref::<WasmBacktrace>()
        .filter(|backtrace| !backtrace.frames().is_empty())
        .map(ToString::to_string);
    let recurses = error
        .downcast_ref::<WasmBacktrace>()
        .is_some_and(|backtrace| recurses(backtrace.frames().iter().map(FrameInfo::func_index)));
    let error = match error.downcast::<Stop>() {
        Ok(stop) => return of_stop(stop, live, final_output, backtrace),
        Err(error) => error,
    };
    if error.is::<PoolConcurrencyLimitError>() {
        return Consequence::Interrupted(Interruption::PoolFull);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => failed("stack-overflow", STACK_OVERFLOW.into(), backtrace),
        // A guest's own stack is at the start of its memory. It leaves the memory downwards when it overflows.
        Some(Trap::MemoryOutOfBounds) if recurses => {
            failed("stack-overflow", STACK_OVERFLOW.into(), backtrace)
        }
        Some(Trap::MemoryOutOfBounds) => {
            failed("trap", final_output.or(OUT_OF_BOUNDS.to_owned()), backtrace)
        }
        Some(trap) => failed("trap", final_output.or(trap.to_string()), backtrace),
        None if is_fuel(&error) => failed("limit", too_much_data(), backtrace),
        None if starting || is_hosts(&error) => {
            Consequence::Interrupted(Interruption::Host(format!("{error:#}")))
        }
        None => failed(
            "trap",
            final_output.or(error.root_cause().to_string()),
            backtrace,
        ),
    }
}

/// Returns the verdict on a guest that returned.
pub(crate) fn of_result(result: Result<Payload, Failure>) -> Consequence {
    Consequence::Ends(match result {
        Ok(payload) => End::Completed(payload),
        Err(failure) => End::Failed {
            failure: failure.cut(),
            backtrace: None,
        },
    })
}

/// Returns the verdict that the run failed with this code.
pub(crate) fn failed(code: &str, message: String, backtrace: Option<String>) -> Consequence {
    let failure = Failure {
        code: code.into(),
        message,
    };
    Consequence::Ends(End::Failed {
        failure: failure.cut(),
        backtrace: backtrace.map(cut_backtrace),
    })
}

/// Returns whether an error is the host's, such as an error of the operating system or a bug of wasmtime.
fn is_hosts(error: &wasmtime::Error) -> bool {
    error.is::<WasmtimeBug>() || error.chain().any(|cause| cause.is::<std::io::Error>())
}

/// Returns whether the error means that a guest passed more to the host in one call than it may. Wasmtime has no public
/// type for this error.
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
        dormouse_limits::BODY
    )
}
