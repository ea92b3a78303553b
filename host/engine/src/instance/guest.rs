//! The guest's side of an instance: its store, and the future that is the whole of its execution.

use std::sync::Arc;

use dormouse_journal::{Failure, GuestLimits, Payload};
use wasmtime::Store;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::sockets::WasiSocketsCtx;

use super::Returned;
use crate::bindings::WorkflowPre;
use crate::failure::Crash;
use crate::limits::{CALL_OVERHEAD, Limiter, SPARE_HANDLES};
use crate::shared::{Guest, Shared};

/// Instantiates the program and calls `run`. Resolves when `run` has returned, whatever tasks of the guest would go on.
pub(super) async fn execute(
    program: WorkflowPre<Guest>,
    shared: Arc<Shared>,
    limits: GuestLimits,
    input: Payload,
) -> Returned {
    let mut store = store(&program, shared.clone(), limits);
    let returned = call(&mut store, &program, input).await;
    // The store goes when this function ends, and with it the futures that the guest still waited in.
    shared.lock().closed = true;
    returned
}

async fn call(store: &mut Store<Guest>, program: &WorkflowPre<Guest>, input: Payload) -> Returned {
    let crash = |starting| move |error| Crash { error, starting };
    let workflow = program
        .instantiate_async(&mut *store)
        .await
        .map_err(crash(true))?;
    let result = store
        .run_concurrent(async |accessor| workflow.call_run(accessor, input.into()).await)
        .await
        .flatten()
        .map_err(crash(false))?;
    Ok(result.map(Payload::from).map_err(Failure::from))
}

fn store(program: &WorkflowPre<Guest>, shared: Arc<Shared>, limits: GuestLimits) -> Store<Guest> {
    let (value, outstanding) = {
        let allowance = &shared.lock().allowance;
        (allowance.value, allowance.outstanding)
    };
    let guest = Guest {
        limiter: Limiter::new(limits.memory, shared.memory.clone()),
        shared,
        table: ResourceTable::new(),
        files: WasiFilesystemCtx::default(),
        sockets: WasiSocketsCtx::default(),
    };
    let mut store = Store::new(program.engine(), guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(value.saturating_add(CALL_OVERHEAD));
    let outstanding = usize::try_from(outstanding).unwrap_or(usize::MAX);
    store.set_max_component_handles(outstanding.saturating_add(SPARE_HANDLES));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| store.data().shared.lock().on_tick());
    store
}
