//! Which Wasm a component may use.

use wasmparser::WasmFeatures;

/// The features of Wasm that a component may use. The engine enables these, and
/// several memories for code of its own.
///
/// Everything here gives the same result on every machine. Left out are what does not (threads), what asks for a
/// garbage collector or another stack (GC, exceptions, stack switching, typed function references, `externref`), and
/// what no toolchain needs to make a workflow (several memories, 64-bit memories, and the parts of the component
/// model's async that are still being settled). A feature can be added later and never taken away, since runs stay on
/// their component for a year.
pub fn features() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::GC_TYPES)
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_ASYNC
}
