//! The calls that the host has in memory: calls whose next attempt is made later, calls that wait for their share of
//! what may be in flight, and calls in flight.
//!
//! The store has all calls. In memory there is a limit for one run and a limit for all. Calls beyond a limit are left
//! out, and looked up again when there is room.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dormouse_journal::{OperationNumber, RunId, Time};
use dormouse_store::Attempts;
use futures::channel::oneshot;

use crate::shares::{Requester, Shares};

/// The id of a call: its run and its operation.
pub(crate) type CallId = (RunId, OperationNumber);

/// The largest number of calls in memory.
const MOST: usize = 65_536;

/// The largest number of calls of one run in memory.
const MOST_OF_RUN: usize = 1_024;

/// How far a call has come, as far as its next attempt depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AttemptState {
    pub(crate) attempts: Attempts,
    /// True if a fault of the host cut off the last attempt, and nobody knows whether the request was sent.
    pub(crate) cut_off: bool,
    /// True if the last attempt was taken back. The next attempt then has the same number.
    pub(crate) withdrawn: bool,
    /// How many times in a row the attempt was postponed because the host could not make it.
    pub(crate) postponed: u32,
}

impl AttemptState {
    pub(crate) fn new(attempts: Attempts) -> Self {
        AttemptState {
            attempts,
            cut_off: false,
            withdrawn: false,
            postponed: 0,
        }
    }
}

/// The calls in memory.
pub(crate) struct CallQueue {
    calls: BTreeMap<CallId, QueuedCall>,
    of_run: HashMap<RunId, usize>,
    later: BTreeSet<(Time, CallId)>,
    ready: Shares<(OperationNumber, AttemptState)>,
    /// Runs with calls that were left out.
    left_out: BTreeSet<RunId>,
    /// True if calls of any run may have been left out.
    has_left_out: bool,
}

struct QueuedCall {
    requester: Requester,
    phase: CallPhase,
    /// How the call goes on after its present attempt, if it was added again meanwhile because its run was retried.
    again: Option<AttemptState>,
}

enum CallPhase {
    /// The next attempt is made later.
    Later(Time, AttemptState),
    /// The call waits for its share.
    Ready,
    /// The call is in flight. The sender tells the attempt the time at which it must give up.
    InFlight(Option<oneshot::Sender<Time>>),
    /// The result cannot be recorded, because the row of the call is damaged.
    Damaged,
}

/// A call whose attempt is made now.
pub(crate) struct DueCall {
    pub(crate) requester: Requester,
    pub(crate) operation: OperationNumber,
    pub(crate) state: AttemptState,
    /// Receives the time at which the attempt must give up, if somebody sets one.
    pub(crate) cut: oneshot::Receiver<Time>,
}

/// Calls that had no room when the store was read, and that may have room now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// The calls of one run that come after this call.
    Run(CallId),
    /// The calls of any run.
    Any,
}

impl CallQueue {
    pub(crate) fn new(most_in_flight: u32) -> Self {
        CallQueue {
            calls: BTreeMap::new(),
            of_run: HashMap::new(),
            later: BTreeSet::new(),
            ready: Shares::new(most_in_flight as usize),
            left_out: BTreeSet::new(),
            has_left_out: false,
        }
    }

