//! Workflows in JavaScript: they are evaluated in the JavaScript runtime, in the child process that compiles.

use std::sync::OnceLock;

use bytes::Bytes;
use dormouse_component::divide::{DividedModule, State, divide_module, with_state};
use dormouse_engine::{Engine, SharedCode};
use dormouse_journal::VersionId;
use dormouse_runtime::ScriptCode;

/// The JavaScript runtime, as it was built with this program; empty if it was not.
const RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/js-runtime.wasm"));

/// What is said where it was not.
pub(crate) const MISSING: &str =
    "this program was built without JavaScript; build it with `cargo xtask build`";

/// The runtime in its parts.
struct Parts {
    code: ScriptCode,
    state: Vec<u8>,
}

fn parts() -> Option<&'static Parts> {
    static PARTS: OnceLock<Option<Parts>> = OnceLock::new();
    let divided = PARTS.get_or_init(|| {
        let DividedModule { code, state } = divide_module(RUNTIME)?;
        let id = VersionId::of(&code);
        let module = Bytes::from(code);
        let code = ScriptCode { id, module };
        Some(Parts { code, state })
    });
    divided.as_ref()
}

/// Returns the code that all workflows in JavaScript share. None if this program was built without JavaScript.
pub(crate) fn code() -> Option<ScriptCode> {
    parts().map(|parts| parts.code.clone())
}

/// Makes a component of a workflow: a bundle, or the text of one file.
///
/// # Errors
/// When it is no workflow, with what its author reads.
pub(crate) fn component(
    engine: &Engine,
    code: &SharedCode,
    upload: &[u8],
) -> Result<Vec<u8>, String> {
    let parts = parts().ok_or(MISSING)?;
    let bundled;
    let bundle = match dormouse_script::uploaded_text(upload) {
        None => upload,
        Some(text) => {
            let bundle = dormouse_script::collect_text("workflow.ts", &text);
            bundled = bundle.map_err(|error| error.to_string())?.encode();
            &bundled
        }
    };
    let evaluated = dormouse_engine::evaluate(engine, code, &parts.state, bundle)
        .map_err(|error| error.to_string())?;
    let state = State {
        memory: &evaluated.memory,
        globals: &evaluated.globals,
    };
    let module = with_state(RUNTIME, &state)
        .ok_or("what evaluating the workflow left behind does not fit into a module")?;
    let prepared = dormouse_component::prepare(&module).map_err(|error| error.to_string())?;
    Ok(prepared.component)
}

#[cfg(test)]
mod tests {
    use dormouse_component::divide;
    use dormouse_engine::{Config, SHARED_CODE, seal};

    use super::*;

    /// What is compiled once is what every workflow shares, to the last byte.
    #[test]
    fn a_workflow_has_the_code_of_the_runtime() {
        assert_eq!(SHARED_CODE, divide::CODE);
        let code = code().expect("the runtime is built before the tests are");
        let engine = Engine::new(&Config { slots: 0 }).unwrap();
        let native = engine.precompile_shared(&code.module).unwrap();
        let sealed = seal(&[1; 32], engine.fingerprint(), code.id, None, &native);
        let shared = SharedCode::open(&engine, &[1; 32], code.id, &sealed).unwrap();
        let program = |text: &str| {
            let text = format!("import {{ serve }} from \"@dormouse/sdk\"; {text}");
            let bundle = dormouse_script::collect_text("workflow.ts", &text).unwrap();
            component(&engine, &shared, &bundle.encode()).unwrap()
        };
        let one = program("export const { POST } = serve(async () => 1);");
        let other = program(
            "const all = []; for (let n = 0; n < 1e5; n++) all.push(`${n}`); serve(async () => all);",
        );
        assert_ne!(one, other);
        for component in [one, other] {
            let divided = divide::divide(&component).unwrap();
            assert!(divided.code == code.module);
            assert!(divided.rest.len() < component.len());
            engine.precompile(&divided.rest).unwrap();
        }
    }
}
