//! Limits the memory of one guest, and counts what it uses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dormouse_limits::Grant;
use wasmtime::ResourceLimiter;

use crate::limits::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};
use crate::stop::Stop;

/// The number of bytes that wasmtime allocates for each element of a table: the element, and the function that it
/// refers to. Measured with CPython.
const EACH_ELEMENT: usize = 104;

/// The sizes of a guest's memories and tables. They decide how many instances can be kept warm.
#[derive(Default)]
pub(crate) struct MemoryUse {
    /// The size in bytes with which the memories were made. All instances of a program share these pages until they
    /// write to them.
    made: AtomicUsize,
    /// The number of bytes that were added to the memories since.
    grown: AtomicUsize,
    /// The number of elements of all tables together.
    elements: AtomicUsize,
}

impl MemoryUse {
    /// Returns approximately how many bytes this guest does not share with others. All added memory counts, because a
    /// guest asks for memory in order to use it. A tenth of the initial memory counts: a suspended CPython has written
    /// to that much of it, a Rust guest to a fiftieth.
    pub(crate) fn own(&self) -> usize {
        self.grown.load(Ordering::Relaxed)
            + self.made.load(Ordering::Relaxed) / 10
            + self.elements.load(Ordering::Relaxed) * EACH_ELEMENT
    }
}

/// Limits what wasmtime allocates for one guest. The limit is for all memories together, because a guest may have
/// several.
pub(crate) struct Limiter {
    limit: usize,
    total: usize,
    used: Arc<MemoryUse>,
    /// The memory that the host has granted for memories and tables. It is returned when the instance is dropped.
    granted: Grant,
    /// The size of all tables in bytes.
    tables: usize,
}

impl Limiter {
    pub(crate) fn new(memory: u64, used: Arc<MemoryUse>, granted: Grant) -> Self {
        Limiter {
            limit: usize::try_from(memory).unwrap_or(usize::MAX),
            total: 0,
            used,
            granted,
            tables: 0,
        }
    }

    /// Asks the host for this much memory for memories and tables. If there is none, the guest is stopped: it could
    /// react to a refusal, and the next time there may be enough memory.
    fn reserve(&mut self, memories: usize, tables: usize) -> Result<(), Stop> {
        let bytes = memories.saturating_add(tables) as u64;
        self.granted
            .reach(bytes)
            .then_some(())
            .ok_or(Stop::NoMemory)
    }

    fn out_of_memory(&self) -> Stop {
        Stop::Memory(format!(
            "the workflow needs more than the {} bytes of memory that this run may have; use less, or raise the host's \
             setting `{}` and start a new run",
            self.limit,
            dormouse_limits::MEMORY
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
        // A module that declares a maximum expects that growth beyond it is refused.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.reserve(total, self.tables)?;
        self.total = total;
        let place = match current {
            0 => &self.used.made,
            _ => &self.used.grown,
        };
        place.fetch_add(growth, Ordering::Relaxed);
        Ok(true)
    }

    /// Stops the guest if growth was granted and then failed because of the machine. The guest must not see the -1, to
    /// which it could react, because the next machine may have the memory.
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
                "a table of the workflow needs {desired} elements, and the limit is {TABLE_ELEMENTS}"
            ))
            .into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        let tables = self
            .tables
            .saturating_add(growth.saturating_mul(EACH_ELEMENT));
        self.reserve(self.total, tables)?;
        self.tables = tables;
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
    use dormouse_limits::{Budget, Part};

    use super::*;

    const PAGE: usize = 64 << 10;

    fn limiter(pages: u64) -> Limiter {
        let granted = Budget::default().begin(Part::Guests);
        Limiter::new(pages * PAGE as u64, Arc::default(), granted)
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
    fn reaching_the_declared_maximum_is_not_a_trap() {
        let mut limiter = limiter(9);
        assert!(
            !limiter
                .memory_growing(PAGE, 3 * PAGE, Some(2 * PAGE))
                .unwrap()
        );
        assert!(!limiter.table_growing(1, 3, Some(2)).unwrap());
    }

    /// A guest that exceeds the host's budget is stopped and executed again later, whatever maximum it declares.
    #[test]
    fn growth_that_the_budget_refuses_is_the_hosts_trouble() {
        let budget = Budget::new(6 * PAGE as u64);
        let mut limiter =
            Limiter::new(99 * PAGE as u64, Arc::default(), budget.begin(Part::Guests));
        assert!(limiter.memory_growing(0, 3 * PAGE, None).unwrap());
        assert!(limiter.table_growing(0, 600, None).unwrap());
        let errors = [
            limiter
                .memory_growing(3 * PAGE, 4 * PAGE, None)
                .unwrap_err(),
            limiter.table_growing(600, 1_300, None).unwrap_err(),
        ];
        for error in errors {
            assert!(
                matches!(error.downcast_ref(), Some(Stop::NoMemory)),
                "{error}"
            );
        }
        let granted = 3 * PAGE + 600 * EACH_ELEMENT;
        assert_eq!(budget.taken(Part::Guests), granted as u64);
        drop(limiter);
        assert_eq!(budget.taken(Part::Guests), 0);
    }

    /// A guest that could react to a failure of the machine would behave differently on another machine.
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
