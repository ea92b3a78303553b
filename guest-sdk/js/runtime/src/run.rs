//! A run from its input to its result.

use rquickjs::{Object, TypedArray};

use crate::bindings::dormouse::workflow::context::{Level, log};
use crate::bindings::{Failure, Payload};
use crate::failure::Thrown;
use crate::values::from_bytes;
use crate::{clock, engine, operations, snapshot};

/// What the workflow has come to.
enum State {
    Runs,
    Done(Payload),
    Failed(Thrown),
}

/// Runs the workflow: what is ready, then one operation's outcome, and so on.
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
        let state = match thrown.take() {
            Some(thrown) => State::Failed(thrown),
            None => state(),
        };
        match state {
            // A promise that was refused, and that nobody has asked since, is an error that nobody caught.
            State::Done(payload) => {
                return operations::unhandled().map_or(Ok(payload), |thrown| Err(fail(thrown)));
            }
            State::Failed(thrown) => return Err(fail(thrown)),
            State::Runs => {}
        }
        operations::tell_unhandled();
        // Nothing under way: the wait is one that nothing can end, and the host says so.
        thrown = operations::settle_next().await.err();
    }
}

fn state() -> State {
    engine::with(|_, hooks| {
        let read = || -> rquickjs::Result<State> {
            let result: Option<Object<'_>> = engine::hook(hooks, "result", ())?;
            let Some(result) = result else {
                return Ok(State::Runs);
            };
            if result.contains_key("error")? {
                return Ok(State::Failed(Thrown::of(&result.get("error")?)));
            }
            let body: TypedArray<'_, u8> = result.get("body")?;
            Ok(State::Done(Payload {
                content_type: result.get("contentType")?,
                body: from_bytes(hooks.ctx(), &body)?,
            }))
        };
        read().unwrap_or_else(|_| State::Failed(Thrown::caught(hooks.ctx())))
    })
}

/// A mistake in the program breaks the run, so that repaired code can take it up; anything else fails it.
fn fail(thrown: Thrown) -> Failure {
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
