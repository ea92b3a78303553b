//! How wasmtime is set up. Every setting that compiled code depends on is part of the engine's fingerprint.

use wasmtime::{
    Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    WasmFeatures,
};

use crate::limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// How many bytes of stack Wasm code may use. A guest can notice the limit, so it is recorded with each run.
pub const WASM_STACK: usize = 1 << 20;

/// How many bytes of the same stack are left for the host's functions. They start where the guest is, so they need this
/// much beyond the guest's part: if they overflowed the stack, the whole process would end.
const HOST_STACK: usize = 1 << 20;

/// What the pool holds for each slot. A guest that waits without async has one stack on which it waits and one on which
/// it is given the outcome. A Rust guest has two tables and three core instances, a Python guest a few more. A guest
/// that has many leaves fewer for the others, which then queue.
const STACKS_A_SLOT: u32 = 2;
const TABLES_A_SLOT: u32 = 4;
const CORE_INSTANCES_A_SLOT: u32 = 16;

/// How many bytes of a table are set to zero when its slot is free again. The rest is given back to the system, which
/// costs two system calls and page faults in the next instance. This is the size of a small guest's table.
const TABLE_KEPT: usize = 8 << 10;

/// The settings of an [`Engine`](crate::Engine).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many instances can exist at once, in address space that is reserved beforehand. With 0 nothing is reserved,
    /// and each instance is allocated when it is made: the right choice for a process that only compiles.
    pub slots: u32,
}

/// Returns the configuration that decides what code means. It is the same with and without a pool.
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
        // File and line in a failure's backtrace, where the component carries them.
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
        // A page of a freed memory that was swapped out would be passed on as it is
        // (bytecodealliance/wasmtime#14357), though this would save a tenth of a short run's processor time.
        .pagemap_scan(Enabled::No);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// What the engine's own code needs where a component is made of components: a string goes from the memory of one to that
/// of the other, in a module that has both. Uploads may not use it.
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
