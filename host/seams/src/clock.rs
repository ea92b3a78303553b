//! The machine's clocks, and the host's clock, which is made from them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dormouse_journal::{Moment, Time};

use crate::Task;
use crate::steps::{Seen, Steps, between};

/// The machine's clocks.
pub trait Clock: Send + Sync + 'static {
    /// Returns the date. Administrators and NTP can set it, so that it may step in either direction.
    fn date(&self) -> Time;

    /// Returns the milliseconds since the machine was booted, including the time for which it was suspended. The value
    /// never steps.
    fn elapsed(&self) -> u64;

    /// Returns the id of this boot. None if the machine has none, so that nobody knows whether two times belong to the
    /// same boot.
    fn boot(&self) -> Option<[u8; 16]>;

    /// Resolves when [`Clock::elapsed`] has reached `elapsed`.
    fn sleep_until(&self, elapsed: u64) -> Task;

    /// Returns the processor time that the calling thread has used.
    fn thread_time(&self) -> Duration;
}

/// The time of a host's clock, which the store keeps with each commit so that time continues from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSnapshot {
    /// The moment.
    pub moment: Moment,
    /// The boot of the machine, if it was known.
    pub boot: Option<[u8; 16]>,
    /// The milliseconds since that boot.
    pub elapsed: u64,
}

/// The host's clock, with its two lines of time ([`Moment`]).
///
/// Steady time orders requests and ends all spans. During one boot of the machine it follows the time since the boot,
/// even across restarts of the host. After another boot it continues with the machine's date, or from where it was if
/// the date is behind. Wall time follows the machine's date. A step forward counts when it has lasted for a minute.
/// After a step backward, wall time runs slower by 500 ppm until it agrees, so that it never goes back either.
#[derive(Clone)]
pub struct HostClock {
    machine: Arc<dyn Clock>,
    timeline: Arc<Timeline>,
}

struct Timeline {
    /// The time since the boot when this clock was made, and the steady time at that moment.
    began: (u64, Time),
    /// The highest steady time that was read.
    highest: AtomicU64,
    shift: AtomicI64,
    steps: Mutex<Steps>,
    /// The number of times that the machine's clock was set.
    stepped: AtomicU64,
}

impl HostClock {
    /// Creates a clock that continues from an earlier clock of the same store. A new store has none.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>, kept: Option<ClockSnapshot>) -> Self {
        let (date, elapsed) = (machine.date(), machine.elapsed());
        let begun = resume(kept, date, machine.boot(), elapsed);
        HostClock {
            machine,
            timeline: Arc::new(Timeline {
                began: (elapsed, begun.time),
                highest: AtomicU64::new(begun.time.0),
                shift: AtomicI64::new(begun.shift),
                steps: Mutex::new(Steps::new(begun)),
                stepped: AtomicU64::new(0),
            }),
        }
    }

    /// Returns the present steady time.
    #[must_use]
    pub fn now(&self) -> Time {
        let (elapsed, time) = self.timeline.began;
        let now = time.after(self.machine.elapsed().saturating_sub(elapsed)).0;
        Time(
            self.timeline
                .highest
                .fetch_max(now, Ordering::AcqRel)
                .max(now),
        )
    }

    /// Returns the present moment, with both times.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            time: self.now(),
            shift: self.timeline.shift.load(Ordering::Acquire),
        }
    }

    /// Returns the present time in the form that the store keeps.
    #[must_use]
    pub fn snapshot(&self) -> ClockSnapshot {
        ClockSnapshot {
            elapsed: self.machine.elapsed(),
            moment: self.moment(),
            boot: self.machine.boot(),
        }
    }

    /// Reads the machine's date, and lets wall time follow it. It must be called every few seconds.
    pub fn watch(&self) -> Seen {
        let mut steps = self
            .timeline
            .steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let seen = steps.see(self.moment(), self.machine.date());
        self.timeline.shift.store(seen.shift, Ordering::Release);
        if seen.step.is_some() {
            self.timeline.stepped.fetch_add(1, Ordering::Relaxed);
        }
        seen
    }

    /// Returns how many milliseconds the machine's date is ahead of wall time.
    #[must_use]
    pub fn ahead(&self) -> i64 {
        between(self.machine.date(), self.moment().wall())
    }

    /// Returns how many times the machine's clock was set while this clock ran.
    #[must_use]
    pub fn stepped(&self) -> u64 {
        self.timeline.stepped.load(Ordering::Relaxed)
    }

    /// Returns the machine's date, which may step. Use it to compare with times that other machines wrote: after its
    /// clock was once set far ahead, a host would otherwise find all of these too old for a long time.
    #[must_use]
    pub fn machine_time(&self) -> Time {
        self.machine.date()
    }

    /// Resolves when [`HostClock::now`] has reached `time`.
    #[must_use]
    pub fn sleep_until(&self, time: Time) -> Task {
        let (elapsed, began) = self.timeline.began;
        let left = time.0.saturating_sub(began.0);
        self.machine.sleep_until(elapsed.saturating_add(left))
    }

    /// Returns the processor time that the calling thread has used.
    #[must_use]
    pub fn thread_time(&self) -> Duration {
        self.machine.thread_time()
    }
}

