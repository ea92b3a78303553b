//! Outbound calls: attempt after attempt, each counted in the store before it is made.
//!
//! The store has every call without a result, and how far the call has come. The [`CallQueue`] has the calls that are
//! attempted next, and gives each run and each workflow its share of what may be in flight. A task makes one attempt
//! (`call_attempt.rs`), and its result is recorded (`call_results.rs`).
//!
//! After a crash, [`Calls::survey`] continues every call where it was. An attempt whose time had come may have been
//! sent, so it counts, and the next attempt follows. If it was the last that is allowed, the call ends with
//! `interrupted`. The same happens to an attempt whose task panicked. If the host lacks the key for the secrets of a
//! call, the attempt is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{CallError, OperationNumber, RunId, Time};
use dormouse_seams::{HostClock, Spawner};
use dormouse_store::{Attempts, CallPage, Due, OutstandingCall, Pause, ReadError, Store};
use tokio::sync::Notify;

use crate::aside::Aside;
use crate::call_attempt::{AfterAttempt, CallAttempt, CallSender};
use crate::call_queue::{CallQueue, Course, Lacking};
use crate::call_results::{CallResults, Recorded};
use crate::deadlines::Deadlines;
use crate::retry::{self, GAP};
use crate::shares::Party;
use crate::slots::Slots;
use crate::wake::Wake;

/// The number of calls that a survey reads at once.
const PAGE: usize = 256;

/// Milliseconds between surveys of all calls. A survey finds calls that were lost from memory.
const SURVEY: u64 = 30_000;

/// How long after the beginning of a pause an attempt may have been sent without being recorded when the host was
/// killed, in milliseconds. Such an attempt was decided before the pause was known.
const LATE: u64 = 5_000;

/// How long an attempt may continue after its run has ended or has given the call up, in milliseconds.
const FAREWELL: u64 = 30_000;

/// Makes outbound calls.
pub(crate) struct Calls {
    store: Arc<dyn Store>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    slots: Arc<Slots>,
    wake: Wake,
    aside: Arc<Aside>,
    sender: Arc<CallSender>,
    results: Arc<CallResults>,
    /// When this host was started. Attempts that were due before may have been made by an earlier process.
    started: Time,
    /// True once all attempts that were due before the start were taken up.
    is_recovered: AtomicBool,
    queue: Mutex<CallQueue>,
    /// The time at which the next call is due.
    next: Deadlines,
    /// The time of the next survey.
    surveys: Deadlines,
    landed: Notify,
}

/// The parts from which [`Calls`] is made.
pub(crate) struct CallParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) aside: Arc<Aside>,
    pub(crate) sender: Arc<CallSender>,
    pub(crate) results: Arc<CallResults>,
    pub(crate) most_in_flight: u32,
}

impl Calls {
    pub(crate) fn new(parts: CallParts) -> Arc<Self> {
        let CallParts {
            store,
            spawner,
            slots,
            wake,
            aside,
            sender,
            results,
            most_in_flight,
        } = parts;
        let clock = store.clock().clone();
        Arc::new(Calls {
            started: clock.now(),
            is_recovered: AtomicBool::new(false),
            queue: Mutex::new(CallQueue::new(most_in_flight)),
            next: Deadlines::default(),
            surveys: Deadlines::default(),
            landed: Notify::new(),
            store,
            clock,
            spawner,
            slots,
            wake,
            aside,
            sender,
            results,
        })
    }

    /// Adds calls that were just committed.
    pub(crate) fn start(
        self: &Arc<Self>,
        party: &Party,
        operations: &[OperationNumber],
        attempts: Attempts,
    ) {
        let mut queue = self.lock();
        for operation in operations {
            queue.add(party.clone(), *operation, Course::new(attempts));
        }
        drop(queue);
        self.depart();
    }

    /// Stops the calls of a run that was cancelled, also those in flight.
    pub(crate) fn cancelled(&self, run: RunId) {
        let now = self.clock.now();
        self.lock().forget_run(run, now);
    }

    /// Stops the calls of a run that has ended. Those in flight may continue for a while.
    pub(crate) fn ended(&self, run: RunId) {
        let at = self.clock.now().after(FAREWELL);
        self.lock().forget_run(run, at);
    }

    /// Stops the calls of a run that has failed, until it is retried. Those in flight continue.
    pub(crate) fn failed(&self, run: RunId) {
        self.lock().ground_run(run);
    }

