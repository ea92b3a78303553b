//! The herd: runs that are woken from within the host, by timers, results, events, recovery after a start, or a new try after
//! the host could not execute them.
//!
//! Very many of these runs can be woken at the same moment. So they wait here, in the order of their time, and only a few of
//! them execute at the same time: a request from outside never has more than these before it. While requests from outside keep
//! the host busy, the herd still gets one in ten activations.
//!
//! A run that computes for long would keep all others waiting. So runs that computed for long the last time wait apart, and have
//! seats of their own. A run that turns out to do so gives up its usual seat for one of these.

use std::collections::{BTreeMap, HashMap, HashSet};

use dormouse_journal::{RunId, Time};

use crate::hint::{Hint, add};

/// The largest number of runs that wait here. Further runs are forgotten, and found again by a scan of the store.
const MOST_WAITING: usize = 65_536;

/// The number of waiting runs below which the services read more of them from the store.
const REFILL_BELOW: usize = 1_024;

/// The largest number of runs with a seat: runs whose activation executes, or waits to become durable. A commit with the
/// activations of all of them takes little longer than a commit with a few.
const SEATS: usize = 64;

/// The number of runs woken from outside after which a run that waits here is woken, even if others are under way.
const OUTSIDE_WAKES_PER_TURN: u32 = 9;

/// The largest number of runs under way because of [`OUTSIDE_WAKES_PER_TURN`], in addition to those with a seat.
const MOST_EXTRA: usize = 192;

/// The largest number of runs with a seat for those that compute for long, including those that turned out to do so when they
/// already executed. With more of these, the others keep their usual seats.
const LONG_SEATS: usize = 128;

/// The delay in milliseconds before a run is tried again that the host could not execute: the first delay and the longest. The delay
/// doubles each time.
const RETRY: (u64, u64) = (1_000, 60_000);

/// Runs that the host itself wakes.
pub(crate) struct Herd {
    /// The waiting runs in the order of their time. Runs with the same time are in the order in which they came.
    order: BTreeMap<(Time, u64), RunId>,
    /// The same for runs that computed for long the last time.
    long_order: BTreeMap<(Time, u64), RunId>,
    /// The runs that computed for long the last time.
    long: HashSet<RunId>,
    waiting: HashMap<RunId, Waiting>,
    /// The number of runs that were added, which orders runs with the same time.
    added: u64,
    /// The number of these runs that may execute at the same time.
    at_once: usize,
    executing: usize,
    seated: usize,
    long_seated: usize,
    /// The number of runs that were woken from outside since a run of the herd was last woken in turn.
    outside: u32,
    /// The number of runs that are to be woken even if others are under way.
    owed: usize,
    has_forgotten: bool,
    /// The number of times in a row that the host could not execute each run.
    retries: HashMap<RunId, u32>,
}

struct Waiting {
    place: (Time, u64),
    is_long: bool,
    hints: Vec<Hint>,
}

/// A run that is to be woken now.
#[derive(Debug)]
pub(crate) struct Woken {
    pub(crate) run: RunId,
    pub(crate) hints: Vec<Hint>,
    /// True if its seat is one for runs that compute for long.
    pub(crate) is_long: bool,
}

impl Herd {
    pub(crate) fn new(at_once: usize) -> Self {
        Herd {
            order: BTreeMap::new(),
            long_order: BTreeMap::new(),
            long: HashSet::new(),
            waiting: HashMap::new(),
            added: 0,
            at_once,
            executing: 0,
            seated: 0,
            long_seated: 0,
            outside: 0,
            owed: 0,
            has_forgotten: false,
            retries: HashMap::new(),
        }
    }

    /// Adds a run that is to be woken at this time or later.
    pub(crate) fn add(&mut self, run: RunId, hint: Hint, time: Time) {
        if let Some(waiting) = self.waiting.get_mut(&run) {
            add(&mut waiting.hints, hint);
            if time < waiting.place.0 {
                let order = match waiting.is_long {
                    true => &mut self.long_order,
                    false => &mut self.order,
                };
                order.remove(&waiting.place);
                waiting.place.0 = time;
                order.insert(waiting.place, run);
            }
            return;
        }
        if self.waiting.len() >= MOST_WAITING {
            self.has_forgotten = true;
            return;
        }
        self.added += 1;
        let place = (time, self.added);
        let is_long = self.long.contains(&run);
        match is_long {
            true => self.long_order.insert(place, run),
            false => self.order.insert(place, run),
        };
        let waiting = Waiting {
            place,
            is_long,
            hints: vec![hint],
        };
        self.waiting.insert(run, waiting);
    }

    /// Returns the run that is to be woken now. From now on the run has a seat.
    pub(crate) fn next(&mut self, now: Time) -> Option<Woken> {
        self.next_short(now).or_else(|| self.next_long(now))
    }

