//! What happens at deployment: the host writes the workflow into memory, and what evaluating it leaves there is kept.

use std::cell::{Cell, RefCell};

use rquickjs::{Module, Promise};

use crate::failure::Thrown;
use crate::modules::{self, Bundle};
use crate::{clock, engine, heap, missing};

/// What deployment gives.
const DONE: u32 = 0;
/// The workflow cannot be deployed; the message says why.
const REFUSED: u32 = 1;
/// A module asked for time or chance, so that all are evaluated when a run starts. The instance is of no use; a new one is
/// told so.
const ASKED: u32 = 2;

/// What the author of a module is told that gives no function to `serve`.
const NO_WORKFLOW: &str = "the module has no workflow: give an async function to `serve`, which `@dormouse/sdk` exports, and call `serve` at the top \
     level of the file: in a handler it is called too late, if at all";

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static EVALUATED: Cell<bool> = const { Cell::new(false) };
}

/// Makes room for a text of so many bytes, which the host writes to the place that is returned.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_room(length: usize) -> *mut u8 {
    TEXT.with_borrow_mut(|text| {
        *text = vec![0; length];
        text.as_mut_ptr()
    })
}

/// Takes the workflow in, which lies in the room, and evaluates it if it is told to.
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

/// How long the text is that deployment has to tell.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_length() -> usize {
    TEXT.with_borrow(Vec::len)
}

/// Where that text lies.
#[allow(unsafe_code, reason = "the host finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn dormouse_text() -> *const u8 {
    TEXT.with_borrow(Vec::as_ptr)
}

fn tell(code: u32, text: String) -> u32 {
    TEXT.set(text.into_bytes());
    code
}

/// What is to be known of the workflows that were given to `serve`, as JSON; empty if none were.
fn registered() -> String {
    engine::with(|_, hooks| engine::hook(hooks, "registered", ())).unwrap_or_default()
}

/// Evaluates the workflow's modules, if that was not done at deployment.
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
