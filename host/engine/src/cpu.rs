//! The CPU time of an activation. It is counted across polls, so that a guest that yields for ever is caught as well.

use std::sync::Arc;
use std::time::Duration;

/// Reads CPU time, which this crate does not do itself.
pub trait CpuClock: Send + Sync {
    /// The CPU time that the calling thread has used since some fixed point.
    fn thread_time(&self) -> Duration;
}

/// A replay may take this many times as long as the original was allowed to: machines differ, and a run must not be
/// stopped for that. What takes even longer is a guest that does not repeat what it did.
const REPLAY_FACTOR: u32 = 4;

/// A guest that has not executed this long gives way when it is done, not before. The first tick after a long wait is
/// always due, and would otherwise cost every activation a round through the executor.
const SLICE: Duration = Duration::from_millis(1);

/// How many polls of an activation are measured only from the engine's first tick on: the one in which the guest goes
/// on, and the one that follows whenever it has begun to wait. In the second it does nothing. It comes of a collection
/// of futures in wasmtime, which asks to be polled once more after it has polled each of them.
const FREE_POLLS: u32 = 2;

/// The budget of the activation that is open.
///
/// Reading the clock is a call into the kernel that takes as long as all else in a short activation. So an activation
/// that is over before the engine ticks is not measured at all. What goes uncounted is less than the span between two
/// ticks, of a budget of seconds. A guest that is polled again and again, since it yields and does not wait, is measured
/// in full, or many short polls would add up to nothing.
pub(crate) struct Meter {
    clock: Arc<dyn CpuClock>,
    limit: Duration,
    /// By polls that are over.
    used: Duration,
    /// How many polls of the activation are over.
    polls: u32,
    /// Since when the poll that is under way is measured. Only ever compared within one thread: a poll stays on its
    /// thread.
    since: Option<Duration>,
}

impl Meter {
    pub(crate) fn new(clock: Arc<dyn CpuClock>, limit: Duration) -> Self {
        Meter {
            clock,
            limit,
            used: Duration::ZERO,
            polls: 0,
            since: None,
        }
    }

    /// A new activation has the whole budget.
    pub(crate) fn reset(&mut self) {
        self.used = Duration::ZERO;
        self.polls = 0;
        self.since = None;
    }

    pub(crate) fn poll_begins(&mut self) {
        if self.polls >= FREE_POLLS {
            self.measure();
        }
    }

    /// Whether the poll under way is measured.
    pub(crate) fn is_measuring(&self) -> bool {
        self.since.is_some()
    }

    /// Measures the poll under way from now on.
    pub(crate) fn measure(&mut self) {
        self.since = Some(self.clock.thread_time());
    }

    /// A poll is over, and another one of the same activation follows. Gives whether others should have a turn before.
    pub(crate) fn poll_ends(&mut self) -> bool {
        let slice = self.slice();
        self.used += slice;
        self.since = None;
        self.polls += 1;
        slice >= SLICE || self.polls > FREE_POLLS
    }

    /// Whether the budget is used up. `live` tells whether the guest does something new.
    pub(crate) fn is_used_up(&self, live: bool) -> bool {
        let limit = if live {
            self.limit
        } else {
            self.limit.saturating_mul(REPLAY_FACTOR)
        };
        self.used + self.slice() > limit
    }

    /// Whether the poll under way has executed long enough to let others have a turn.
    pub(crate) fn should_give_way(&self) -> bool {
        self.slice() >= SLICE
    }

    fn slice(&self) -> Duration {
        self.since
            .map(|since| self.clock.thread_time().saturating_sub(since))
            .unwrap_or_default()
    }
}
