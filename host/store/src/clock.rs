//! The host's clock: the machine's, but that it never goes back, also across restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dormouse_journal::Time;

use crate::seams::{Clock, Task};

/// A clock that stands still while the machine's catches up with where it has been.
///
/// Requests are ordered by their acceptance time, and a deadline once found passed must stay so; a clock set back by
/// an operator or NTP must change neither. The highest time seen is in the store, written with every commit.
#[derive(Clone)]
pub struct HostClock {
    machine: Arc<dyn Clock>,
    highest: Arc<AtomicU64>,
}

impl HostClock {
    /// A clock that is never before `floor`.
    pub fn new(machine: Arc<dyn Clock>, floor: Time) -> Self {
        HostClock {
            machine,
            highest: Arc::new(AtomicU64::new(floor.0)),
        }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        let now = self.machine.now().0;
        Time(self.highest.fetch_max(now, Ordering::AcqRel).max(now))
    }

    /// The machine's time, which may go back: for times that others wrote by clocks of their own. A host whose clock was
    /// once set far ahead would otherwise find all of them too old until the machine's has caught up.
    #[must_use]
    pub fn machine_time(&self) -> Time {
        self.machine.now()
    }

    /// Resolves when [`HostClock::now`] has reached this point.
    #[must_use]
    pub fn sleep_until(&self, time: Time) -> Task {
        self.machine.sleep_until(time)
    }

    /// The processor time that the calling thread has used.
    #[must_use]
    pub fn thread_time(&self) -> Duration {
        self.machine.thread_time()
    }
}
