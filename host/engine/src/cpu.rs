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

/// The budget of the activation that is open.
pub(crate) struct Meter {
    clock: Arc<dyn CpuClock>,
    limit: Duration,
    /// By polls that are over.
    used: Duration,
    /// When the poll that is under way began. Only ever compared within one thread: a poll stays on its thread.
    since: Option<Duration>,
}

impl Meter {
    pub(crate) fn new(clock: Arc<dyn CpuClock>, limit: Duration) -> Self {
        Meter {
            clock,
            limit,
            used: Duration::ZERO,
            since: None,
        }
    }

    /// A new activation has the whole budget.
    pub(crate) fn reset(&mut self) {
        self.used = Duration::ZERO;
    }

    pub(crate) fn poll_begins(&mut self) {
        self.since = Some(self.clock.thread_time());
    }

    pub(crate) fn poll_ends(&mut self) {
        self.used += self.slice();
        self.since = None;
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
