//! The machine's clock, and the host's, which follows it but never goes backwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dormouse_journal::Time;

use crate::Task;

/// The machine's clock.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time now. It may jump backwards; [`HostClock`] is what the host reads, and does not.
    fn now(&self) -> Time;

    /// Resolves when [`Clock::now`] has reached `time`.
    fn sleep_until(&self, time: Time) -> Task;

    /// Returns the processor time that the calling thread has used.
    fn thread_time(&self) -> Duration;
}

/// The host's clock. It follows the machine's clock but never goes backwards, even across restarts: it stands still
/// while the machine's clock catches up with where it has been.
///
/// Requests are ordered by their acceptance time, and a deadline that was once found passed must stay so. A clock set
/// back by an operator or by NTP must change neither. The highest time seen is written to the store with every commit.
#[derive(Clone)]
pub struct HostClock {
    machine: Arc<dyn Clock>,
    highest: Arc<AtomicU64>,
}

impl HostClock {
    /// Creates a clock that is never before `floor`.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>, floor: Time) -> Self {
        HostClock {
            machine,
            highest: Arc::new(AtomicU64::new(floor.0)),
        }
    }

    /// Returns the time now.
    #[must_use]
    pub fn now(&self) -> Time {
        let now = self.machine.now().0;
        Time(self.highest.fetch_max(now, Ordering::AcqRel).max(now))
    }

    /// Returns the machine's time, which may go backwards. It is for comparison with times that other machines wrote:
    /// a host whose clock was once set far ahead would otherwise find all of those too old until the machine's clock has
    /// caught up.
    #[must_use]
    pub fn machine_time(&self) -> Time {
        self.machine.now()
    }

    /// Resolves when [`HostClock::now`] has reached `time`.
    #[must_use]
    pub fn sleep_until(&self, time: Time) -> Task {
        self.machine.sleep_until(time)
    }

    /// Returns the processor time that the calling thread has used.
    #[must_use]
    pub fn thread_time(&self) -> Duration {
        self.machine.thread_time()
    }
}
