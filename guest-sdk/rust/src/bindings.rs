//! What `wit-bindgen` makes of the contract in `wit/`: the imports as functions, and the export.
//!
//! The rest of the crate wraps these; nothing here is meant for a workflow's author.

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
