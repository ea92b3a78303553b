//! The calls that the host knows of: those whose next attempt is to be made later, those that wait for their share of what
//! may be in flight, and those in flight.
//!
//! The store has all of them. Here are only so many, of one run and of all: what is beyond is left out, and looked up when
//! there is room again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dormouse_journal::{OperationNumber, RunId, Time};
use dormouse_store::Attempts;
use futures::channel::oneshot;

use crate::shares::{Party, Shares};

/// A call.
pub(crate) type CallId = (RunId, OperationNumber);

/// How many calls are known at most.
const MOST: usize = 65_536;

/// How many calls of one run are known at most.
const MOST_OF_RUN: usize = 1_024;

/// How far a call has come, as far as it concerns its next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) attempts: Attempts,
    /// True if its last attempt was cut off by a fault of the host, and nobody knows whether it was sent.
    pub(crate) cut_off: bool,
    /// True if its last attempt was taken back, and the next one is of the same number.
    pub(crate) withdrawn: bool,
    /// How often in a row the host's own trouble has kept its attempt from being made.
    pub(crate) troubles: u32,
}

impl Course {
    pub(crate) fn new(attempts: Attempts) -> Self {
        Course {
            attempts,
            cut_off: false,
            withdrawn: false,
            troubles: 0,
        }
    }
}

/// The calls that are known.
pub(crate) struct CallQueue {
    calls: BTreeMap<CallId, Known>,
    of_run: HashMap<RunId, usize>,
    later: BTreeSet<(Time, CallId)>,
    ready: Shares<(OperationNumber, Course)>,
    /// Runs of which calls were left out.
    lacking: BTreeSet<RunId>,
    /// True if calls of any run were left out.
    is_lacking: bool,
}

struct Known {
    party: Party,
    place: Place,
    /// How it goes on when its flight is over, if it was added anew meanwhile: its run was retried.
    again: Option<Course>,
}

enum Place {
    /// Its next attempt is made later.
    Later(Time, Course),
    /// It waits for its share.
    Ready,
    /// It is in flight. Its attempt is given up at the time that it is told.
    InFlight(Option<oneshot::Sender<Time>>),
    /// What came of it cannot be recorded, since its row is damaged.
    Damaged,
}

/// A call that is to be attempted now.
pub(crate) struct Departure {
    pub(crate) party: Party,
    pub(crate) operation: OperationNumber,
    pub(crate) course: Course,
    /// Told by when the attempt is to be given up, if it is.
    pub(crate) cut: oneshot::Receiver<Time>,
}

/// Calls that were left out, of which there may be room for some now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// Calls of one run, from the one after this.
    Run(CallId),
    /// Calls of any run.
    Any,
}

impl CallQueue {
    pub(crate) fn new(most_in_flight: u32) -> Self {
        CallQueue {
            calls: BTreeMap::new(),
            of_run: HashMap::new(),
            later: BTreeSet::new(),
            ready: Shares::new(most_in_flight as usize),
            lacking: BTreeSet::new(),
            is_lacking: false,
        }
    }