    /// Returns the calls of a run that are in flight.
    pub(crate) fn in_flight(&self, run: RunId) -> Vec<OperationNumber> {
        self.lock().in_flight_of(run)
    }

    /// Stops calls that a run has given up. Those in flight may continue for a while.
    pub(crate) fn given_up(&self, run: RunId, operations: &[OperationNumber]) {
        let at = self.clock.now().after(FAREWELL);
        let calls: Vec<_> = operations.iter().map(|number| (run, *number)).collect();
        self.lock().forget(&calls, at);
    }

    /// Looks for calls again, because something that was paused was resumed.
    pub(crate) fn resumed(self: &Arc<Self>) {
        self.surveys.hint(Some(Time(0)));
        self.depart();
    }

    /// Takes up the calls of runs that were resumed.
    pub(crate) fn put_back(self: &Arc<Self>, calls: &[OutstandingCall]) {
        calls.iter().for_each(|call| self.take_up(call));
        self.depart();
    }

    /// Makes calls when they are due, as long as the host runs.
    pub(crate) async fn run(self: &Arc<Self>) {
        while !self.slots.is_stopping() {
            self.next.clear();
            self.depart();
            let look = self.clock.now().after(SURVEY);
            self.next.wait(&self.clock, look).await;
        }
    }

    /// Looks up calls that are not in memory: all calls at the start and every [`SURVEY`], and those that were left out
    /// when there is room for them.
    pub(crate) async fn run_surveys(self: &Arc<Self>) {
        let mut next_survey = Time(0);
        while !self.slots.is_stopping() {
            self.surveys.clear();
            let now = self.clock.now();
            if self.aside.host().is_some() {
                // Resuming the host sends a hint that ends this wait.
                (self.surveys.wait(&self.clock, now.after(SURVEY))).await;
                next_survey = Time(0);
                continue;
            }
            let lacking = self.lock().takes_lacking();
            let surveyed = if now >= next_survey || lacking == Some(Lacking::Any) {
                next_survey = now.after(SURVEY);
                self.survey(None).await
            } else {
                match lacking {
                    Some(Lacking::Run(call)) => self.survey(Some(call)).await,
                    _ => Ok(()),
                }
            };
            if let Err(error) = surveyed {
                tracing::warn!(%error, "calls could not be read");
            }
            self.surveys.wait(&self.clock, next_survey).await;
        }
    }

    /// Takes up every call that is not in memory; after a crash, that is every call. If `of` is set, only the calls of
    /// that run that come after it. Each page is finished before the next is read.
    async fn survey(
        self: &Arc<Self>,
        of: Option<(RunId, OperationNumber)>,
    ) -> Result<(), ReadError> {
        let mut after = of;
        while !self.slots.is_stopping() {
            let CallPage { mut calls, paused } = self.store.calls(after, PAGE).await?;
            let Some(last) = calls.last() else {
                if of.is_none() {
                    self.is_recovered.store(true, Ordering::Release);
                }
                break;
            };
            after = Some((last.run, last.operation));
            let mut is_last = false;
            if let Some((run, _)) = of {
                is_last = calls.iter().any(|call| call.run != run);
                calls.retain(|call| call.run == run);
            }
            let (cut_off, others) = self.cut_off(calls, &paused);
            let held = self.sift(&others, &paused).await;
            for call in &others {
                if !held.contains(&Due::Call(call.run, call.operation)) {
                    self.take_up(call);
                }
            }
            // All at once, so that their writes share a commit.
            let recovering = cut_off.iter().map(|call| self.recover(call));
            futures::future::join_all(recovering).await;
            self.depart();
            if is_last || of.is_some_and(|(run, _)| !self.lock().has_room(run)) {
                break;
            }
            self.wake.room().await;
        }
        Ok(())
    }

    /// Separates the calls whose last attempt may have been sent before a crash without a recorded result from the
    /// others. Nothing of a paused run was sent after the pause began.
    fn cut_off(
        &self,
        calls: Vec<OutstandingCall>,
        paused: &BTreeMap<RunId, Pause>,
    ) -> (Vec<OutstandingCall>, Vec<OutstandingCall>) {
        if self.is_recovered.load(Ordering::Acquire) {
            return (Vec::new(), calls);
        }
        let host = self.aside.host_at_start();
        calls.into_iter().partition(|call| {
            let since = paused.get(&call.run).map(|pause| pause.since);
            let since = since.into_iter().chain(host).min();
            let until = since.map_or(self.started, |since| since.after(LATE).min(self.started));
            call.attempts.next <= until && !self.lock().knows((call.run, call.operation))
        })
    }

