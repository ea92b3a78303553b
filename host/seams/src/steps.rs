//! How wall time follows the machine's date.

use dormouse_journal::{Moment, Time};

/// How long the date must have been ahead before wall time steps forward, in milliseconds. A date that is wrong for
/// some seconds, while a machine starts or is administered, changes nothing.
const CONFIRMED_AFTER: u64 = 60_000;

/// By how much wall time runs slower to make up for a step backward, in parts of a million. So no date comes twice, and
/// a wait for a date ends a little later.
const SLEW: u64 = 500;

/// Differences up to this many milliseconds are caused by reading the two clocks one after the other.
const TOLERANCE: u64 = 20;

/// If the date has moved by at least this many milliseconds against the time since the boot, it was set.
const STEP: u64 = 1_000;

/// The result of reading the machine's date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How far wall time is ahead of steady time from now on, in milliseconds.
    pub shift: i64,
    /// How far the machine's date is ahead of wall time, in milliseconds.
    pub ahead: i64,
    /// By how many milliseconds the date was set since the last look. None if it was not.
    pub step: Option<i64>,
    /// True if wall time stepped forward just now.
    pub taken: bool,
}

/// The state between two looks.
#[derive(Debug)]
pub(crate) struct Steps {
    /// When the last look was.
    looked: Time,
    /// How far the date was ahead of steady time at the last look.
    difference: i64,
    /// Since when the date has been ahead of wall time, if it is ahead.
    ahead_since: Option<Time>,
}

impl Steps {
    pub(crate) fn new(begun: Moment) -> Self {
        Steps {
            looked: begun.time,
            difference: begun.shift,
            ahead_since: None,
        }
    }

    /// Compares the date with the host's clock.
    pub(crate) fn see(&mut self, now: Moment, date: Time) -> Seen {
        let difference = between(date, now.time);
        let moved = difference.saturating_sub(self.difference);
        let step = (moved.unsigned_abs() >= STEP).then_some(moved);
        let passed = now.time.0.saturating_sub(self.looked.0);
        if step.is_some() {
            self.ahead_since = None;
        }
        let shift = self.follow(now, difference, passed);
        self.looked = now.time;
        self.difference = difference;
        Seen {
            shift,
            ahead: difference.saturating_sub(shift),
            step,
            taken: shift > now.shift,
        }
    }

    /// Returns how far wall time is ahead of steady time from now on.
    fn follow(&mut self, now: Moment, difference: i64, passed: u64) -> i64 {
        let ahead = difference.saturating_sub(now.shift);
        if ahead.unsigned_abs() <= TOLERANCE {
            self.ahead_since = None;
            return now.shift;
        }
        if ahead < 0 {
            self.ahead_since = None;
            let most = passed.saturating_mul(SLEW) / 1_000_000;
            let made_up = ahead.unsigned_abs().min(most);
            return now.shift.saturating_sub_unsigned(made_up);
        }
        let since = *self.ahead_since.get_or_insert(now.time);
        if now.time.0.saturating_sub(since.0) < CONFIRMED_AFTER {
            return now.shift;
        }
        self.ahead_since = None;
        difference
    }
}

/// Returns the milliseconds from one time to another.
pub(crate) fn between(later: Time, earlier: Time) -> i64 {
    let distance = i64::try_from(later.0.abs_diff(earlier.0)).unwrap_or(i64::MAX);
    if later >= earlier {
        distance
    } else {
        -distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// A host whose date the test sets, and that looks at it every ten seconds.
    struct World {
        steps: Steps,
        now: Moment,
        set: i64,
    }

    impl World {
        fn new() -> Self {
            let now = Time(1_000 * 3_600_000).into();
            World {
                steps: Steps::new(now),
                now,
                set: 0,
            }
        }

        fn look(&mut self) -> Seen {
            let seen = self.steps.see(self.now, self.now.time.shifted(self.set));
            self.now.shift = seen.shift;
            seen
        }

        fn pass(&mut self, seconds: u64) -> Vec<Seen> {
            let looks = (0..seconds / 10).map(|_| {
                self.now.time = self.now.time.after(10_000);
                self.look()
            });
            looks.collect()
        }
    }

    #[test]
    fn a_step_forward_that_is_taken_back_moves_nothing() {
        let mut world = World::new();
        world.set = HOUR;
        assert_eq!(world.look().step, Some(HOUR));
        assert!(
            world
                .pass(50)
                .iter()
                .all(|seen| seen.shift == 0 && seen.step.is_none())
        );
        world.set = 0;
        assert_eq!(world.look().step, Some(-HOUR));
        assert!(
            world
                .pass(200)
                .iter()
                .all(|seen| seen.shift == 0 && seen.ahead == 0)
        );
    }

    #[test]
    fn a_lasting_step_forward_is_followed_after_a_minute() {
        let mut world = World::new();
        world.set = HOUR;
        world.look();
        let seen = world.pass(60);
        assert!(
            seen[..5]
                .iter()
                .all(|seen| !seen.taken && seen.ahead == HOUR)
        );
        assert_eq!(
            (seen[5].taken, seen[5].shift, seen[5].ahead),
            (true, HOUR, 0)
        );
    }

    #[test]
    fn two_steps_forward_are_each_waited_for() {
        let mut world = World::new();
        world.set = HOUR;
        world.look();
        world.pass(50);
        world.set = 9_000 * HOUR;
        assert_eq!(world.look().shift, 0);
        assert!(world.pass(50).iter().all(|seen| seen.shift == 0));
        world.set = HOUR;
        world.look();
        assert_eq!(world.pass(60)[5].shift, HOUR);
    }

    #[test]
    fn a_step_backward_is_made_up_for_slowly() {
        let mut world = World::new();
        world.set = -HOUR;
        assert_eq!(world.look().step, Some(-HOUR));
        let seen = world.pass(1_000);
        assert!(seen.iter().all(|seen| seen.step.is_none() && !seen.taken));
        assert_eq!(world.now.shift, -500);
        world.pass(7_200_000);
        assert_eq!(world.now.shift, -HOUR + i64::try_from(TOLERANCE).unwrap());
    }

    #[test]
    fn small_differences_are_not_steps() {
        let mut world = World::new();
        for set in [1, -1, 20, -20, 0] {
            world.set = set;
            let seen = world.look();
            assert_eq!((seen.shift, seen.step), (0, None));
        }
    }

    #[test]
    fn no_date_is_out_of_range() {
        let mut world = World::new();
        for date in [Time(0), Time(u64::MAX)] {
            world.steps.see(world.now, date);
        }
    }
}
