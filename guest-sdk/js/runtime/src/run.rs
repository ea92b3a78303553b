//! Executes a run from its input to its result.

use std::cell::RefCell;

use rquickjs::{Ctx, TypedArray, Value};

use crate::bindings::dormouse::workflow::context::{Level, log};
use crate::bindings::{Failure, Payload};
use crate::failure::Thrown;
use crate::values::from_bytes;
use crate::{clock, engine, operations, snapshot};

thread_local! {
    /// The result of the workflow, once it has ended.
    static RESULT: RefCell<Option<Result<Payload, Thrown>>> = const { RefCell::new(None) };
}

/// Notes the value that the workflow returned.
pub(crate) fn complete<'js>(
    ctx: Ctx<'js>,
    content_type: String,
    body: TypedArray<'js, u8>,
) -> rquickjs::Result<()> {
    let body = from_bytes(&ctx, &body)?;
    RESULT.set(Some(Ok(Payload { content_type, body })));
    Ok(())
}

/// Notes the error that the workflow threw.
pub(crate) fn fail(error: Value<'_>) {
    RESULT.set(Some(Err(Thrown::of(&error))));
}

/// Executes the workflow: all jobs of the engine, then the outcome of one operation, then all jobs again, and so on.
pub(crate) async fn run(input: Payload) -> Result<Payload, Failure> {
    clock::begin();
    std::panic::set_hook(Box::new(|info| log(Level::Error, &info.to_string())));
    let begun = snapshot::finish().and_then(|()| {
        engine::with(|ctx, hooks| {
            let body = TypedArray::new(ctx.clone(), input.body).map_err(|_| Thrown::caught(ctx))?;
            engine::hook::<_, ()>(hooks, "start", (input.content_type, body))
                .map_err(|_| Thrown::caught(ctx))
        })
    });
    let mut thrown = begun.err();
    loop {
        if thrown.is_none() {
            thrown = engine::run_jobs().err();
        }
        match thrown.take().map(Err).or_else(|| RESULT.take()) {
            // A rejected promise without a handler is an error that the program did not catch.
            Some(Ok(payload)) => {
                return operations::unhandled().map_or(Ok(payload), |thrown| Err(failure(thrown)));
            }
            Some(Err(thrown)) => return Err(failure(thrown)),
            None => {}
        }
        operations::tell_unhandled();
        // If no operation is under way, nothing can end this wait, and the host reports that the run is stuck.
        thrown = operations::settle_next().await.err();
    }
}

/// Returns the failure of the run. A mistake in the program traps instead, which blocks the run until its code is repaired.
fn failure(thrown: Thrown) -> Failure {
    if thrown.is_programming() {
        log(Level::Error, &thrown.text());
        #[allow(
            clippy::panic,
            reason = "a trap is how the contract says that a program is broken"
        )]
        {
            core::arch::wasm32::unreachable()
        }
    }
    thrown.into_failure()
}
