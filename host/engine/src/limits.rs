//! What a guest may use: memory, tables, operations, sizes.
//!
//! Past a limit the run fails, and says which limit it was and which setting raises it. A limit is judged when
//! something new is made, never in replay: what was allowed once stays allowed, whatever the settings are by then.
//! Memory is the exception, since a guest can feel it; its limit is recorded with the run.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::failure::Stop;

/// Core instances of one component. A Python guest has about twenty.
pub(crate) const CORE_INSTANCES: u32 = 128;

/// Linear memories of one component. Most have one; a composed component has one for each part.
pub(crate) const MEMORIES: u32 = 8;

/// Tables of one component.
pub(crate) const TABLES: u32 = 32;

/// Elements of one table. CPython, whose every C function is one, has about ten thousand.
pub(crate) const TABLE_ELEMENTS: usize = 65_536;

/// Handles of the component model that a guest may hold beyond its outstanding operations: WASI streams, pollables.
pub(crate) const SPARE_HANDLES: usize = 10_000;

/// What a guest may pass in one call beyond a value: headers, names.
pub(crate) const CALL_OVERHEAD: usize = 1 << 20;

/// How many values of the largest size an activation may hand to the host before it waits. They are all in memory until
/// the activation is committed.
pub(crate) const VALUES: usize = 4;

/// Random bytes in one call, as the contract says.
pub(crate) const RANDOM_BYTES: usize = 65_536;

/// What a run is allowed. All runs of a host share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// CPU time of one activation.
    pub cpu: Duration,
    /// Operations of a run.
    pub operations: u32,
    /// Operations that have not completed.
    pub outstanding: u32,
    /// Webhooks of a run.
    pub webhooks: u32,
    /// Bytes of a step name, and of an event's name.
    pub step_name: usize,
    /// Bytes of a body: of a request sent, an event, a step's outcome, the run's result.
    pub value: usize,
    /// Bytes of a run's log, all of it. What goes beyond is dropped, and does no harm.
    pub log: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Allowance {
            cpu: Duration::from_secs(5),
            operations: 250_000,
            outstanding: 10_000,
            webhooks: 10_000,
            step_name: 256,
            value: 16 << 20,
            log: 1 << 20,
        }
    }
}

/// The setting that a limit comes from, as failures name it. The host's command line and its file use these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Of [`Allowance::cpu`].
    Cpu,
    /// Of [`GuestLimits::memory`](dormouse_journal::GuestLimits::memory).
    Memory,
    /// Of [`Allowance::operations`].
    Operations,
    /// Of [`Allowance::outstanding`].
    Outstanding,
    /// Of [`Allowance::webhooks`].
    Webhooks,
    /// Of [`Allowance::step_name`].
    StepName,
    /// Of [`Allowance::value`].
    Value,
    /// Of [`Allowance::log`].
    Log,
}

impl Setting {
    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Setting::Cpu => "cpu-limit",
            Setting::Memory => "memory-limit",
            Setting::Operations => "operations-limit",
            Setting::Outstanding => "outstanding-limit",
            Setting::Webhooks => "webhooks-limit",
            Setting::StepName => "step-name-limit",
            Setting::Value => "body-limit",
            Setting::Log => "log-limit",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Stops a guest whose name or value is longer than allowed.
pub(crate) fn bytes(what: &str, size: usize, limit: usize, setting: Setting) -> Result<(), Stop> {
    if size <= limit {
        return Ok(());
    }
    Err(Stop::Limit(format!(
        "{what} has {size} bytes, and the limit is {limit}; make it shorter, or raise the host's setting `{setting}`"
    )))
}

/// Stops a guest that already has as many as it may.
pub(crate) fn count(what: &str, have: usize, limit: u32, setting: Setting) -> Result<(), Stop> {
    if have < usize::try_from(limit).unwrap_or(usize::MAX) {
        return Ok(());
    }
    Err(Stop::Limit(format!(
        "the run has {have} {what}, and the limit is {limit}; make fewer, or raise the host's setting `{setting}`"
    )))
}

/// What wasmtime allocates for each element of a table: the element, and the function that it refers to. Measured with
/// CPython at 104 bytes.
const EACH_ELEMENT: usize = 104;

/// The sizes of a guest's memories and tables, for whoever accounts for warm instances.
#[derive(Default)]
pub(crate) struct MemoryUse {
    /// With which the memories were made. All instances of a program have that in common until they write to it.
    made: AtomicUsize,
    /// What was added to them since.
    grown: AtomicUsize,
    /// Of all tables.
    elements: AtomicUsize,
}

impl MemoryUse {
    /// About how many bytes are the guest's own. What was added is, since a guest asks for memory to use it. Of what was
    /// there from the start it is a part: a suspended CPython has written to a tenth, a Rust guest to a fiftieth.
    pub(crate) fn own(&self) -> usize {
        self.grown.load(Ordering::Relaxed)
            + self.made.load(Ordering::Relaxed) / 10
            + self.elements.load(Ordering::Relaxed) * EACH_ELEMENT
    }
}

/// Bounds what wasmtime allocates for one guest. It sums the memories: a limit for each would be no limit.
pub(crate) struct Limiter {
    limit: usize,
    total: usize,
    used: Arc<MemoryUse>,
}

impl Limiter {
    pub(crate) fn new(memory: u64, used: Arc<MemoryUse>) -> Self {
        Limiter {
            limit: usize::try_from(memory).unwrap_or(usize::MAX),
            total: 0,
            used,
        }
    }

