//! The configuration of wasmtime. Every setting on which compiled code depends is part of the engine's fingerprint.

use wasmtime::{
    Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    WasmFeatures,
};

use crate::limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// The size of the stack for Wasm code, in bytes. A guest can notice the limit, so it is recorded with each run.
pub const WASM_STACK: usize = 1 << 20;

/// The size of the part of the same stack that is left for the host's functions, in bytes. They begin where the guest
/// is, so they need this much beyond the guest's part. If they overflowed the stack, the whole process would end.
const HOST_STACK: usize = 1 << 20;

/// What the pool has for each slot. A guest that waits without async has one stack on which it waits and another on
/// which it gets the outcome. A Rust guest has two tables and three core instances, and a Python guest a few more. A
/// guest with many leaves fewer for the others, which then wait in a queue.
const STACKS_A_SLOT: u32 = 2;
const TABLES_A_SLOT: u32 = 4;
const CORE_INSTANCES_A_SLOT: u32 = 16;

/// The number of bytes of a table that are set to zero when its slot becomes free. The rest is returned to the system,
/// which costs two system calls, and page faults in the next instance. This is the size of a small guest's table.
const TABLE_KEPT: usize = 8 << 10;

/// The settings of an [`Engine`](crate::Engine).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The largest number of instances at a time, for which address space is reserved in advance. With 0, nothing is
    /// reserved and each instance is allocated when it is made: the right choice for a process that only compiles.
    pub slots: u32,
}

/// Returns the configuration that decides how code behaves. It is the same with and without a pool.
pub(crate) fn semantics() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(features() | ADAPTERS, true)
        .concurrency_support(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(WASM_STACK + HOST_STACK)
        // Two executions of one journal must not differ.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        // Adds file and line to the backtrace of a failure, if the component has them.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// Returns a configuration whose instances come from a pool of this many slots.
pub(crate) fn with_pool(mut config: wasmtime::Config, slots: u32) -> wasmtime::Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES_A_SLOT))
        .total_memories(slots)
        .total_tables(slots.saturating_mul(TABLES_A_SLOT))
        .total_stacks(slots.saturating_mul(STACKS_A_SLOT))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(TABLE_ELEMENTS)
        .table_keep_resident(TABLE_KEPT)
        // If this were on, a page of a freed memory that was swapped out would be passed on unchanged
        // (bytecodealliance/wasmtime#14357), although it would save a tenth of a short run's processor time.
        .pagemap_scan(Enabled::No);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// The features that the engine's own code needs for a component that is made of components: a module with both
/// memories copies a string from one to the other. Uploads may not use these features.
const ADAPTERS: WasmFeatures = WasmFeatures::MULTI_MEMORY;

/// Returns the features of Wasm that run here: those that have the same results on every machine and need no garbage
/// collector. The check of uploads accepts exactly these, so that what it accepts can be compiled.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::GC_TYPES)
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_ASYNC
}
