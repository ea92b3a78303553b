//! The processor time of an activation. It is summed over all polls, so that a guest that yields for ever is stopped
//! too.

use std::sync::Arc;
use std::time::Duration;

/// Reads the processor time. This crate itself reads no clock.
pub trait CpuClock: Send + Sync {
    /// Returns the processor time that the calling thread has used since some fixed point.
    fn thread_time(&self) -> Duration;
}

/// The factor by which a replay may exceed the limit on the processor time of a live activation: machines differ, and a
/// run must not be stopped for that. A guest that takes even longer does not repeat what it did.
const REPLAY_FACTOR: u32 = 4;

/// How long a guest executes before it gives way to others. Without this, every activation would go through the
/// executor's queue once, because the first tick after a long wait is always due.
const SLICE: Duration = Duration::from_millis(1);

/// The processor time from which an activation counts as a long one. A guest that was executing at two ticks of the
/// engine has usually used more. Activations that only wait and log use a tenth of it.
const LONG: Duration = Duration::from_millis(2);

/// The number of polls of an activation that are measured only from the engine's first tick on: the poll in which the
/// guest executes, and the next one, after it has begun to wait. In the second poll the guest does nothing: a
/// collection of futures in wasmtime asks to be polled once more after it has polled each of them.
const FREE_POLLS: u32 = 2;

/// How an activation goes on after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It continues at once.
    Short,
    /// It continues after others have had a turn.
    Yields,
    /// It continues when it is its turn among the guests that compute for long.
    Long,
}

/// Measures the processor time of the open activation against its limit.
///
/// Reading the clock is a system call that takes as long as everything else in a short activation. So an activation
/// that is over before the engine ticks is not measured at all. The uncounted time is shorter than the time between two
/// ticks, whereas the limit is seconds. A guest that is polled again and again, because it yields and does not wait, is
/// measured in full; otherwise many short polls would add up to nothing.
pub(crate) struct Meter {
    clock: Arc<dyn CpuClock>,
    limit: Duration,
    /// The processor time of the polls that are over.
    used: Duration,
    /// The number of polls that are over.
    polls: u32,
    /// The thread's processor time when measuring the current poll began. A poll stays on its thread, so this is only
    /// compared with later times of the same thread.
    since: Option<Duration>,
    /// True if the guest did not end the current poll itself: the engine took it off the thread at a tick.
    preempted: bool,
}

impl Meter {
    pub(crate) fn new(clock: Arc<dyn CpuClock>, limit: Duration) -> Self {
        Meter {
            clock,
            limit,
            used: Duration::ZERO,
            polls: 0,
            since: None,
            preempted: false,
        }
    }

    /// Begins a new activation, which has used no processor time yet.
    pub(crate) fn reset(&mut self) {
        self.used = Duration::ZERO;
        self.polls = 0;
        self.since = None;
    }

    /// Begins a poll.
    pub(crate) fn poll_begins(&mut self) {
        self.preempted = false;
        if self.polls >= FREE_POLLS {
            self.measure();
        }
    }

    /// Returns whether the current poll is measured.
    pub(crate) fn is_measuring(&self) -> bool {
        self.since.is_some()
    }

    /// Measures the current poll from now on.
    pub(crate) fn measure(&mut self) {
        self.since = Some(self.clock.thread_time());
    }

    /// Ends a poll that is followed by another one of the same activation. Returns the pace at which that follows.
    pub(crate) fn poll_ends(&mut self) -> Pace {
        let slice = self.slice();
        self.used += slice;
        self.since = None;
        self.polls += 1;
        if self.used >= LONG {
            Pace::Long
        } else if slice >= SLICE || self.polls > FREE_POLLS {
            Pace::Yields
        } else {
            Pace::Short
        }
    }

    /// Returns whether the activation has used more processor time than it may. `live` is false for a replay, which may
    /// use more.
    pub(crate) fn is_used_up(&self, live: bool) -> bool {
        let limit = if live {
            self.limit
        } else {
            self.limit.saturating_mul(REPLAY_FACTOR)
        };
        self.used + self.slice() > limit
    }

    /// Takes the guest off the thread at a tick, if it has executed for so long in the current poll that others should
    /// have a turn. Returns whether it does.
    pub(crate) fn preempts(&mut self) -> bool {
        self.preempted = self.slice() >= SLICE;
        self.preempted
    }

    /// Returns whether the last or the current poll was ended at a tick.
    pub(crate) fn is_preempted(&self) -> bool {
        self.preempted
    }

    fn slice(&self) -> Duration {
        self.since
            .map(|since| self.clock.thread_time().saturating_sub(since))
            .unwrap_or_default()
    }
}