/// Returns the moment at which a clock begins.
fn resume(kept: Option<ClockSnapshot>, date: Time, boot: Option<[u8; 16]>, elapsed: u64) -> Moment {
    let Some(kept) = kept else {
        return date.into();
    };
    let Moment { time, shift } = kept.moment;
    let passed = elapsed.checked_sub(kept.elapsed);
    if let Some(passed) = passed.filter(|_| boot.is_some() && boot == kept.boot) {
        return Moment {
            time: time.after(passed),
            shift,
        };
    }
    if date < time {
        return kept.moment;
    }
    // Wall time does not go back: if it was ahead of the date, it still is.
    let ahead = kept.moment.wall().0.saturating_sub(date.0);
    Moment {
        time: date,
        shift: i64::try_from(ahead).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn kept(time: u64, shift: i64) -> Option<ClockSnapshot> {
        Some(ClockSnapshot {
            moment: Moment {
                time: Time(time),
                shift,
            },
            boot: Some([1; 16]),
            elapsed: 5_000,
        })
    }

    fn check(kept: Option<ClockSnapshot>, date: u64, boot: u8, elapsed: u64, expected: (u64, i64)) {
        let moment = resume(kept, Time(date), Some([boot; 16]), elapsed);
        assert_eq!((moment.time.0, moment.shift), expected);
    }

    #[test]
    fn a_new_store_begins_at_the_date() {
        check(None, 77, 1, 5, (77, 0));
    }

    #[test]
    fn on_one_boot_steady_time_follows_the_time_since_it_whatever_the_date_is() {
        for date in [0, 100 * HOUR, 9_000 * HOUR] {
            check(kept(100 * HOUR, -7), date, 1, 5_250, (100 * HOUR + 250, -7));
        }
    }

    #[test]
    fn on_another_boot_it_goes_on_with_the_date_if_that_is_ahead() {
        check(kept(100 * HOUR, 0), 101 * HOUR, 2, 10, (101 * HOUR, 0));
        check(kept(100 * HOUR, -7), 101 * HOUR, 2, 10, (101 * HOUR, 0));
    }

    #[test]
    fn on_another_boot_with_an_earlier_date_it_goes_on_from_where_it_was() {
        check(kept(100 * HOUR, 3), 99 * HOUR, 2, 10, (100 * HOUR, 3));
    }

    #[test]
    fn wall_time_does_not_go_back_on_another_boot() {
        let ahead = 2 * HOUR;
        check(
            kept(100 * HOUR, ahead.cast_signed()),
            101 * HOUR,
            2,
            10,
            (101 * HOUR, HOUR.cast_signed()),
        );
    }

    #[test]
    fn a_time_since_the_boot_that_went_back_is_of_another_boot() {
        check(kept(100 * HOUR, 0), 101 * HOUR, 1, 4_999, (101 * HOUR, 0));
    }

    #[test]
    fn boots_without_an_id_are_never_the_same() {
        let snapshot = ClockSnapshot {
            boot: None,
            ..kept(100 * HOUR, 0).unwrap()
        };
        let moment = resume(Some(snapshot), Time(101 * HOUR), None, 6_000);
        assert_eq!(moment.time.0, 101 * HOUR);
    }
}
