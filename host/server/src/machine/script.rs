//! Workflows in JavaScript, in the child process that compiles.

/// The JavaScript runtime, as it was built with this program; empty if it was not.
const RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/js-runtime.wasm"));

/// Makes a component of a workflow: a bundle, or the text of one file.
///
/// # Errors
/// When it is no workflow, with what its author reads.
pub(crate) fn component(upload: &[u8]) -> Result<Vec<u8>, String> {
    if RUNTIME.is_empty() {
        return Err(
            "this host was built without JavaScript; build it with `cargo xtask build`".into(),
        );
    }
    let bundled;
    let bundle = match dormouse_script::uploaded_text(upload) {
        None => upload,
        Some(text) => {
            let bundle = dormouse_script::collect_text("workflow.ts", &text);
            bundled = bundle.map_err(|error| error.to_string())?.encode();
            &bundled
        }
    };
    let script = dormouse_engine::take_in(RUNTIME, bundle).map_err(|error| error.to_string())?;
    let prepared =
        dormouse_component::prepare(&script.module).map_err(|error| error.to_string())?;
    Ok(prepared.component)
}
