//! The execution of a guest: its wasmtime store, and the future in which it runs from start to end.

use std::sync::Arc;

use dormouse_journal::{Failure, GuestLimits, Payload};
use wasmtime::Store;

use crate::bindings::WorkflowPre;
use crate::failure::Crash;
use crate::guest::Guest;
use crate::limits::{CALL_OVERHEAD, SPARE_HANDLES, size};
use crate::state::Shared;

/// How a guest ended: with the result of `run`, or by a crash.
pub(super) type Returned = Result<Result<Payload, Failure>, Crash>;

/// Instantiates the program and calls `run`. Resolves once `run` has returned, even if other tasks of the guest have
/// not ended.
pub(super) async fn execute(
    program: WorkflowPre<Guest>,
    shared: Arc<Shared>,
    limits: GuestLimits,
    input: Payload,
) -> Returned {
    let reserved = shared.lock().reserve_held();
    if let Err(stop) = reserved {
        return Err(Crash {
            error: stop.into(),
            starting: true,
        });
    }
    let mut store = store(&program, shared.clone(), limits);
    let returned = call(&mut store, &program, input).await;
    // The store is dropped when this function ends, and with it the futures in which the guest still waited.
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
    let (value, outstanding, granted) = {
        let mut state = shared.lock();
        let granted = state.take_memory();
        let host_limits = &state.host_limits;
        (size(host_limits.body), host_limits.outstanding, granted)
    };
    let mut store = Store::new(program.engine(), Guest::new(shared, limits.memory, granted));
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(value.saturating_add(CALL_OVERHEAD));
    let outstanding = usize::try_from(outstanding).unwrap_or(usize::MAX);
    store.set_max_component_handles(outstanding.saturating_add(SPARE_HANDLES));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| store.data().shared.lock().on_tick());
    store
}
