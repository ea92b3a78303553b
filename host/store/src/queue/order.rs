//! Another order of commits than that of the queue, for backends that have one.
//!
//! Writes of one run are never reordered, and a write that may concern any run is a barrier: it comes after all that came
//! before it, and before all that came after. So a run that waits for such a write knows that what was decided for it
//! before is durable or has failed.

use std::collections::BTreeSet;

use super::fair::{Fair, Room};
use super::group::Job;

/// Chooses the next of so many writes that may go next.
pub trait Order: Send {
    /// Returns which one goes next, below `free`. None if no more of them go into this group.
    fn next(&mut self, free: usize) -> Option<usize>;
}

/// Takes the next group, as many writes as it has room for and at least one.
pub(super) fn take(jobs: &mut Fair, room: &mut Room, order: &mut dyn Order) -> Vec<Box<dyn Job>> {
    let mut group = Vec::new();
    loop {
        let free = free(jobs);
        let chosen = match order.next(free.len().max(1)) {
            Some(chosen) => free.get(chosen).copied(),
            None if group.is_empty() => free.first().copied(),
            None => break,
        };
        let Some((place, cost)) = chosen else { break };
        if !room.take(cost) {
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