    /// Returns the number of calls in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.ready.used()
    }

    /// Returns true if a call is in memory.
    pub(crate) fn knows(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Returns true if an attempt at a call is in flight.
    pub(crate) fn is_in_flight(&self, call: CallId) -> bool {
        let known = self.calls.get(&call);
        known.is_some_and(|known| matches!(known.phase, CallPhase::InFlight(_)))
    }

    /// Returns true if there is room for another call of this run.
    pub(crate) fn has_room(&self, run: RunId) -> bool {
        self.calls.len() < MOST
            && self
                .of_run
                .get(&run)
                .is_none_or(|known| *known < MOST_OF_RUN)
    }

    /// Adds a call, unless it is in memory already or there is no room for it. If the call is in flight, it goes on in
    /// this way after its present attempt, unless that attempt is put off.
    pub(crate) fn add(
        &mut self,
        requester: Requester,
        operation: OperationNumber,
        state: AttemptState,
    ) {
        let call = (requester.run, operation);
        if let Some(known) = self.calls.get_mut(&call) {
            if matches!(known.phase, CallPhase::InFlight(_)) {
                known.again = Some(state);
            }
            return;
        }
        if !self.has_room(requester.run) {
            if self.calls.len() >= MOST {
                self.has_left_out = true;
            } else {
                self.left_out.insert(requester.run);
            }
            return;
        }
        *self.of_run.entry(requester.run).or_default() += 1;
        let phase = CallPhase::Later(state.attempts.next, state);
        self.later.insert((state.attempts.next, call));
        let again = None;
        self.calls.insert(
            call,
            QueuedCall {
                requester,
                phase,
                again,
            },
        );
    }

    /// Moves the calls whose time has come to those that wait for their share.
    pub(crate) fn move_due(&mut self, now: Time) {
        while let Some((time, call)) = self.later.first().copied()
            && time <= now
        {
            self.later.pop_first();
            if let Some(known) = self.calls.get_mut(&call)
                && let CallPhase::Later(_, state) = known.phase
            {
                known.phase = CallPhase::Ready;
                self.ready.push(&known.requester, (call.1, state));
            }
        }
    }

    /// Returns the time at which the next call is due.
    pub(crate) fn next_time(&self) -> Option<Time> {
        self.later.first().map(|(time, _)| *time)
    }

    /// Takes the next call that may be attempted now, and counts it as in flight.
    pub(crate) fn take_due(&mut self) -> Option<DueCall> {
        let (requester, (operation, state)) = self.ready.next()?;
        let (sender, cut) = oneshot::channel();
        if let Some(known) = self.calls.get_mut(&(requester.run, operation)) {
            known.phase = CallPhase::InFlight(Some(sender));
            known.again = None;
        }
        Some(DueCall {
            requester,
            operation,
            state,
            cut,
        })
    }

    /// Removes a call whose attempt is over and that needs no other attempt.
    pub(crate) fn end(&mut self, requester: &Requester, operation: OperationNumber) {
        self.ready.done(requester);
        let call = (requester.run, operation);
        let again = self.calls.get(&call).and_then(|known| known.again);
        self.remove(call);
        if let Some(state) = again {
            self.add(requester.clone(), operation, state);
        }
    }

    /// Puts off a call whose attempt is over until this time.
    pub(crate) fn wait(
        &mut self,
        requester: &Requester,
        operation: OperationNumber,
        time: Time,
        state: AttemptState,
    ) {
        self.ready.done(requester);
        let call = (requester.run, operation);
        if let Some(known) = self.calls.get_mut(&call) {
            known.phase = CallPhase::Later(time, state);
            known.again = None;
            self.later.insert((time, call));
        }
    }

    /// Keeps a call whose attempt is over out of the way until the host is started again.
    pub(crate) fn set_aside(&mut self, requester: &Requester, operation: OperationNumber) {
        self.ready.done(requester);
        if let Some(known) = self.calls.get_mut(&(requester.run, operation)) {
            known.phase = CallPhase::Damaged;
        }
    }

    /// Removes calls that nobody wants any more. Those in flight must give up at this time.
    pub(crate) fn forget(&mut self, calls: &[CallId], at: Time) {
        for call in calls {
            let Some(known) = self.calls.get_mut(call) else {
                continue;
            };
            match &mut known.phase {
                CallPhase::InFlight(cut) => {
                    if let Some(cut) = cut.take() {
                        // If the task of the attempt is gone, the call is in flight no longer.
                        let _ = cut.send(at);
                    }
                }
                CallPhase::Later(time, _) => {
                    let time = *time;
                    self.later.remove(&(time, *call));
                    self.remove(*call);
                }
                // The attempt finds out that nobody wants the call.
                CallPhase::Ready | CallPhase::Damaged => {}
            }
        }
    }

    /// Removes all calls of a run that nobody wants any more. Those in flight must give up at this time.
    pub(crate) fn forget_run(&mut self, run: RunId, at: Time) {
        self.forget_of(run, at, |_| true);
    }

    /// Removes the calls of a run that are not in flight. Those in flight go on.
    pub(crate) fn forget_waiting(&mut self, run: RunId) {
        let is_waiting = |known: &QueuedCall| !matches!(known.phase, CallPhase::InFlight(_));
        self.forget_of(run, Time(0), is_waiting);
    }

    /// Returns the calls of a run that are in flight.
    pub(crate) fn in_flight_of(&self, run: RunId) -> Vec<OperationNumber> {
        let range = (run, OperationNumber(0))..=(run, OperationNumber(u32::MAX));
        let known = self.calls.range(range);
        known
            .filter(|(_, known)| matches!(known.phase, CallPhase::InFlight(_)))
            .map(|((_, operation), _)| *operation)
            .collect()
    }

    fn forget_of(&mut self, run: RunId, at: Time, is_meant: impl Fn(&QueuedCall) -> bool) {
        let range = (run, OperationNumber(0))..=(run, OperationNumber(u32::MAX));
        let known = self.calls.range(range);
        let calls: Vec<CallId> = known
            .filter(|(_, known)| is_meant(known))
            .map(|(call, _)| *call)
            .collect();
        let Some(known) = calls.first().and_then(|call| self.calls.get(call)) else {
            return;
        };
        let requester = known.requester.clone();
        for (operation, _) in self.ready.forget(&requester) {
            self.remove((run, operation));
        }
        self.forget(&calls, at);
        self.left_out.remove(&run);
    }

    /// Returns true if calls were left out for which there may be room later.
    pub(crate) fn has_any_left_out(&self) -> bool {
        self.has_left_out || !self.left_out.is_empty()
    }

    /// Returns calls that were left out and for which there is room now. They no longer count as left out.
    pub(crate) fn take_left_out(&mut self) -> Option<LeftOut> {
        if self.has_left_out && self.calls.len() <= MOST / 2 {
            self.left_out.clear();
            self.has_left_out = false;
            return Some(LeftOut::Any);
        }
        let has_room = |run: &&RunId| {
            let known = self.of_run.get(*run).copied().unwrap_or_default();
            known <= MOST_OF_RUN / 2
        };
        let run = self.left_out.iter().find(has_room).copied()?;
        self.left_out.remove(&run);
        let range = (run, OperationNumber(0))..=(run, OperationNumber(u32::MAX));
        let last = self.calls.range(range).next_back();
        Some(last.map_or(LeftOut::Any, |(call, _)| LeftOut::Run(*call)))
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

    fn requester(run: u8) -> Requester {
        Requester {
            workflow: "w".into(),
            run: RunId([run; 16]),
        }
    }

    fn at(time: u64) -> AttemptState {
        AttemptState::new(Attempts {
            scheduled: 1,
            next: Time(time),
        })
    }

    fn queue(most: u32, calls: u32) -> CallQueue {
        let mut queue = CallQueue::new(most);
        for operation in 0..calls {
            queue.add(requester(1), OperationNumber(operation), at(5));
        }
        queue
    }

    #[test]
    fn a_call_departs_when_its_time_has_come_and_is_known_once() {
        let mut queue = queue(4, 1);
        queue.add(requester(1), OperationNumber(0), at(1));
        queue.move_due(Time(4));
        assert!(queue.take_due().is_none());
        queue.move_due(Time(5));
        let due = queue.take_due().unwrap();
        assert_eq!(due.operation, OperationNumber(0));
        assert!(queue.knows((requester(1).run, OperationNumber(0))));
        queue.wait(&requester(1), OperationNumber(0), Time(9), at(9));
        assert_eq!((queue.next_time(), queue.in_flight()), (Some(Time(9)), 0));
    }

    #[test]
    fn a_call_of_a_run_that_is_retried_goes_on_after_its_flight() {
        let mut queue = queue(4, 2);
        queue.move_due(Time(5));
        let due = queue.take_due().unwrap();
        queue.forget_waiting(requester(1).run);
        assert_eq!(queue.in_flight_of(requester(1).run), [OperationNumber(0)]);
        assert!(queue.take_due().is_none(), "the other one stays");
        queue.add(requester(1), OperationNumber(0), at(9));
        queue.end(&due.requester, due.operation);
        assert_eq!((queue.next_time(), queue.in_flight()), (Some(Time(9)), 0));
        queue.move_due(Time(9));
        let due = queue.take_due().unwrap();
        queue.end(&due.requester, due.operation);
        assert!(!queue.knows((requester(1).run, OperationNumber(0))));
    }

    #[test]
    fn the_calls_of_a_run_in_memory_are_limited_and_the_others_are_read_later() {
        let mut queue = queue(4, 10_000);
        assert_eq!(queue.calls.len(), MOST_OF_RUN);
        assert_eq!(queue.take_left_out(), None);
        queue.move_due(Time(5));
        for operation in 0..600 {
            let due = queue.take_due().unwrap();
            assert_eq!(due.operation, OperationNumber(operation));
            queue.end(&due.requester, due.operation);
        }
        let last = OperationNumber(u32::try_from(MOST_OF_RUN).unwrap() - 1);
        assert_eq!(
            queue.take_left_out(),
            Some(LeftOut::Run((requester(1).run, last)))
        );
        assert_eq!(queue.take_left_out(), None);
    }

    #[test]
    fn a_cancelled_run_has_no_calls_and_those_in_flight_are_stopped() {
        let mut queue = queue(8, 100);
        queue.move_due(Time(5));
        let mut due = queue.take_due().unwrap();
        queue.add(requester(1), OperationNumber(200), at(50));
        queue.forget_run(requester(1).run, Time(7));
        assert_eq!(due.cut.try_recv(), Ok(Some(Time(7))));
        assert!(queue.take_due().is_none());
        assert_eq!((queue.calls.len(), queue.next_time()), (1, None));
        queue.end(&due.requester, due.operation);
        assert_eq!((queue.calls.len(), queue.of_run.len()), (0, 0));
    }
}