    /// Returns how many calls are in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.ready.used()
    }

    /// Returns true if a call is known already.
    pub(crate) fn knows(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Returns true if an attempt at a call is in flight.
    pub(crate) fn is_in_flight(&self, call: CallId) -> bool {
        let known = self.calls.get(&call);
        known.is_some_and(|known| matches!(known.place, Place::InFlight(_)))
    }

    /// Returns true if there is room for another call of this run.
    pub(crate) fn has_room(&self, run: RunId) -> bool {
        self.calls.len() < MOST
            && self
                .of_run
                .get(&run)
                .is_none_or(|known| *known < MOST_OF_RUN)
    }

    /// Adds a call, unless it is known already or there is no room for it. One that is in flight goes on so after that, if
    /// its flight does not say otherwise.
    pub(crate) fn add(&mut self, party: Party, operation: OperationNumber, course: Course) {
        let call = (party.run, operation);
        if let Some(known) = self.calls.get_mut(&call) {
            if matches!(known.place, Place::InFlight(_)) {
                known.again = Some(course);
            }
            return;
        }
        if !self.has_room(party.run) {
            if self.calls.len() >= MOST {
                self.is_lacking = true;
            } else {
                self.lacking.insert(party.run);
            }
            return;
        }
        *self.of_run.entry(party.run).or_default() += 1;
        let place = Place::Later(course.attempts.next, course);
        self.later.insert((course.attempts.next, call));
        let again = None;
        self.calls.insert(
            call,
            Known {
                party,
                place,
                again,
            },
        );
    }

    /// Has the calls wait for their share whose time has come.
    pub(crate) fn come(&mut self, now: Time) {
        while let Some((time, call)) = self.later.first().copied()
            && time <= now
        {
            self.later.pop_first();
            if let Some(known) = self.calls.get_mut(&call)
                && let Place::Later(_, course) = known.place
            {
                known.place = Place::Ready;
                self.ready.push(&known.party, (call.1, course));
            }
        }
    }

    /// Returns when the next call's time comes.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.later.first().map(|(time, _)| *time)
    }

    /// Takes the call that departs next, if one may. It is in flight from here on.
    pub(crate) fn depart(&mut self) -> Option<Departure> {
        let (party, (operation, course)) = self.ready.next()?;
        let (sender, cut) = oneshot::channel();
        if let Some(known) = self.calls.get_mut(&(party.run, operation)) {
            known.place = Place::InFlight(Some(sender));
            known.again = None;
        }
        Some(Departure {
            party,
            operation,
            course,
            cut,
        })
    }

    /// A call is in flight no longer, and nobody needs to know of it any more.
    pub(crate) fn end(&mut self, party: &Party, operation: OperationNumber) {
        self.ready.done(party);
        let call = (party.run, operation);
        let again = self.calls.get(&call).and_then(|known| known.again);
        self.remove(call);
        if let Some(course) = again {
            self.add(party.clone(), operation, course);
        }
    }

    /// A call is in flight no longer, and its next attempt is made at this time.
    pub(crate) fn wait(
        &mut self,
        party: &Party,
        operation: OperationNumber,
        time: Time,
        course: Course,
    ) {
        self.ready.done(party);
        let call = (party.run, operation);
        if let Some(known) = self.calls.get_mut(&call) {
            known.place = Place::Later(time, course);
            known.again = None;
            self.later.insert((time, call));
        }
    }

    /// A call is in flight no longer, and cannot go on before the host is started again.
    pub(crate) fn set_aside(&mut self, party: &Party, operation: OperationNumber) {
        self.ready.done(party);
        if let Some(known) = self.calls.get_mut(&(party.run, operation)) {
            known.place = Place::Damaged;
        }
    }

    /// Nobody wants these calls any more: none of them departs, and those in flight are given up at this time.
    pub(crate) fn forget(&mut self, calls: &[CallId], at: Time) {
        for call in calls {
            let Some(known) = self.calls.get_mut(call) else {
                continue;
            };
            match &mut known.place {
                Place::InFlight(cut) => {
                    if let Some(cut) = cut.take() {
                        // Its task may be gone, and then it is in flight no longer.
                        let _ = cut.send(at);
                    }
                }
                Place::Later(time, _) => {
                    let time = *time;
                    self.later.remove(&(time, *call));
                    self.remove(*call);
                }
                // It finds when it departs that nobody wants it.
                Place::Ready | Place::Damaged => {}
            }
        }
    }

    /// Does the same to all calls of a run.
    pub(crate) fn forget_run(&mut self, run: RunId, at: Time) {
        self.forget_of(run, at, |_| true);
    }

    /// No call of this run departs any more. Those in flight arrive.
    pub(crate) fn ground_run(&mut self, run: RunId) {
        let is_grounded = |known: &Known| !matches!(known.place, Place::InFlight(_));
        self.forget_of(run, Time(0), is_grounded);
    }

    /// Returns the calls of a run that are in flight.
    pub(crate) fn in_flight_of(&self, run: RunId) -> Vec<OperationNumber> {
        let range = (run, OperationNumber(0))..=(run, OperationNumber(u32::MAX));
        let known = self.calls.range(range);
        known
            .filter(|(_, known)| matches!(known.place, Place::InFlight(_)))
            .map(|((_, operation), _)| *operation)
            .collect()
    }

    fn forget_of(&mut self, run: RunId, at: Time, is_meant: impl Fn(&Known) -> bool) {
        let range = (run, OperationNumber(0))..=(run, OperationNumber(u32::MAX));
        let known = self.calls.range(range);
        let calls: Vec<CallId> = known
            .filter(|(_, known)| is_meant(known))
            .map(|(call, _)| *call)
            .collect();
        let Some(known) = calls.first().and_then(|call| self.calls.get(call)) else {
            return;
        };
        let party = known.party.clone();
        for (operation, _) in self.ready.forget(&party) {
            self.remove((run, operation));
        }
        self.forget(&calls, at);
        self.lacking.remove(&run);
    }

    /// Returns true if calls were left out that there may be room for soon.
    pub(crate) fn lacks(&self) -> bool {
        self.is_lacking || !self.lacking.is_empty()
    }

    /// Returns which calls were left out that there is room for now, and takes them for looked up.
    pub(crate) fn takes_lacking(&mut self) -> Option<Lacking> {
        if self.is_lacking && self.calls.len() <= MOST / 2 {
            self.lacking.clear();
            self.is_lacking = false;
            return Some(Lacking::Any);
        }
        let has_room = |run: &&RunId| {
            let known = self.of_run.get(*run).copied().unwrap_or_default();
            known <= MOST_OF_RUN / 2
        };
        let run = self.lacking.iter().find(has_room).copied()?;
        self.lacking.remove(&run);
        let range = (run, OperationNumber(0))..=(run, OperationNumber(u32::MAX));
        let last = self.calls.range(range).next_back();
        Some(last.map_or(Lacking::Any, |(call, _)| Lacking::Run(*call)))
    }

    fn remove(&mut self, call: CallId) {
        if self.calls.remove(&call).is_none() {
            return;
        }
        if let Some(known) = self.of_run.get_mut(&call.0) {
            *known -= 1;
            if *known == 0 {
                self.of_run.remove(&call.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(run: u8) -> Party {
        Party {
            workflow: "w".into(),
            run: RunId([run; 16]),
        }
    }

    fn at(time: u64) -> Course {
        Course::new(Attempts {
            scheduled: 1,
            next: Time(time),
        })
    }

    fn queue(most: u32, calls: u32) -> CallQueue {
        let mut queue = CallQueue::new(most);
        for operation in 0..calls {
            queue.add(party(1), OperationNumber(operation), at(5));
        }
        queue
    }

    #[test]
    fn a_call_departs_when_its_time_has_come_and_is_known_once() {
        let mut queue = queue(4, 1);
        queue.add(party(1), OperationNumber(0), at(1));
        queue.come(Time(4));
        assert!(queue.depart().is_none());
        queue.come(Time(5));
        let departure = queue.depart().unwrap();
        assert_eq!(departure.operation, OperationNumber(0));
        assert!(queue.knows((party(1).run, OperationNumber(0))));
        queue.wait(&party(1), OperationNumber(0), Time(9), at(9));
        assert_eq!((queue.next_time(), queue.in_flight()), (Some(Time(9)), 0));
    }

    #[test]
    fn a_call_of_a_run_that_is_retried_goes_on_after_its_flight() {
        let mut queue = queue(4, 2);
        queue.come(Time(5));
        let departure = queue.depart().unwrap();
        queue.ground_run(party(1).run);
        assert_eq!(queue.in_flight_of(party(1).run), [OperationNumber(0)]);
        assert!(queue.depart().is_none(), "the other one stays");
        queue.add(party(1), OperationNumber(0), at(9));
        queue.end(&departure.party, departure.operation);
        assert_eq!((queue.next_time(), queue.in_flight()), (Some(Time(9)), 0));
        queue.come(Time(9));
        let departure = queue.depart().unwrap();
        queue.end(&departure.party, departure.operation);
        assert!(!queue.knows((party(1).run, OperationNumber(0))));
    }

    #[test]
    fn one_run_is_known_by_so_many_calls_and_those_left_out_are_asked_for() {
        let mut queue = queue(4, 10_000);
        assert_eq!(queue.calls.len(), MOST_OF_RUN);
        assert_eq!(queue.takes_lacking(), None);
        queue.come(Time(5));
        for operation in 0..600 {
            let departure = queue.depart().unwrap();
            assert_eq!(departure.operation, OperationNumber(operation));
            queue.end(&departure.party, departure.operation);
        }
        let last = OperationNumber(u32::try_from(MOST_OF_RUN).unwrap() - 1);
        assert_eq!(
            queue.takes_lacking(),
            Some(Lacking::Run((party(1).run, last)))
        );
        assert_eq!(queue.takes_lacking(), None);
    }

    #[test]
    fn a_run_that_was_cancelled_has_no_call_any_more_and_those_in_flight_are_told() {
        let mut queue = queue(8, 100);
        queue.come(Time(5));
        let mut departure = queue.depart().unwrap();
        queue.add(party(1), OperationNumber(200), at(50));
        queue.forget_run(party(1).run, Time(7));
        assert_eq!(departure.cut.try_recv(), Ok(Some(Time(7))));
        assert!(queue.depart().is_none());
        assert_eq!((queue.calls.len(), queue.next_time()), (1, None));
        queue.end(&departure.party, departure.operation);
        assert_eq!((queue.calls.len(), queue.of_run.len()), (0, 0));
    }
}
