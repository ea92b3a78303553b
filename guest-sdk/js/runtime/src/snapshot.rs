//! Deploys a workflow: the host writes the bundle into memory, the workflow is evaluated, and the resulting memory is kept.

use std::cell::{Cell, RefCell};

use rquickjs::{Module, Promise};

use crate::failure::Thrown;
use crate::modules::{self, Bundle};
use crate::{clock, engine, heap, missing};

/// The result of a deployment: the workflow is deployed.
const DONE: u32 = 0;
/// The result of a deployment: the workflow is refused, and the text says why.
const REFUSED: u32 = 1;
/// The result of a deployment: a module asked for the time or random numbers, so all modules must be evaluated when a run
/// starts. The host drops this instance, and deploys in a new one without evaluation.
const ASKED: u32 = 2;

/// The message to the author of a module that calls no `serve`.
const NO_WORKFLOW: &str = "the module has no workflow: give an async function to `serve`, which `@dormouse/sdk` exports, and call `serve` at the top \
     level of the file: in a handler it is called too late, if at all";

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static EVALUATED: Cell<bool> = const { Cell::new(false) };
}

/// Makes room for a text of `length` bytes, and returns its address. The host writes the bundle there.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_room(length: usize) -> *mut u8 {
    TEXT.with_borrow_mut(|text| {
        *text = vec![0; length];
        text.as_mut_ptr()
    })
}

/// Reads the bundle that the host has written to the room, and evaluates the workflow if `evaluate` is not 0. Returns
/// [`DONE`],
/// [`REFUSED`] or [`ASKED`].
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_init(evaluate: u32) -> u32 {
    let code = init(evaluate);
    heap::end_deployment();
    code
}

fn init(evaluate: u32) -> u32 {
    let bundle = TEXT.with_borrow(|text| serde_json::from_slice::<Bundle>(text));
    TEXT.with_borrow_mut(|text| text.fill(0));
    match bundle {
        Ok(bundle) => modules::take(bundle),
        Err(error) => return tell(REFUSED, format!("the bundle: {error}")),
    }
    engine::with(|_, _| ());
    clock::forget();
    if evaluate == 0 {
        return tell(DONE, String::new());
    }
    let evaluated = self::evaluate().map_err(|thrown| {
        let missing = missing::explain(&thrown.message);
        missing.unwrap_or_else(|| thrown.text())
    });
    modules::forget_read();
    if let Some(message) = clock::refused() {
        return tell(REFUSED, message);
    }
    let facts = registered();
    if clock::was_asked() {
        return tell(ASKED, facts);
    }
    match evaluated {
        Ok(()) => match facts {
            none if none.is_empty() => tell(REFUSED, NO_WORKFLOW.into()),
            facts => tell(DONE, facts),
        },
        Err(why) => tell(REFUSED, why),
    }
}

/// Returns the length in bytes of the text about the deployment: the reason of a refusal, or facts about the workflow.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_length() -> usize {
    TEXT.with_borrow(Vec::len)
}

/// Returns the address of the text about the deployment.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_text() -> *const u8 {
    TEXT.with_borrow(Vec::as_ptr)
}

fn tell(code: u32, text: String) -> u32 {
    TEXT.set(text.into_bytes());
    code
}

/// Returns facts about the workflows that were given to `serve`, as JSON. Empty if there are none.
fn registered() -> String {
    engine::with(|_, hooks| engine::hook(hooks, "registered", ())).unwrap_or_default()
}

/// Evaluates the workflow's modules if they were not evaluated at deployment.
pub(crate) fn finish() -> Result<(), Thrown> {
    if EVALUATED.get() { Ok(()) } else { evaluate() }
}

fn evaluate() -> Result<(), Thrown> {
    EVALUATED.set(true);
    let env = modules::env();
    let evaluated = engine::with(|ctx, hooks| {
        engine::hook::<_, ()>(hooks, "environment", env).map_err(|_| Thrown::caught(ctx))?;
        let promise: Promise<'_> =
            Module::import(ctx, modules::entry()).map_err(|_| Thrown::caught(ctx))?;
        match promise.finish::<rquickjs::Value<'_>>() {
            Ok(_) => Ok(()),
            Err(rquickjs::Error::WouldBlock) => Err(Thrown::told(
                "a module awaits something at its top level that only a run can give".into(),
            )),
            Err(_) => Err(Thrown::caught(ctx)),
        }
    });
    engine::prepare_job();
    evaluated
}
