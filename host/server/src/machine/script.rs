//! Workflows in JavaScript. They are evaluated in the JavaScript runtime, in the child process that compiles.

use std::sync::OnceLock;

use bytes::Bytes;
use dormouse_component::divide::{DividedModule, State, divide_module, with_state};
use dormouse_engine::{Engine, SharedCode};
use dormouse_journal::VersionId;
use dormouse_runtime::{BuiltComponent, ScriptCode, ScriptFacts};
use serde::Deserialize;

/// The JavaScript runtime that was built with this program. Empty if there was none.
const RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/js-runtime.wasm"));

/// The error if this program was built without the runtime.
pub(crate) const MISSING: &str =
    "this program was built without JavaScript; build it with `cargo xtask build`";

/// The parts of the runtime.
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

/// The runtime's report about a workflow.
#[derive(Debug, Default, Deserialize)]
struct RuntimeReport {
    workflows: Vec<String>,
    failures: Vec<String>,
    notes: Vec<String>,
}

/// Reads the runtime's report. It is empty if the workflow must be evaluated when a run starts, and the evaluation at
/// deployment did not get far enough.
pub(crate) fn facts(report: &str) -> ScriptFacts {
    let RuntimeReport {
        workflows,
        failures,
        notes,
    } = serde_json::from_str(report).unwrap_or_default();
    ScriptFacts {
        workflows,
        failures,
        notes,
    }
}

/// Makes a component from a workflow, which is a bundle or the text of one file.
///
/// # Errors
/// When it is not a workflow. The message is for its author.
pub(crate) fn component(
    engine: &Engine,
    code: &SharedCode,
    upload: &[u8],
) -> Result<BuiltScript, String> {
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
    Ok(BuiltScript {
        component: prepared.component,
        report: evaluated.report,
    })
}

/// A component that was made from a workflow, and the runtime's report about it.
#[derive(Debug)]
pub(crate) struct BuiltScript {
    pub(crate) component: Vec<u8>,
    pub(crate) report: String,
}

/// The number of bytes that encode the length of a part.
const LENGTH: usize = 8;

impl BuiltScript {
    /// Encodes it for another process: the length of the report, the report, and the component.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = (self.report.len() as u64).to_le_bytes();
        [&length, self.report.as_bytes(), &self.component].concat()
    }
}

/// Decodes what [`BuiltScript::encode`] has written.
pub(crate) fn built_component(bytes: &[u8]) -> Option<BuiltComponent> {
    let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (report, component) = rest.split_at_checked(length)?;
    Some(BuiltComponent {
        component: component.to_vec(),
        facts: facts(std::str::from_utf8(report).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use dormouse_component::divide;
    use dormouse_engine::{Config, SHARED_CODE, seal};

    use super::*;

    /// Tests that the code that is compiled once is, to the last byte, the code of every workflow.
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
            component(&engine, &shared, &bundle.encode())
                .unwrap()
                .component
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