    /// Sets aside those of these calls whose runs are paused, except those in flight. Returns the calls that must not
    /// be made now.
    async fn sift(
        &self,
        calls: &[OutstandingCall],
        paused: &BTreeMap<RunId, Pause>,
    ) -> BTreeSet<Due> {
        let in_flight = |call: &&OutstandingCall| {
            let id = (call.run, call.operation);
            !self.lock().is_in_flight(id)
        };
        let works = calls.iter().filter(in_flight);
        let works = works.map(|call| Due::Call(call.run, call.operation));
        self.aside.sift(works, paused).await
    }

    fn take_up(&self, call: &OutstandingCall) {
        let course = Course::new(call.attempts);
        self.lock().add(party(call), call.operation, course);
    }

    /// Continues a call whose attempt a crash may have cut off.
    async fn recover(&self, call: &OutstandingCall) {
        let mut course = Course::new(call.attempts);
        let id = (call.run, call.operation);
        let next = call.attempts.next.after(GAP).max(self.clock.now());
        let bounds = call.bounds;
        if bounds.allow_after(call.attempts.scheduled) && bounds.allow_at(next) {
            let error = Some(retry::reason(&Err(CallError::Interrupted)));
            let recorded = self.results.schedule_next(id, &mut course, next, error);
            if let Recorded::Yes = recorded.await {
                self.lock().add(party(call), call.operation, course);
            }
        } else {
            let result = Err(CallError::Interrupted);
            self.results.finish(id, course, result).await;
        }
    }

    /// Starts the attempts that may be made now.
    fn depart(self: &Arc<Self>) {
        // A host that stops takes no new work: recovery would count an attempt that was not made as one that was.
        if self.slots.is_stopping() || self.aside.host().is_some() {
            return;
        }
        let now = self.clock.now();
        loop {
            let departure = {
                let mut queue = self.lock();
                queue.come(now);
                queue.depart()
            };
            let Some(departure) = departure else { break };
            let flight = Flight {
                calls: self.clone(),
                attempt: CallAttempt::new(self.sender.clone(), departure),
                has_landed: false,
            };
            self.spawner.spawn(Box::pin(flight.fly()));
        }
        let next = self.lock().next_time();
        self.next.hint(next);
    }

    /// Resolves when the result of every attempt in flight has been recorded.
    pub(crate) async fn stopped(&self) {
        loop {
            let landed = self.landed.notified();
            if self.lock().in_flight() == 0 {
                return;
            }
            landed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, CallQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn party(call: &OutstandingCall) -> Party {
    Party {
        workflow: call.workflow.clone(),
        run: call.run,
    }
}

/// A call in flight. It keeps its share of what may be in flight until its task is done. If the task panics, the call
/// goes on as after a crash.
struct Flight {
    calls: Arc<Calls>,
    attempt: CallAttempt,
    has_landed: bool,
}

impl Flight {
    async fn fly(mut self) {
        let after = self.attempt.make().await;
        self.land(after);
        self.calls.depart();
    }

    /// Ends the flight.
    fn land(&mut self, after: AfterAttempt) {
        let now = self.calls.clock.now();
        // Nothing can panic after this line.
        self.has_landed = true;
        let (party, operation) = (self.attempt.party(), self.attempt.operation());
        let mut queue = self.calls.lock();
        match after {
            AfterAttempt::Over => queue.end(party, operation),
            AfterAttempt::Again(course) => {
                queue.wait(party, operation, course.attempts.next, course);
            }
            AfterAttempt::Trouble(course, delay) => {
                queue.wait(party, operation, now.after(delay), course);
            }
            AfterAttempt::Damaged => queue.set_aside(party, operation),
        }
        let is_lacking = queue.lacks();
        drop(queue);
        self.calls.landed.notify_waiters();
        if is_lacking {
            self.calls.surveys.hint(Some(now));
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if self.has_landed {
            return;
        }
        let (party, operation) = (self.attempt.party(), self.attempt.operation());
        if !std::thread::panicking() {
            // The host goes.
            return self.calls.lock().end(party, operation);
        }
        tracing::error!(run = %party.run, %operation, "the host panicked over a call");
        self.land(self.attempt.after_panic());
        let next = self.calls.lock().next_time();
        self.calls.next.hint(next);
    }
}
