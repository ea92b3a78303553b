//! How wasmtime is set up. Everything here that compiled code can feel is part of the engine's fingerprint.

use wasmtime::{
    Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    WasmFeatures,
};

use crate::limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// Bytes of stack that Wasm code may use. A guest can feel it, so it is recorded with each run.
pub const WASM_STACK: usize = 1 << 20;

/// What the host's functions have on the same stack, below the guest. They start where the guest left off, so a guest
/// that uses its stack to the end must leave them this much; without it an overflow would take the whole process down.
const HOST_STACK: usize = 1 << 20;

/// What the pool holds for each slot. A guest that waits without async has one stack that it waits on and one on which
/// the outcome is handed to it. A Rust guest takes two tables and three core instances, a Python guest a few more; a
/// guest that takes many leaves fewer for the others, who then queue.
const STACKS_A_SLOT: u32 = 2;
const TABLES_A_SLOT: u32 = 4;
const CORE_INSTANCES_A_SLOT: u32 = 16;

/// Bytes of a table that are set to zero when its slot is free again, rather than given back to the system, which costs
/// two system calls and the faults of the next instance. It is the size of a small guest's table.
const TABLE_KEPT: usize = 8 << 10;

/// The settings of an [`Engine`](crate::Engine).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many instances can live at once, in memory reserved beforehand. With 0 nothing is reserved and each is
    /// allocated when it is made, which is what a process that only compiles wants.
    pub slots: u32,
}

/// The configuration that decides what code means. It is the same with and without a pool.
pub(crate) fn semantics() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(features(), true)
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

/// Takes instances from a pool of this many slots.
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

/// Which Wasm runs here: what gives the same result on every machine and needs no garbage collector. The check of
/// uploads takes exactly these, so that what it lets through can be compiled.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::GC_TYPES)
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::RELAXED_SIMD
        | WasmFeatures::COMPONENT_MODEL
        | WasmFeatures::CM_ASYNC
}
