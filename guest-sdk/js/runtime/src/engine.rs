//! The engine: one runtime and one context, made at deployment and kept for as long as the instance lives.

use std::cell::{Cell, OnceCell, RefCell};

use rquickjs::{CatchResultExt, Context, Ctx, Function, Module, Object, Persistent, Runtime};

use crate::bindings::dormouse::workflow::context::{Level, log};
use crate::failure::Thrown;
use crate::objects::Objects;
use crate::{clock, modules, natives, objects, operations};

/// Bytes of the stack that JavaScript may use. With more, deep recursion would trap before the engine can throw a
/// `RangeError`.
const STACK: usize = 256 << 10;

struct Engine {
    runtime: Runtime,
    context: Context,
    /// What `js/main.js` gives: how the engine is told things.
    hooks: Persistent<Object<'static>>,
}

thread_local! {
    static ENGINE: OnceCell<Engine> = const { OnceCell::new() };
}

/// Does something with the engine, which is made if it is not there yet.
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

/// Has a function called before each job.
pub(crate) fn before_jobs(function: Function<'_>) {
    let function = Persistent::save(&function.ctx().clone(), function);
    BEFORE_JOBS.set(Some(function));
}

/// Calls the function that is called before each job, if there is one.
pub(crate) fn prepare_job() {
    let Some(function) = BEFORE_JOBS.with_borrow(Clone::clone) else {
        return;
    };
    with(|ctx, _| {
        let called = function
            .restore(ctx)
            .and_then(|function| function.call::<_, ()>(()));
        // It sets a variable.
        called.unwrap_or_default();
    });
}

/// Runs what is ready until nothing is, after a wait. Returns the first error that a job threw outside any promise.
pub(crate) fn run_jobs() -> Result<(), Thrown> {
    // Most have not computed for long, and need not write to a page that all runs share.
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

/// After how many times that the engine asks whether it is to stop a run has computed for long. It asks each 10,000 calls and
/// repetitions of loops.
const LONG: u32 = 500;

thread_local! {
    /// How often the engine has asked since the run last waited.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

/// Logs once, until the run waits again, where a run computes that computes for long: a limit may be about to end it, and that knows nothing of
/// JavaScript.
fn tell_place(raw: std::ptr::NonNull<rquickjs::qjs::JSContext>) {
    // Sound: the engine asks while it executes in this context, the only one, which lives as long as the runtime.
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

/// Evaluates `js/`. Returns its hooks.
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

/// Calls a hook.
pub(crate) fn hook<'js, A, R>(hooks: &Object<'js>, name: &str, arguments: A) -> rquickjs::Result<R>
where
    A: rquickjs::function::IntoArgs<'js>,
    R: rquickjs::FromJs<'js>,
{
    let function: Function<'js> = hooks.get(name)?;
    function.call(arguments)
}
