//! Outbound calls: attempt after attempt, each counted in the store before it is made.
//!
//! The store has every call without a result, and how far the call has come. The [`CallQueue`] has the calls that are
//! attempted next, and gives each run and each workflow its share of what may be in flight. A task makes one attempt
//! (`call_attempt.rs`), and its result is recorded (`call_results.rs`).
//!
//! After a crash, [`Calls::scan`] continues every call where it was. An attempt whose time had come may have been
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

use crate::call_attempt::{AfterAttempt, CallAttempt, CallSender};
use crate::call_queue::{AttemptState, CallQueue, LeftOut};
use crate::call_results::{CallResults, Recorded};
use crate::deadlines::Deadlines;
use crate::pause_cache::PauseCache;
use crate::retry::{self, GAP};
use crate::shares::Requester;
use crate::slots::Slots;
use crate::wake::Wake;

/// The number of calls that a scan reads at once.
const PAGE: usize = 256;

/// Milliseconds between scans of all calls. A scan finds calls that were lost from memory.
const SCAN_INTERVAL: u64 = 30_000;

/// How long after the beginning of a pause an attempt may still be sent, in milliseconds: an attempt that was decided
/// before the pause was known. If the host is killed then, such an attempt was sent and is not recorded.
const LATE: u64 = 5_000;

/// How long an attempt may continue after its run has ended or has given the call up, in milliseconds.
const ATTEMPT_GRACE: u64 = 30_000;

/// Makes outbound calls.
pub(crate) struct Calls {
    store: Arc<dyn Store>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    slots: Arc<Slots>,
    wake: Wake,
    pause_cache: Arc<PauseCache>,
    sender: Arc<CallSender>,
    results: Arc<CallResults>,
    /// When this host was started. Attempts that were due before may have been made by an earlier process.
    started: Time,
    /// True once all attempts that were due before the start were taken up.
    is_recovered: AtomicBool,
    queue: Mutex<CallQueue>,
    /// The time at which the next call is due.
    next: Deadlines,
    /// The time of the next scan.
    scans: Deadlines,
    finished: Notify,
}

