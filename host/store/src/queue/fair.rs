//! The queue of writes, and its order: each lane (a run, for example) gets its turn, however many writes another lane has
//! queued.
//!
//! A write gets the number of a turn when it arrives. If its lane has nothing else in the queue, it is the turn that is being
//! served now. Otherwise it is later than the lane's last write by what that write costs. Writes are taken in the order of
//! their turns, and of their arrival within a turn. So a write whose lane has nothing else queued waits for at most one turn of
//! every other lane, and writes of one lane keep their order.

use std::collections::BTreeMap;

use super::group::Job;
use crate::rows::Extent;
use crate::rules::Lane;

/// The number of rows that cost one more turn.
const ROWS: u64 = 32;

/// The number of bytes that cost one more turn.
const BYTES: u64 = 128 << 10;

/// The place of a write: its turn, and the number of its arrival.
type Place = (u64, u64);

/// Writes that wait.
#[derive(Default)]
pub(super) struct Fair {
    jobs: BTreeMap<Place, Box<dyn Job>>,
    /// The turn of the next write, for each lane that has had a write lately.
    next: BTreeMap<Lane, u64>,
    /// The turn that is being served.
    turn: u64,
    arrivals: u64,
}

impl Fair {
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Adds a write.
    pub(super) fn push(&mut self, job: Box<dyn Job>) {
        let cost = job.cost();
        let next = self.next.entry(job.lane()).or_default();
        let turn = self.turn.max(*next);
        let turns = 1 + cost.rows / ROWS + cost.bytes / BYTES;
        *next = turn.saturating_add(turns);
        self.jobs.insert((turn, self.arrivals), job);
        self.arrivals += 1;
        self.forget();
    }

    /// Removes and returns the next writes, as many as fit into the group.
    pub(super) fn take(&mut self, capacity: &mut GroupCapacity) -> Vec<Box<dyn Job>> {
        let mut group = Vec::new();
        while let Some(first) = self.jobs.first_entry() {
            if !capacity.take(first.get().cost()) {
                break;
            }
            let ((turn, _), job) = first.remove_entry();
            self.turn = turn;
            group.push(job);
        }
        group
    }

    /// Removes and returns writes that decide nothing in advance, in their order, as many as fit into the group.
    pub(super) fn take_following(&mut self, capacity: &mut GroupCapacity) -> Vec<Box<dyn Job>> {
        let mut places = Vec::new();
        for (place, job) in &self.jobs {
            if job.decides() {
                continue;
            }
            if !capacity.take(job.cost()) {
                break;
            }
            places.push(*place);
        }
        let jobs = places.iter().filter_map(|place| self.jobs.remove(place));
        jobs.collect()
    }

    /// Returns the places of all writes, in the order in which they came.
    pub(super) fn by_arrival(&self) -> Vec<(Place, &dyn Job)> {
        let jobs = self.jobs.iter();
        let mut jobs: Vec<(Place, &dyn Job)> =
            jobs.map(|(place, job)| (*place, job.as_ref())).collect();
        jobs.sort_unstable_by_key(|((_, arrival), _)| *arrival);
        jobs
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Box<dyn Job>> {
        self.jobs.remove(&place)
    }

    /// Forgets lanes whose next write would be served now anyway. This is done seldom, so that it costs each write almost nothing.
    fn forget(&mut self) {
        if self.next.len() > 1_024 + 2 * self.jobs.len() {
            let turn = self.turn;
            self.next.retain(|_, next| *next > turn);
        }
    }
}

/// How much more a group may contain: writes, rows and bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupCapacity {
    writes: usize,
    left: Extent,
    is_empty: bool,
}

impl GroupCapacity {
    pub(super) fn new(writes: usize, most: Extent) -> Self {
        GroupCapacity {
            writes,
            left: most,
            is_empty: true,
        }
    }

    /// Subtracts the cost of a write, if it fits. Returns false if it does not fit. The first write of a group always fits.
    pub(super) fn take(&mut self, cost: Extent) -> bool {
        if !self.is_empty && (self.writes == 0 || !cost.is_within(self.left)) {
            return false;
        }
        self.is_empty = false;
        self.writes = self.writes.saturating_sub(1);
        self.left.rows = self.left.rows.saturating_sub(cost.rows);
        self.left.bytes = self.left.bytes.saturating_sub(cost.bytes);
        true
    }
}
