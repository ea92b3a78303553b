//! What `wit/` means in Rust, written by the macro. The traits are implemented in the files named after the interfaces.

#![allow(
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated: the contract documents it, and the macro answers for its one unchecked cast"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "workflow",
    imports: { default: trappable },
});
