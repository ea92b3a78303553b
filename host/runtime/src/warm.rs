//! Warm instances: the instances of waiting runs, which are kept in memory.
//!
//! Warm instances are a cache. If one must be dropped, it is taken from the workflow whose instances use most memory: the one
//! that was not used for longest. So no workflow loses an instance to a workflow that has more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use dormouse_journal::RunId;

/// A run keeps its instance only if the instance uses at most the memory for all warm instances divided by this number.
const PART: u64 = 4;

/// The warm instances.
pub(crate) struct Warm<L> {
    limit: u64,
    bytes: u64,
    runs: HashMap<RunId, WarmInstance<L>>,
    workflows: HashMap<Arc<str>, Workflow>,
    uses: u64,
}

struct WarmInstance<L> {
    live: L,
    workflow: Arc<str>,
    bytes: u64,
    last_use: u64,
}

#[derive(Default)]
struct Workflow {
    bytes: u64,
    /// The workflow's runs, by the time at which they were last used.
    by_use: BTreeMap<u64, RunId>,
}

impl<L> Warm<L> {
    /// Creates a cache of at most this many bytes.
    pub(crate) fn new(limit: u64) -> Self {
        Warm {
            limit,
            bytes: 0,
            runs: HashMap::new(),
            workflows: HashMap::new(),
            uses: 0,
        }
    }

    /// Returns the number of warm instances.
    pub(crate) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Returns the workflow of a run, if the run has a warm instance.
    pub(crate) fn workflow(&self, run: RunId) -> Option<Arc<str>> {
        self.runs.get(&run).map(|kept| kept.workflow.clone())
    }

    /// Keeps the instance of a run, which uses this many bytes. Returns the instances to drop for it, which may include this one.
    pub(crate) fn keep(&mut self, run: RunId, workflow: Arc<str>, live: L, bytes: u64) -> Vec<L> {
        if bytes > self.limit / PART {
            return vec![live];
        }
        self.uses += 1;
        let last_use = self.uses;
        let own = self.workflows.entry(workflow.clone()).or_default();
        own.bytes += bytes;
        own.by_use.insert(last_use, run);
        self.bytes += bytes;
        let kept = WarmInstance {
            live,
            workflow,
            bytes,
            last_use,
        };
        self.runs.insert(run, kept);
        let mut evicted = Vec::new();
        while self.bytes > self.limit {
            match self.evict() {
                Some(live) => evicted.push(live),
                None => break,
            }
        }
        evicted
    }

    /// Removes and returns the instance of a run.
    pub(crate) fn take(&mut self, run: RunId) -> Option<L> {
        let kept = self.runs.remove(&run)?;
        self.bytes = self.bytes.saturating_sub(kept.bytes);
        if let Some(own) = self.workflows.get_mut(&kept.workflow) {
            own.bytes = own.bytes.saturating_sub(kept.bytes);
            own.by_use.remove(&kept.last_use);
            if own.by_use.is_empty() {
                self.workflows.remove(&kept.workflow);
            }
        }
        Some(kept.live)
    }

    /// Removes and returns all instances of a workflow, or all instances.
    pub(crate) fn take_of(&mut self, workflow: Option<&str>) -> Vec<L> {
        let Some(workflow) = workflow else {
            return std::iter::from_fn(|| self.evict()).collect();
        };
        let own = self.workflows.get(workflow).into_iter();
        let runs: Vec<RunId> = own.flat_map(|own| own.by_use.values().copied()).collect();
        runs.into_iter().filter_map(|run| self.take(run)).collect()
    }

    /// Removes and returns the instance that is dropped first.
    pub(crate) fn evict(&mut self) -> Option<L> {
        // If several workflows use the same memory, the one with the oldest use is taken, so that a test sees the same
        // each time.
        let most = self.workflows.values().max_by_key(|own| {
            let oldest = own.by_use.first_key_value().map(|(used, _)| *used);
            (own.bytes, std::cmp::Reverse(oldest))
        })?;
        let run = *most.by_use.first_key_value()?.1;
        self.take(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [u8; 0] = [];

    fn run(number: u8) -> RunId {
        RunId([number; 16])
    }

    #[test]
    fn the_one_unused_longest_goes_of_the_workflow_that_has_most() {
        let mut warm = Warm::new(100);
        assert_eq!(warm.keep(run(1), "small".into(), 1, 10), NONE);
        for number in 2..6 {
            assert_eq!(warm.keep(run(number), "large".into(), number, 20), NONE);
        }
        assert_eq!(warm.keep(run(6), "large".into(), 6, 20), [2]);
        assert_eq!(warm.take(run(3)), Some(3));
        assert_eq!(warm.keep(run(7), "small".into(), 7, 20), NONE);
        assert_eq!(warm.keep(run(8), "small".into(), 8, 20), [4]);
        assert_eq!(warm.len(), 5);
    }

    #[test]
    fn a_run_alone_keeps_no_more_than_its_part() {
        let mut warm = Warm::new(100);
        assert_eq!(warm.keep(run(1), "a".into(), 1, 26), [1]);
        assert_eq!(warm.keep(run(2), "a".into(), 2, 25), NONE);
        assert_eq!(warm.evict(), Some(2));
        assert_eq!(
            (warm.bytes, warm.workflows.len(), warm.evict()),
            (0, 0, None)
        );
    }
}
