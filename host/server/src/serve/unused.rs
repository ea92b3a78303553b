//! Ends connections that are unused when others need their places.
//!
//! A connection on which nothing is sent costs its client nothing and takes a place. Without this, a client that stands for
//! many and has no limit, such as a proxy, could hold all places with silent connections, and nobody else would be served.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;

/// How long a connection must have been unused. A client that has just connected sends its request within this time.
const UNUSED_FOR: Duration = Duration::from_millis(250);

/// The part of the places that are given to others at the same time: one in sixteen. The connections of clients that send
/// nothing take up to a second to end, so one at a time would let others wait.
const PART: usize = 16;

/// The connections of a listener.
pub(super) struct OpenConnections {
    limit: usize,
    connections: Vec<Weak<Activity>>,
}

impl OpenConnections {
    /// Creates the list for a listener that has at most this many connections.
    pub(super) fn new(limit: usize) -> Self {
        OpenConnections {
            limit,
            connections: Vec::new(),
        }
    }

    /// Adds a connection.
    pub(super) fn add(&mut self, activity: &Arc<Activity>) {
        // Those that have ended stay in the list until there are as many of them as connections.
        if self.connections.len() > self.limit.saturating_mul(2) {
            self.connections.retain(|known| known.strong_count() > 0);
        }
        self.connections.push(Arc::downgrade(activity));
    }

    /// Ends the connections that have been unused for the longest time, if there are any.
    pub(super) fn end_unused(&mut self, now: Instant) {
        self.connections.retain(|known| known.strong_count() > 0);
        let known = self.connections.iter().filter_map(Weak::upgrade);
        let unused = known.filter_map(|activity| Some((activity.unused_since()?, activity)));
        let mut unused: Vec<_> = unused
            .filter(|(since, _)| now.duration_since(*since) >= UNUSED_FOR)
            .collect();
        unused.sort_by_key(|(since, _)| *since);
        for (_, activity) in unused.iter().take((self.limit / PART).max(1)) {
            activity.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);

    fn connections(open: &mut OpenConnections, count: usize) -> Vec<Arc<Activity>> {
        let connections: Vec<_> = (0..count)
            .map(|_| Arc::new(Activity::new(WITHIN)))
            .collect();
        connections.iter().for_each(|new| open.add(new));
        connections
    }

    fn ended(connections: &[Arc<Activity>]) -> Vec<usize> {
        let ended = connections.iter().enumerate();
        let ended = ended.filter(|(_, activity)| activity.is_quiet());
        ended.map(|(number, _)| number).collect()
    }

    #[test]
    fn the_connections_unused_for_longest_are_closed() {
        let mut open = OpenConnections::new(32);
        let connections = connections(&mut open, 32);
        let begun = connections[0].unused_since().unwrap();
        open.end_unused(begun);
        assert!(ended(&connections).is_empty(), "they have just begun");
        let work = connections[0].clone().begin();
        let later = Instant::now() + UNUSED_FOR;
        open.end_unused(later);
        assert_eq!(ended(&connections), [1, 2]);
        drop(work);
        open.end_unused(later);
        assert_eq!(ended(&connections), [1, 2, 3, 4], "the first was used last");
    }

    #[test]
    fn a_request_that_came_in_time_is_answered() {
        let mut open = OpenConnections::new(1);
        let connections = connections(&mut open, 1);
        open.end_unused(Instant::now() + UNUSED_FOR);
        let work = connections[0].clone().begin();
        assert!(ended(&connections).is_empty());
        drop(work);
        assert_eq!(ended(&connections), [0]);
    }

    #[test]
    fn connections_that_have_ended_are_forgotten() {
        let mut open = OpenConnections::new(4);
        for _ in 0..100 {
            drop(connections(&mut open, 1));
        }
        assert!(open.connections.len() <= 9);
    }
}
