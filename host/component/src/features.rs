//! The features of Wasm that a component may use.

use wasmparser::WasmFeatures;

/// Returns the features of Wasm that a component may use. The engine enables these, and several memories for code of
/// its own.
///
/// The features give the same results on every machine. Three kinds of features are left out: threads, whose results
/// differ; features that need a garbage collector or another stack (GC, exceptions, stack switching, typed function
/// references, `externref`); and features that no toolchain needs to make a workflow (several memories, 64-bit memories,
/// and the parts of the component model's async that are not final). A feature can be added later but never removed,
/// since a run may stay on its component for a year.
pub fn features() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::GC_TYPES)
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_ASYNC
}
