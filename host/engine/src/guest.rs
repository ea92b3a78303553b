//! The data of a guest's wasmtime store, which the functions that the guest calls get as `self`.

use std::sync::Arc;

use dormouse_limits::Grant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::sockets::WasiSocketsCtx;

use crate::memory::Limiter;
use crate::state::Shared;

/// The data of a guest's wasmtime store.
pub(crate) struct Guest {
    pub shared: Arc<Shared>,
    pub limiter: Limiter,
    /// The streams and pollables of WASI that the guest holds.
    pub table: ResourceTable,
    /// WASI's view of the file system, which has no folders.
    pub files: WasiFilesystemCtx,
    /// WASI's view of the network, which permits nothing.
    pub sockets: WasiSocketsCtx,
}

impl Guest {
    /// Creates the store's data for a new guest that may use this much memory. `granted` is the part that the
    /// host has already granted.
    pub(crate) fn new(shared: Arc<Shared>, memory: u64, granted: Grant) -> Self {
        Guest {
            limiter: Limiter::new(memory, shared.memory.clone(), granted),
            shared,
            table: ResourceTable::new(),
            files: WasiFilesystemCtx::default(),
            sockets: WasiSocketsCtx::default(),
        }
    }
}
