//! The engine: one runtime and one context, made at deployment and kept for as long as the instance lives.

use std::cell::{Cell, OnceCell, RefCell};

use rquickjs::{CatchResultExt, Context, Ctx, Function, Module, Object, Persistent, Runtime};

use crate::bindings::dormouse::workflow::context::{Level, log};
use crate::failure::Thrown;
use crate::objects::Objects;
use crate::{clock, modules, natives, objects, operations};

/// How many bytes of the stack JavaScript may use. With more, deep recursion would trap before the engine can throw a
/// `RangeError`.
const STACK: usize = 256 << 10;

struct Engine {
    runtime: Runtime,
    context: Context,
    /// The object that `js/main.js` exports, with the functions that Rust calls.
    hooks: Persistent<Object<'static>>,
}

thread_local! {
    static ENGINE: OnceCell<Engine> = const { OnceCell::new() };
}

/// Calls a function with the engine and its hooks. The first call makes the engine.
pub(crate) fn with<R>(what: impl for<'js> FnOnce(&Ctx<'js>, &Object<'js>) -> R) -> R {
    ENGINE.with(|engine| {
        let engine = engine.get_or_init(make);
        engine.context.with(|ctx| {
            let hooks = engine.hooks.clone().restore(&ctx);
            what(&ctx, &hooks.expect("the hooks are this engine's"))
        })
    })
}

thread_local! {
    static BEFORE_JOBS: RefCell<Option<Persistent<Function<'static>>>> = const { RefCell::new(None) };
}

/// Sets the function that is called before each job.
pub(crate) fn before_jobs(function: Function<'_>) {
    let function = Persistent::save(&function.ctx().clone(), function);
    BEFORE_JOBS.set(Some(function));
}

/// Calls the function that [`before_jobs`] has set, if there is one.
pub(crate) fn prepare_job() {
    let Some(function) = BEFORE_JOBS.with_borrow(Clone::clone) else {
        return;
    };
    with(|ctx, _| {
        let called = function
            .restore(ctx)
            .and_then(|function| function.call::<_, ()>(()));
        // The function only sets a variable, so it does not fail.
        called.unwrap_or_default();
    });
}

/// Executes the engine's jobs after a wait, until none is left. Returns the first error that a job threw outside any
/// promise.
pub(crate) fn run_jobs() -> Result<(), Thrown> {
    // A write would give the run its own copy of a page that all runs share. Most runs do not need it.
    if ASKED.get() != 0 {
        ASKED.set(0);
    }
    ENGINE.with(|engine| {
        let engine = engine.get_or_init(make);
        while engine.runtime.is_job_pending() {
            prepare_job();
            if engine.runtime.execute_pending_job().is_err() {
                return Err(engine.context.with(|ctx| Thrown::caught(&ctx)));
            }
        }
        Ok(())
    })
}

fn make() -> Engine {
    let made = || -> rquickjs::Result<Engine> {
        let runtime = Runtime::new_with_alloc(Objects::new())?;
        runtime.set_max_stack_size(STACK);
        runtime.set_loader(modules::Resolver, modules::Loader);
        runtime.set_host_promise_rejection_tracker(Some(Box::new(
            |_, promise, reason, handled| {
                operations::rejected(&promise, &reason, handled);
            },
        )));
        let context = Context::full(&runtime)?;
        let raw = context.with(|ctx| ctx.as_raw());
        runtime.set_interrupt_handler(Some(Box::new(move || {
            let asked = ASKED.get().saturating_add(u32::from(clock::runs()));
            ASKED.set(asked);
            if asked == LONG {
                tell_place(raw);
            }
            false
        })));
        let hooks = context.with(|ctx| {
            let hooks = load(&ctx)?;
            hook::<_, ()>(&hooks, "warmUp", ())?;
            Ok::<_, rquickjs::Error>(Persistent::save(&ctx, hooks))
        })?;
        while runtime.is_job_pending() {
            let executed = runtime.execute_pending_job();
            executed.unwrap_or_else(|error| panic!("warming up: {error}"));
        }
        runtime.run_gc();
        objects::made();
        Ok(Engine {
            runtime,
            context,
            hooks,
        })
    };
    made().unwrap_or_else(|error| panic!("the JavaScript engine cannot be made: {error}"))
}

/// How often the engine asks whether to stop until a run counts as computing for long. The engine asks after every
/// 10,000 calls and repetitions of loops.
const LONG: u32 = 500;

thread_local! {
    /// How often the engine has asked whether to stop since the run last waited.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

/// Logs the place in the program where a run computes for long, once between two waits. A limit may be about to end the run,
/// and the error of that limit cannot name a place in JavaScript.
fn tell_place(raw: std::ptr::NonNull<rquickjs::qjs::JSContext>) {
    // Sound: the engine asks while it executes in this context. This is the only context, and it lives as long as the
    // runtime.
    #[allow(unsafe_code, reason = "the proof stands above")]
    let ctx = unsafe { Ctx::from_raw(raw) };
    let error: rquickjs::Result<rquickjs::Value<'_>> = (|| {
        let constructor: rquickjs::function::Constructor<'_> = ctx.globals().get("Error")?;
        constructor.construct(("the run has computed for long without waiting, and is here",))
    })();
    if let Ok(error) = error {
        log(Level::Warn, &Thrown::of(&error).text());
    }
}

/// Evaluates `js/`, and returns its hooks.
fn load<'js>(ctx: &Ctx<'js>) -> rquickjs::Result<Object<'js>> {
    let host = natives::object(ctx)?;
    ctx.globals().set("__dormouse", host)?;
    let evaluated =
        Module::import(ctx, "dormouse:main").and_then(|promise| promise.finish::<Object<'js>>());
    let main = evaluated
        .catch(ctx)
        .unwrap_or_else(|error| panic!("js/main.js: {error}"));
    ctx.globals().remove("__dormouse")?;
    main.get("hooks")
}

/// Calls the hook of this name.
pub(crate) fn hook<'js, A, R>(hooks: &Object<'js>, name: &str, arguments: A) -> rquickjs::Result<R>
where
    A: rquickjs::function::IntoArgs<'js>,
    R: rquickjs::FromJs<'js>,
{
    let function: Function<'js> = hooks.get(name)?;
    function.call(arguments)
}
