//! Another order of commits than that in which the writes came, for backends that have one.
//!
//! Writes of one run are never reordered, and a write that may concern any run is a barrier: it comes after all that came
//! before it, and before all that came after. So a run that waits for such a write knows that what was decided for it
//! before is durable or has failed.

use std::collections::{BTreeSet, VecDeque};

use super::group::Job;

/// Chooses the next of so many writes that may go next.
pub trait Order: Send {
    /// Returns which one goes next, below `free`. None if no more of them go into this group.
    fn next(&mut self, free: usize) -> Option<usize>;
}

/// Takes the next group, at most so many writes and at least one.
pub(super) fn take(
    jobs: &mut VecDeque<Box<dyn Job>>,
    most: usize,
    order: &mut dyn Order,
) -> Vec<Box<dyn Job>> {
    let mut group = Vec::new();
    while group.len() < most {
        let free = free(jobs);
        if free.is_empty() {
            break;
        }
        let chosen = match order.next(free.len()) {
            Some(chosen) => free.get(chosen).copied(),
            None if group.is_empty() => free.first().copied(),
            None => break,
        };
        match chosen.and_then(|at| jobs.remove(at)) {
            Some(job) => group.push(job),
            None => break,
        }
    }
    group
}

/// Returns the places of the writes that may go next.
fn free(jobs: &VecDeque<Box<dyn Job>>) -> Vec<usize> {
    let mut free = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, job) in jobs.iter().enumerate() {
        match job.run() {
            Some(run) if seen.insert(run) => free.push(at),
            Some(_) => {}
            None => {
                if at == 0 {
                    free.push(at);
                }
                break;
            }
        }
    }
    free
}