    fn next_long(&mut self, now: Time) -> Option<Woken> {
        let first = self.long_order.first_entry();
        let first = first.filter(|first| first.key().0 <= now)?;
        if self.long_seated >= self.at_once {
            return None;
        }
        let run = first.remove();
        let Waiting { hints, .. } = self.waiting.remove(&run)?;
        self.long_seated += 1;
        Some(Woken {
            run,
            hints,
            is_long: true,
        })
    }

    fn next_short(&mut self, now: Time) -> Option<Woken> {
        let Some(first) = self
            .order
            .first_entry()
            .filter(|first| first.key().0 <= now)
        else {
            (self.outside, self.owed) = (0, 0);
            return None;
        };
        if self.executing >= self.at_once || self.seated >= SEATS {
            if self.owed == 0 || self.seated >= SEATS + MOST_EXTRA {
                return None;
            }
            self.owed -= 1;
        }
        let run = first.remove();
        let Waiting { hints, .. } = self.waiting.remove(&run)?;
        self.executing += 1;
        self.seated += 1;
        Some(Woken {
            run,
            hints,
            is_long: false,
        })
    }

    /// Returns the time at which a run is to be woken next. Runs whose time has come wait for a seat, and do not count.
    pub(crate) fn next_time(&self, now: Time) -> Option<Time> {
        let fronts = [&self.order, &self.long_order].into_iter();
        let fronts = fronts.filter_map(|order| order.first_key_value());
        let times = fronts.map(|((time, _), _)| *time);
        times.filter(|time| *time > now).min()
    }

    /// Counts a run that was woken from outside. Returns true if it is the turn of a run that waits here.
    pub(crate) fn note_outside_wake(&mut self, now: Time) -> bool {
        let first = self.order.first_key_value();
        if first.is_none_or(|((time, _), _)| *time > now) {
            return false;
        }
        self.outside += 1;
        if self.outside < OUTSIDE_WAKES_PER_TURN {
            return false;
        }
        self.outside = 0;
        self.owed = (self.owed + 1).min(MOST_EXTRA);
        true
    }

    /// Notes whether a run with a seat executes.
    pub(crate) fn set_executing(&mut self, does: bool) {
        if does {
            self.executing += 1;
        } else {
            self.executing = self.executing.saturating_sub(1);
        }
    }

    /// Gives up the seat of a run, which is one for runs that compute for long or a usual one.
    pub(crate) fn release_seat(&mut self, is_long: bool) {
        let seated = match is_long {
            true => &mut self.long_seated,
            false => &mut self.seated,
        };
        *seated = seated.saturating_sub(1);
    }

    /// Moves a run that executes from its usual seat to a seat for runs that compute for long. Returns false if all of those
    /// are taken.
    pub(crate) fn move_to_long_seat(&mut self) -> bool {
        if self.long_seated >= LONG_SEATS {
            return false;
        }
        self.set_executing(false);
        self.release_seat(false);
        self.long_seated += 1;
        true
    }

    /// Notes whether a run computed for long when it last executed. Returns the number of runs that did.
    pub(crate) fn note_computed(&mut self, run: RunId, long: bool) -> usize {
        if !long {
            self.long.remove(&run);
            return self.long.len();
        }
        // Runs that were cancelled may still be in the set. Those that live are noted again when they next execute.
        if self.long.len() >= MOST_WAITING {
            self.long.clear();
        }
        self.long.insert(run);
        self.long.len()
    }

    /// Returns true if there is room for more runs, which the services can read from the store. Runs that compute for long keep
    /// nobody else from being read, unless there are very many.
    pub(crate) fn has_room(&self) -> bool {
        self.order.len() < REFILL_BELOW && self.waiting.len() < MOST_WAITING / 2
    }

    /// Returns true if runs were forgotten, and the store is to be read for them now.
    pub(crate) fn take_forgotten(&mut self) -> bool {
        self.has_room() && std::mem::take(&mut self.has_forgotten)
    }

    /// Returns the delay in milliseconds after which a run is tried again that the host could not execute.
    pub(crate) fn note_retry(&mut self, run: RunId) -> u64 {
        let is_known = self.retries.contains_key(&run);
        if !is_known && self.retries.len() >= MOST_WAITING {
            return RETRY.1;
        }
        let times = self.retries.entry(run).or_default();
        let delay = RETRY.0.saturating_mul(1 << (*times).min(16));
        *times += 1;
        delay.min(RETRY.1)
    }

    /// Notes that the host has executed a run.
    pub(crate) fn clear_retries(&mut self, run: RunId) {
        if !self.retries.is_empty() {
            self.retries.remove(&run);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u16) -> RunId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        RunId(id)
    }

    fn herd(count: u16) -> Herd {
        let mut herd = Herd::new(4);
        for number in 0..count {
            herd.add(run(number), Hint::Time, Time(10));
        }
        herd
    }