/// The parts from which [`Calls`] is made.
pub(crate) struct CallParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) pause_cache: Arc<PauseCache>,
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
            pause_cache,
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
            scans: Deadlines::default(),
            finished: Notify::new(),
            store,
            clock,
            spawner,
            slots,
            wake,
            pause_cache,
            sender,
            results,
        })
    }

    /// Adds calls that were just committed.
    pub(crate) fn start(
        self: &Arc<Self>,
        requester: &Requester,
        operations: &[OperationNumber],
        attempts: Attempts,
    ) {
        let mut queue = self.lock();
        for operation in operations {
            queue.add(requester.clone(), *operation, AttemptState::new(attempts));
        }
        drop(queue);
        self.start_due();
    }

    /// Stops the calls of a run that was cancelled, also those in flight.
    pub(crate) fn cancelled(&self, run: RunId) {
        let now = self.clock.now();
        self.lock().forget_run(run, now);
    }

    /// Stops the calls of a run that has ended. Those in flight may continue for a while.
    pub(crate) fn ended(&self, run: RunId) {
        let at = self.clock.now().after(ATTEMPT_GRACE);
        self.lock().forget_run(run, at);
    }

    /// Stops the calls of a run that has failed, until it is retried. Those in flight continue.
    pub(crate) fn failed(&self, run: RunId) {
        self.lock().forget_waiting(run);
    }

    /// Returns the calls of a run that are in flight.
    pub(crate) fn in_flight(&self, run: RunId) -> Vec<OperationNumber> {
        self.lock().in_flight_of(run)
    }

    /// Stops calls that a run has given up. Those in flight may continue for a while.
    pub(crate) fn given_up(&self, run: RunId, operations: &[OperationNumber]) {
        let at = self.clock.now().after(ATTEMPT_GRACE);
        let calls: Vec<_> = operations.iter().map(|number| (run, *number)).collect();
        self.lock().forget(&calls, at);
    }

    /// Looks for calls again, because something that was paused was resumed.
    pub(crate) fn resumed(self: &Arc<Self>) {
        self.scans.hint(Some(Time(0)));
        self.start_due();
    }

    /// Takes up the calls of runs that were resumed.
    pub(crate) fn put_back(self: &Arc<Self>, calls: &[OutstandingCall]) {
        calls.iter().for_each(|call| self.add_to_queue(call));
        self.start_due();
    }

    /// Makes calls when they are due, as long as the host runs.
    pub(crate) async fn run(self: &Arc<Self>) {
        while !self.slots.is_stopping() {
            self.next.clear();
            self.start_due();
            let look = self.clock.now().after(SCAN_INTERVAL);
            self.next.wait(&self.clock, look).await;
        }
    }

    /// Looks up calls that are not in memory: all calls at the start and every [`SCAN_INTERVAL`], and those that were left out
    /// when there is room for them.
    pub(crate) async fn run_scans(self: &Arc<Self>) {
        let mut next_scan = Time(0);
        while !self.slots.is_stopping() {
            self.scans.clear();
            let now = self.clock.now();
            if self.pause_cache.host().is_some() {
                // Resuming the host sends a hint that ends this wait.
                (self.scans.wait(&self.clock, now.after(SCAN_INTERVAL))).await;
                next_scan = Time(0);
                continue;
            }
            let left_out = self.lock().take_left_out();
            let scanned = if now >= next_scan || left_out == Some(LeftOut::Any) {
                next_scan = now.after(SCAN_INTERVAL);
                self.scan(None).await
            } else {
                match left_out {
                    Some(LeftOut::Run(call)) => self.scan(Some(call)).await,
                    _ => Ok(()),
                }
            };
            if let Err(error) = scanned {
                tracing::warn!(%error, "the store could not list the calls that are due; the host tries again");
            }
            self.scans.wait(&self.clock, next_scan).await;
        }
    }

    /// Takes up every call that is not in memory; after a crash, that is every call. If `of` is set, this takes up only
    /// the calls of that run that come after that call. Each page is finished before the next is read.
    async fn scan(self: &Arc<Self>, of: Option<(RunId, OperationNumber)>) -> Result<(), ReadError> {
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
            let held = self.set_aside_paused(&others, &paused).await;
            for call in &others {
                if !held.contains(&Due::Call(call.run, call.operation)) {
                    self.add_to_queue(call);
                }
            }
            // They are recovered at the same time, so that their writes share a commit.
            let recovering = cut_off.iter().map(|call| self.recover(call));
            futures::future::join_all(recovering).await;
            self.start_due();
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
        let host = self.pause_cache.host_at_start();
        calls.into_iter().partition(|call| {
            let since = paused.get(&call.run).map(|pause| pause.since);
            let since = since.into_iter().chain(host).min();
            let until = since.map_or(self.started, |since| since.after(LATE).min(self.started));
            call.attempts.next <= until && !self.lock().knows((call.run, call.operation))
        })
    }

    /// Sets aside those of these calls whose runs are paused, except those in flight. Returns the calls that must not
    /// be made now.
    async fn set_aside_paused(
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
        self.pause_cache.set_aside_paused(works, paused).await
    }

    fn add_to_queue(&self, call: &OutstandingCall) {
        let state = AttemptState::new(call.attempts);
        self.lock().add(requester(call), call.operation, state);
    }

    /// Continues a call whose attempt a crash may have cut off.
    async fn recover(&self, call: &OutstandingCall) {
        let mut state = AttemptState::new(call.attempts);
        let id = (call.run, call.operation);
        let next = call.attempts.next.after(GAP).max(self.clock.now());
        let bounds = call.bounds;
        if bounds.allow_after(call.attempts.scheduled) && bounds.allow_at(next) {
            let error = Some(retry::reason(&Err(CallError::Interrupted)));
            let recorded = self.results.schedule_next(id, &mut state, next, error);
            if let Recorded::Yes = recorded.await {
                self.lock().add(requester(call), call.operation, state);
            }
        } else {
            let result = Err(CallError::Interrupted);
            self.results.finish(id, state, result).await;
        }
    }

    /// Starts the attempts that may be made now.
    fn start_due(self: &Arc<Self>) {
        // A host that stops takes no new work: recovery would count an attempt that was not made as one that was.
        if self.slots.is_stopping() || self.pause_cache.host().is_some() {
            return;
        }
        let now = self.clock.now();
        loop {
            let due = {
                let mut queue = self.lock();
                queue.move_due(now);
                queue.take_due()
            };
            let Some(due) = due else { break };
            let attempt = RunningAttempt {
                calls: self.clone(),
                attempt: CallAttempt::new(self.sender.clone(), due),
                is_finished: false,
            };
            self.spawner.spawn(Box::pin(attempt.execute()));
        }
        let next = self.lock().next_time();
        self.next.hint(next);
    }

    /// Resolves when the result of every attempt in flight has been recorded.
    pub(crate) async fn stopped(&self) {
        loop {
            let finished = self.finished.notified();
            if self.lock().in_flight() == 0 {
                return;
            }
            finished.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, CallQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn requester(call: &OutstandingCall) -> Requester {
    Requester {
        workflow: call.workflow.clone(),
        run: call.run,
    }
}

/// A call in flight. It counts as one in flight until its task is done. If the task panics, the call goes on as after a
/// crash.
struct RunningAttempt {
    calls: Arc<Calls>,
    attempt: CallAttempt,
    is_finished: bool,
}

impl RunningAttempt {
    async fn execute(mut self) {
        let after = self.attempt.make().await;
        self.finish(after);
        self.calls.start_due();
    }

    /// Ends the attempt.
    fn finish(&mut self, after: AfterAttempt) {
        let now = self.calls.clock.now();
        // Nothing can panic after this line.
        self.is_finished = true;
        let (requester, operation) = (self.attempt.requester(), self.attempt.operation());
        let mut queue = self.calls.lock();
        match after {
            AfterAttempt::Over => queue.end(requester, operation),
            AfterAttempt::Again(state) => {
                queue.wait(requester, operation, state.attempts.next, state);
            }
            AfterAttempt::Postponed(state, delay) => {
                queue.wait(requester, operation, now.after(delay), state);
            }
            AfterAttempt::Damaged => queue.set_aside(requester, operation),
        }
        let has_left_out = queue.has_any_left_out();
        drop(queue);
        self.calls.finished.notify_waiters();
        if has_left_out {
            self.calls.scans.hint(Some(now));
        }
    }
}

impl Drop for RunningAttempt {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        let (requester, operation) = (self.attempt.requester(), self.attempt.operation());
        if !std::thread::panicking() {
            // The host stops, and its executor has dropped the task.
            return self.calls.lock().end(requester, operation);
        }
        tracing::error!(run = %requester.run, %operation, "the host panicked while it made an attempt at a call");
        self.finish(self.attempt.after_panic());
        let next = self.calls.lock().next_time();
        self.calls.next.hint(next);
    }
}
