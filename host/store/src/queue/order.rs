//! Orders of commits other than that of the queue, for backends that use one.
//!
//! Writes of one run are never reordered. A write that may concern any run is a barrier: it comes after everything that
//! arrived before it, and before everything that arrived later. So a run that waits for such a write knows that
//! everything decided for it before is durable or has failed.

use std::collections::BTreeSet;

use super::fair::{Fair, GroupCapacity};
use super::group::Job;

/// Chooses the next write among those that may go next.
pub trait Order: Send {
    /// Returns the index of the next write, which is below `free`. None if no further write goes into this group.
    fn next(&mut self, free: usize) -> Option<usize>;
}

/// Takes the next group: at least one write, and as many as fit into it.
pub(super) fn take(
    jobs: &mut Fair,
    capacity: &mut GroupCapacity,
    order: &mut dyn Order,
) -> Vec<Box<dyn Job>> {
    let mut group = Vec::new();
    loop {
        let free = free(jobs);
        let chosen = match order.next(free.len().max(1)) {
            Some(chosen) => free.get(chosen).copied(),
            None if group.is_empty() => free.first().copied(),
            None => break,
        };
        let Some((place, cost)) = chosen else { break };
        if !capacity.take(cost) {
            break;
        }
        group.extend(jobs.remove(place));
    }
    group
}

/// Returns the places and costs of the writes that may go next.
fn free(jobs: &Fair) -> Vec<((u64, u64), crate::rows::Extent)> {
    let mut free = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, (place, job)) in jobs.by_arrival().into_iter().enumerate() {
        match job.run() {
            Some(run) if seen.insert(run) => free.push((place, job.cost())),
            Some(_) => {}
            None => {
                if at == 0 {
                    free.push((place, job.cost()));
                }
                break;
            }
        }
    }
    free
}