    fn out_of_memory(&self) -> Stop {
        Stop::Memory(format!(
            "the workflow needs more than the {} bytes of memory that this run may have; use less, or raise the host's \
             setting `{}` and start a new run",
            self.limit,
            Setting::Memory
        ))
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let total = self.total.saturating_add(growth);
        if total > self.limit {
            return Err(self.out_of_memory().into());
        }
        // What the module itself declares as the most is an answer that it can expect.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.total = total;
        let place = match current {
            0 => &self.used.made,
            _ => &self.used.grown,
        };
        place.fetch_add(growth, Ordering::Relaxed);
        Ok(true)
    }

    /// Growth that was granted and then failed is the machine's doing. The guest must not see it as the -1 that it
    /// could react to: the next machine may have the memory.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Host(format!("the machine has no memory for a guest: {error:#}")).into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS {
            return Err(Stop::Limit(format!(
                "a table was to have {desired} elements, and this host gives it {TABLE_ELEMENTS} at most"
            ))
            .into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        self.used.elements.fetch_add(growth, Ordering::Relaxed);
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        TABLES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    fn limiter(pages: u64) -> Limiter {
        Limiter::new(pages * PAGE as u64, Arc::default())
    }

    #[test]
    fn memories_and_tables_are_summed() {
        let mut limiter = limiter(3);
        assert!(limiter.memory_growing(0, PAGE, None).unwrap());
        assert!(limiter.memory_growing(0, PAGE, None).unwrap());
        assert!(limiter.memory_growing(PAGE, 2 * PAGE, None).unwrap());
        let error = limiter.memory_growing(PAGE, 2 * PAGE, None).unwrap_err();
        assert!(
            matches!(error.downcast_ref(), Some(Stop::Memory(_))),
            "{error}"
        );
        assert_eq!(limiter.used.own(), PAGE + 2 * PAGE / 10);
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(limiter.table_growing(10, 30, None).unwrap());
        let tables = 30 * EACH_ELEMENT;
        assert_eq!(limiter.used.own(), PAGE + 2 * PAGE / 10 + tables);
    }

    #[test]
    fn what_the_module_declares_as_the_most_is_no_trap() {
        let mut limiter = limiter(9);
        assert!(
            !limiter
                .memory_growing(PAGE, 3 * PAGE, Some(2 * PAGE))
                .unwrap()
        );
        assert!(!limiter.table_growing(1, 3, Some(2)).unwrap());
    }

    /// The guest must not be able to react to what the machine could not do.
    #[test]
    fn growth_that_the_machine_refuses_is_the_hosts_trouble() {
        let error = wasmtime::Error::msg("out of address space");
        let error = limiter(9).memory_grow_failed(error).unwrap_err();
        assert!(
            matches!(error.downcast_ref(), Some(Stop::Host(_))),
            "{error}"
        );
    }
}
