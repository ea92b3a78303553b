//! The code that `wit-bindgen` generates from the contract in `wit/`: the imports as functions, and
//! the export.
//!
//! The rest of the crate wraps this code. It is not meant for authors of workflows.

#![expect(
    missing_docs,
    reason = "the macros' output reaches it, so it counts as public; its documentation is the WIT's"
)]

wit_bindgen::generate!({
    world: "workflow",
    path: "../../wit",
    additional_derives: [PartialEq],
    export_macro_name: "export_workflow",
    pub_export_macro: true,
});
