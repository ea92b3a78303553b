//! Fits the limits to this machine: checks that everything they allow together fits into its memory.

use dormouse_limits::{
    BODY, Budget, COMPONENT, CONNECTIONS, Limit, Limits, MEMORY, MEMORY_BUDGET, Part, STORE_CACHE,
};

use super::connection::MOST_HELD;

/// The memory that the host itself needs, besides the cache of the store: code, threads, the writer's pages.
const OWN: u64 = 128 << 20;

/// The least memory for bodies, calls and guests together. With less, no workflow runs.
const LEAST: u64 = 64 << 20;

/// The part of the memory that connections may hold before a request is seen: an eighth.
const CONNECTIONS_PART: u64 = 8;

/// The reason why the limits do not fit this machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DoesNotFit {
    /// There is too little memory for the host itself.
    #[error(
        "this machine or cgroup has {available} bytes of memory; the host needs {needed}, of which `{STORE_CACHE}` is a \
         part"
    )]
    Host {
        /// The available memory.
        available: u64,
        /// The memory that the host needs.
        needed: u64,
    },
    /// A limit that was given is too large.
    #[error(
        "`{limit}` is {given}, and this machine or cgroup has memory for {most}: lower this setting, or other settings that take memory"
    )]
    Limit {
        /// The limit.
        limit: &'static Limit,
        /// The given value.
        given: String,
        /// The largest value that fits.
        most: String,
    },
    /// The budget is too small.
    #[error("`{MEMORY_BUDGET}` is {given}, and no workflow runs with less than {least}")]
    Budget {
        /// The given value.
        given: String,
        /// The smallest value that is allowed.
        least: String,
    },
}

/// Fits the limits to this much memory. A limit that was given and does not fit is refused. A default that does not fit
/// is made smaller, which is logged. If the memory is unknown, the machine is assumed to have enough.
pub(super) fn fit(limits: &mut Limits, available: Option<u64>) -> Result<(), DoesNotFit> {
    let Some(available) = available else {
        if limits.memory_budget == 0 {
            limits.memory_budget = u64::MAX;
        }
        return Ok(());
    };
    let needed = OWN.saturating_add(limits.store_cache);
    let left = available.saturating_sub(needed);
    if left < LEAST {
        return Err(DoesNotFit::Host {
            available,
            needed: needed.saturating_add(LEAST),
        });
    }
    let connections = available / CONNECTIONS_PART / MOST_HELD;
    let mut most = u64::from(limits.connections);
    shrink(CONNECTIONS, &mut most, connections.max(1))?;
    limits.connections = u32::try_from(most).unwrap_or(u32::MAX);
    // The memory of connections does not belong to the budget.
    let left = left.saturating_sub(most * MOST_HELD).max(LEAST);
    if limits.memory_budget == 0 {
        // The rest is for uncounted memory: small bodies, stacks, gaps of the allocator.
        limits.memory_budget = (left / 8 * 7).max(LEAST);
    }
    let budget = MEMORY_BUDGET;
    if limits.memory_budget < LEAST {
        return Err(DoesNotFit::Budget {
            given: budget.written(limits.memory_budget),
            least: budget.written(LEAST),
        });
    }
    shrink(budget, &mut limits.memory_budget, left)?;
    let budget = Budget::new(limits.memory_budget);
    let (guest, _) = budget.of_guest();
    shrink(MEMORY, &mut limits.memory, guest)?;
    let requests = budget.size(Part::Requests);
    shrink(COMPONENT, &mut limits.component, requests)?;
    shrink(BODY, &mut limits.body, requests)
}

/// Makes a default smaller, or refuses a value that was given.
fn shrink(limit: &'static Limit, value: &mut u64, most: u64) -> Result<(), DoesNotFit> {
    if *value <= most {
        return Ok(());
    }
    if *value != limit.default {
        return Err(DoesNotFit::Limit {
            limit,
            given: limit.written(*value),
            most: limit.written(most),
        });
    }
    tracing::warn!(
        limit = limit.name,
        default = limit.written(*value),
        "a limit is set to {}, since this machine or cgroup has too little memory for its default",
        limit.written(most)
    );
    *value = most;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn fitted(available: u64, change: impl FnOnce(&mut Limits)) -> Result<Limits, DoesNotFit> {
        let mut limits = Limits::default();
        change(&mut limits);
        fit(&mut limits, Some(available)).map(|()| limits)
    }

    #[test]
    fn on_a_large_machine_nothing_changes_but_the_budget() {
        let limits = fitted(24 * GIB, |_| {}).unwrap();
        assert!(limits.memory_budget > 16 * GIB && limits.memory_budget < 24 * GIB);
        let expected = Limits {
            memory_budget: limits.memory_budget,
            ..Limits::default()
        };
        assert_eq!(limits, expected);
    }

    #[test]
    fn all_that_is_allowed_at_once_fits() {
        for available in [256 << 20, 512 << 20, GIB, 2 * GIB, 64 * GIB] {
            let limits = fitted(available, |_| {}).unwrap();
            let connections = u64::from(limits.connections) * MOST_HELD;
            let all = OWN + limits.store_cache + connections + limits.memory_budget;
            assert!(all <= available, "{available}: {limits:?}");
            let budget = Budget::new(limits.memory_budget);
            assert!(limits.memory <= budget.of_guest().0);
            let requests = budget.size(Part::Requests);
            assert!(limits.body <= requests && limits.component <= requests);
        }
    }

    #[test]
    fn a_given_limit_that_does_not_fit_is_refused_by_name() {
        let refused = |change: fn(&mut Limits), name: &str| {
            let error = fitted(GIB, change).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}`")), "{error}");
        };
        refused(|limits| limits.memory_budget = 2 * GIB, "memory-budget");
        refused(|limits| limits.memory_budget = 1 << 20, "memory-budget");
        refused(|limits| limits.memory = GIB, "memory-limit");
        refused(|limits| limits.body = GIB, "body-limit");
        refused(|limits| limits.connections = 1 << 20, "connections-limit");
        refused(|limits| limits.store_cache = GIB, "store-cache");
    }

    #[test]
    fn a_machine_that_says_nothing_is_taken_to_have_enough() {
        let mut limits = Limits::default();
        fit(&mut limits, None).unwrap();
        assert_eq!(limits.memory_budget, u64::MAX);
    }
}