    #[test]
    fn none_is_early_and_all_come_in_order_few_at_once() {
        let mut herd = herd(9);
        herd.add(run(100), Hint::Time, Time(5));
        assert!(herd.next(Time(4)).is_none());
        assert_eq!(herd.next(Time(5)).unwrap().run, run(100));
        assert!(herd.next(Time(9)).is_none());
        for number in 0..3 {
            assert_eq!(herd.next(Time(10)).unwrap().run, run(number));
        }
        assert!(herd.next(Time(10)).is_none(), "as many execute as may");
        herd.set_executing(false);
        assert_eq!(herd.next(Time(10)).unwrap().run, run(3));
    }

    #[test]
    fn seats_bound_those_who_wait_for_a_commit() {
        let mut herd = herd(1_000);
        let mut seated = 0;
        while herd.next(Time(10)).is_some() {
            herd.set_executing(false);
            seated += 1;
        }
        assert_eq!(seated, SEATS);
        herd.release_seat(false);
        assert!(herd.next(Time(10)).is_some());
    }

    #[test]
    fn a_tenth_is_for_those_who_wait_also_under_load() {
        let mut herd = herd(1_000);
        while herd.next(Time(10)).is_some() {}
        let mut woken = 0;
        for _ in 0..900 {
            if herd.note_outside_wake(Time(10)) {
                woken += u32::from(herd.next(Time(10)).is_some());
            }
        }
        assert_eq!(woken, 100);
    }

    #[test]
    fn a_run_waits_once_with_the_earliest_of_its_times() {
        let mut herd = Herd::new(4);
        herd.add(run(1), Hint::Time, Time(50));
        herd.add(run(1), Hint::Anything, Time(20));
        herd.add(run(1), Hint::Time, Time(30));
        assert_eq!(herd.next_time(Time(10)), Some(Time(20)));
        let Woken { hints, .. } = herd.next(Time(20)).unwrap();
        assert!(matches!(hints[..], [Hint::Anything]), "{hints:?}");
        assert!(herd.next(Time(50)).is_none());
    }

    #[test]
    fn runs_that_compute_for_long_do_not_keep_others_waiting() {
        let mut herd = Herd::new(4);
        for number in 0..100 {
            herd.note_computed(run(number), true);
            herd.add(run(number), Hint::Time, Time(10));
        }
        herd.add(run(200), Hint::Time, Time(20));
        herd.add(run(201), Hint::Time, Time(30));
        let first = herd.next(Time(20)).unwrap();
        assert_eq!((first.run, first.is_long), (run(200), false));
        for number in 0..4 {
            let next = herd.next(Time(20)).unwrap();
            assert_eq!((next.run, next.is_long), (run(number), true));
        }
        assert!(herd.next(Time(20)).is_none(), "no more of them at once");
        assert_eq!(herd.next_time(Time(20)), Some(Time(30)));
        assert!(herd.has_room());
        herd.release_seat(true);
        assert_eq!(herd.next(Time(20)).unwrap().run, run(4));
        herd.release_seat(true);
        herd.note_computed(run(5), false);
        herd.add(run(5), Hint::Time, Time(10));
        assert!(
            herd.next(Time(20)).unwrap().is_long,
            "a run that waits keeps its place"
        );
    }

    #[test]
    fn runs_that_are_gone_do_not_keep_others_from_being_noted() {
        let mut herd = Herd::new(4);
        for number in 0..=u16::MAX {
            herd.note_computed(run(number), true);
        }
        let last = RunId([255; 16]);
        assert_eq!(herd.note_computed(last, true), 1);
        herd.add(last, Hint::Time, Time(10));
        assert!(herd.next(Time(10)).unwrap().is_long);
    }

    #[test]
    fn a_run_that_turns_out_to_compute_for_long_leaves_its_seat_to_others() {
        let mut herd = herd(1_000);
        for _ in 0..LONG_SEATS {
            assert!(!herd.next(Time(10)).unwrap().is_long);
            assert!(herd.move_to_long_seat());
        }
        assert_eq!((herd.executing, herd.seated), (0, 0));
        herd.next(Time(10)).unwrap();
        assert!(!herd.move_to_long_seat(), "there are too many");
        assert_eq!((herd.executing, herd.seated), (1, 1));
    }

    #[test]
    fn wake_ups_without_room_are_found_again_later() {
        let mut herd = herd(0);
        for number in 0..=u16::MAX {
            herd.add(run(number), Hint::Time, Time(10));
        }
        herd.add(RunId([255; 16]), Hint::Time, Time(10));
        assert_eq!(herd.waiting.len(), MOST_WAITING);
        assert!(!herd.take_forgotten());
        while !herd.has_room() {
            herd.next(Time(10)).unwrap();
            herd.set_executing(false);
            herd.release_seat(false);
        }
        assert!(herd.take_forgotten());
        assert!(!herd.take_forgotten(), "once");
    }

    #[test]
    fn retries_back_off_to_a_minute_and_start_again_after_a_success() {
        let mut herd = herd(0);
        let delays: Vec<u64> = (0..8).map(|_| herd.note_retry(run(1))).collect();
        assert_eq!(
            delays,
            [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
        );
        herd.clear_retries(run(1));
        assert_eq!(herd.note_retry(run(1)), 1_000);
    }
}
