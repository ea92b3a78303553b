//! Outbound calls: attempt after attempt, each counted in the store before it is made.
//!
//! The store has every call without a result, and how far it has come. The [`CallQueue`] knows those that are the next to be
//! attempted, and gives each run and each workflow its share of what may be in flight. A task drives one attempt at a time.
//!
//! After a crash, [`Calls::survey`] takes up every call where it was: an attempt whose time had come may have been sent, so
//! it counts, and the next one follows; if it was the last that is allowed, the call was `interrupted`. The same happens to
//! an attempt whose task panicked. An attempt that the host has no key for is taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{CallError, Channel, OperationNumber, Response, RunId, Status, Time};
use dormouse_limits::{Budget, Limits, Part};
use dormouse_seams::{Attempt, Egress, HostClock, SecretHeader, Spawner};
use dormouse_store::{
    AttemptMade, AttemptNoted, Attempts, Call, CallPage, Due, OutstandingCall, Pause, ReadError,
    SendingView, Store, WriteError,
};
use futures::FutureExt;
use futures::channel::oneshot;
use tokio::sync::Notify;

use crate::aside::Aside;
use crate::call_queue::{CallQueue, Course, Departure, Lacking};
use crate::deadlines::Deadlines;
use crate::hint::Hint;
use crate::retry::{self, Decision, GAP, Tried};
use crate::secrets::{Secrets, SendRefused};
use crate::shares::Party;
use crate::slots::Slots;
use crate::storage::over_storage;
use crate::wake::Wake;
use crate::watchers::Watchers;

/// How many calls a survey reads at once.
const PAGE: usize = 256;

/// Milliseconds between surveys of all calls, which find those that were lost.
const SURVEY: u64 = 30_000;

/// How often a call is looked at whose secrets the host cannot open, in milliseconds.
const SECRET_PAUSE: u64 = 5_000;

/// How long to wait before something that the host's own trouble prevents is tried again, in milliseconds: the first time,
/// and at most, after a delay that doubles each time.
const PAUSE: (u64, u64) = (500, 60_000);

/// How long after the beginning of a pause an attempt may have been on its way that was not recorded when the host was killed,
/// in milliseconds: it was decided before the pause was known.
const LATE: u64 = 5_000;

/// How long an attempt may go on whose run has ended or gave the call up, in milliseconds.
const FAREWELL: u64 = 30_000;

/// Makes outbound calls.
pub(crate) struct Calls {
    store: Arc<dyn Store>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    slots: Arc<Slots>,
    wake: Wake,
    egress: Arc<dyn Egress>,
    secrets: Arc<Secrets>,
    limits: Arc<Limits>,
    memory: Budget,
    watchers: Arc<Watchers>,
    aside: Arc<Aside>,
    /// Told when a run has ended by a call, which may leave something to be carried out.
    orders_waiting: Arc<Notify>,
    /// When this host was started. What was to be attempted before may have been.
    started: Time,
    /// True once all that was to be attempted before was taken up.
    is_recovered: AtomicBool,
    queue: Mutex<CallQueue>,
    /// When the next call's time comes.
    next: Deadlines,
    /// When calls are looked up next.
    surveys: Deadlines,
    landed: Notify,
}

/// What calls are made with.
pub(crate) struct CallParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) egress: Arc<dyn Egress>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Budget,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) aside: Arc<Aside>,
    pub(crate) orders_waiting: Arc<Notify>,
}

/// How a call goes on after its task is done.
#[derive(Clone, Copy)]
enum Outcome {
    /// It does not: it has a result, or nobody wants one.
    Over,
    /// Its next attempt is made at its time.
    Again(Course),
    /// The host's own trouble keeps it from going on, and it is tried again after so many milliseconds.
    Trouble(Course, u64),
    /// Its row is damaged.
    Damaged,
}

/// Whether what came of an attempt was recorded.
enum Recorded {
    /// It was.
    Yes,
    /// Nobody wants to know.
    Unwanted,
    /// It cannot be.
    Damaged,
}

impl Calls {
    pub(crate) fn new(parts: CallParts) -> Arc<Self> {
        let CallParts {
            store,
            spawner,
            slots,
            wake,
            egress,
            secrets,
            limits,
            memory,
            watchers,
            aside,
            orders_waiting,
        } = parts;
        let clock = store.clock().clone();
        Arc::new(Calls {
            started: clock.now(),
            is_recovered: AtomicBool::new(false),
            queue: Mutex::new(CallQueue::new(limits.calls_in_flight)),
            next: Deadlines::default(),
            surveys: Deadlines::default(),
            landed: Notify::new(),
            store,
            clock,
            spawner,
            slots,
            wake,
            egress,
            secrets,
            limits,
            memory,
            watchers,
            aside,
            orders_waiting,
        })
    }

    /// Makes calls that were committed just now.
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

    /// A run was cancelled: what is in flight of it is cut off.
    pub(crate) fn cancelled(&self, run: RunId) {
        let now = self.clock.now();
        self.lock().forget_run(run, now);
    }

    /// A run has ended: nothing of it departs any more, and what is in flight may arrive.
    pub(crate) fn ended(&self, run: RunId) {
        let at = self.clock.now().after(FAREWELL);
        self.lock().forget_run(run, at);
    }

    /// A run has failed: nothing of it departs any more unless it is retried, and what is in flight arrives.
    pub(crate) fn failed(&self, run: RunId) {
        self.lock().ground_run(run);
    }

    /// Returns the calls of a run that are in flight.
    pub(crate) fn in_flight(&self, run: RunId) -> Vec<OperationNumber> {
        self.lock().in_flight_of(run)
    }

    /// A run gave these calls up: what is in flight of them may arrive.
    pub(crate) fn given_up(&self, run: RunId, operations: &[OperationNumber]) {
        let at = self.clock.now().after(FAREWELL);
        let calls: Vec<_> = operations.iter().map(|number| (run, *number)).collect();
        self.lock().forget(&calls, at);
    }

    /// Something goes on that was paused.
    pub(crate) fn resumed(self: &Arc<Self>) {
        self.surveys.hint(Some(Time(0)));
        self.depart();
    }

    /// Makes calls whose runs go on.
    pub(crate) fn put_back(self: &Arc<Self>, calls: &[OutstandingCall]) {
        calls.iter().for_each(|call| self.take_up(call));
        self.depart();
    }

    /// Makes calls when their time comes, for as long as the host runs.
    pub(crate) async fn run(self: &Arc<Self>) {
        while !self.slots.is_stopping() {
            self.next.clear();
            self.depart();
            let look = self.clock.now().after(SURVEY);
            self.next.wait(&self.clock, look).await;
        }
    }

    /// Looks up the calls that nobody drives: all of them at the start and every now and then, and those that were left out
    /// when there is room for them.
    pub(crate) async fn run_surveys(self: &Arc<Self>) {
        let mut next_survey = Time(0);
        while !self.slots.is_stopping() {
            self.surveys.clear();
            let now = self.clock.now();
            if self.aside.host().is_some() {
                // Whoever has the host go on hints at it.
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

    /// Takes up every call that nobody drives: all of them after a crash. With a call given, only those of the same run that
    /// come after it. A page is done with before the next is read.
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
            // Together, so that what they write goes to the disk together.
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

    /// Returns those calls of whose last attempt a crash may have hidden what came of it, and the others. Nothing of a paused
    /// run was sent after the pause began.
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

    /// Sets aside those of these calls whose runs are paused, but for those in flight. Returns those that are not to be made
    /// now.
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

    /// Goes on with a call whose attempt a crash may have cut off.
    async fn recover(&self, call: &OutstandingCall) {
        let mut course = Course::new(call.attempts);
        let id = (call.run, call.operation);
        let next = call.attempts.next.after(GAP).max(self.clock.now());
        let bounds = call.bounds;
        if bounds.allow_after(call.attempts.scheduled) && bounds.allow_at(next) {
            let error = Some(retry::reason(&Err(CallError::Interrupted)));
            if let Recorded::Yes = self.schedule_next(id, &mut course, next, error).await {
                self.lock().add(party(call), call.operation, course);
            }
        } else {
            self.finish(id, course, Err(CallError::Interrupted)).await;
        }
    }

    /// Sends off the calls that may go now.
    fn depart(self: &Arc<Self>) {
        // Stopping takes no new work: an attempt that is not made is counted by recovery as one that was.
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
            let flight = Flight::new(self.clone(), departure);
            self.spawner.spawn(Box::pin(flight.fly()));
        }
        let next = self.lock().next_time();
        self.next.hint(next);
    }

    /// Returns the call if its next attempt is still to be made: the run may have ended, or given the call up.
    async fn wanted(
        &self,
        (run, operation): (RunId, OperationNumber),
        course: &Course,
    ) -> Result<Option<SendingView>, ReadError> {
        let sending = self.store.sending(run, operation).await?;
        Ok(sending.filter(|sending| sending.attempts == course.attempts))
    }

    /// Has the memory for a call's body counted for as long as it is in use. Returns false if there is none.
    fn hold(&self, call: &mut Call) -> bool {
        let mut memory = self.memory.begin(Part::Calls);
        let body = &mut call.request.body;
        if !memory.reach_body(body.len() as u64) {
            return false;
        }
        *body = memory.keep(std::mem::take(body));
        true
    }

    fn attempt(&self, call: &Call, secret_headers: Vec<SecretHeader>, party: &Party) -> Attempt {
        let mut request = call.request.clone();
        let named = |name: &str| {
            let own = request.headers.iter().map(|(header, _)| header);
            let mut all = own.chain(secret_headers.iter().map(|header| &header.name));
            all.any(|header| header.eq_ignore_ascii_case(name))
        };
        if !named("idempotency-key") {
            let key = Bytes::copy_from_slice(call.idempotency_key.as_bytes());
            request.headers.push(("Idempotency-Key".into(), key));
        }
        Attempt {
            on_behalf_of: party.workflow.clone(),
            request,
            secret_headers,
            timeout: Duration::from_millis(call.timeout.min(self.limits.call_timeout_limit)),
            redirects: call.redirects,
            max_response: self.limits.body,
            memory: self.memory.clone(),
        }
    }

    /// Records a call's result, and wakes its run.
    async fn finish(
        &self,
        id: (RunId, OperationNumber),
        course: Course,
        result: Result<Response, CallError>,
    ) -> Recorded {
        let recorded = self.record(id, course, AttemptMade::Done(result)).await;
        if let Recorded::Yes = recorded {
            let hint = Hint::Channel(Channel::Result(id.1));
            self.wake.queue(id.0, hint, self.clock.now());
        }
        recorded
    }

    /// Schedules the next attempt, which counts from its commit on.
    async fn schedule_next(
        &self,
        id: (RunId, OperationNumber),
        course: &mut Course,
        next: Time,
        error: Option<String>,
    ) -> Recorded {
        let made = AttemptMade::Again { next, error };
        let recorded = self.record(id, *course, made).await;
        if let Recorded::Yes = recorded {
            *course = Course::new(Attempts {
                scheduled: course.attempts.scheduled + 1,
                next,
            });
        }
        recorded
    }

    /// Records what came of an attempt, however long the host is in trouble.
    async fn record(
        &self,
        (run, operation): (RunId, OperationNumber),
        course: Course,
        made: AttemptMade,
    ) -> Recorded {
        let mut troubles = 0;
        loop {
            let attempt = course.attempts;
            let over = over_storage(&self.limits);
            let made = made.clone();
            match self
                .store
                .attempt_made(run, operation, attempt, made, over)
                .await
            {
                Ok(AttemptNoted::Recorded) => return Recorded::Yes,
                Ok(AttemptNoted::Unwanted) => return Recorded::Unwanted,
                Ok(AttemptNoted::RunFailed) => {
                    tracing::info!(%run, %operation, "a run has failed by a response that it has no room for");
                    self.slots.forget(run);
                    self.watchers.tell(run, Status::Failed);
                    self.orders_waiting.notify_one();
                    return Recorded::Unwanted;
                }
                Err(error @ WriteError::Row(_)) => {
                    tracing::error!(%run, %operation, %error, "what came of a call could not be recorded");
                    return Recorded::Damaged;
                }
                // The host is about to exit, and the next one counts the attempt as one that was cut off.
                Err(WriteError::Failed(_)) => return Recorded::Unwanted,
                Err(error) => {
                    tracing::debug!(%run, %operation, %error, "what came of a call is recorded later");
                    // Space is there at once when it is; other trouble may stay.
                    let pause = match error {
                        WriteError::Full => PAUSE.0,
                        _ => pause(troubles),
                    };
                    troubles += 1;
                    self.clock.sleep_until(self.clock.now().after(pause)).await;
                }
            }
        }
    }

    /// Resolves when what came of every attempt in flight has been recorded.
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

fn pause(troubles: u32) -> u64 {
    PAUSE.0.saturating_mul(1 << troubles.min(16)).min(PAUSE.1)
}

/// A call in flight: its share of what may be, until its task is done. If the task panics, the call goes on as after a crash.
struct Flight {
    calls: Arc<Calls>,
    party: Party,
    operation: OperationNumber,
    course: Course,
    cut: Option<oneshot::Receiver<Time>>,
    /// True from the moment at which something may have been sent until what came of it is recorded.
    is_sent: bool,
    has_landed: bool,
}

impl Flight {
    fn new(calls: Arc<Calls>, departure: Departure) -> Self {
        let Departure {
            party,
            operation,
            course,
            cut,
        } = departure;
        Flight {
            calls,
            party,
            operation,
            course,
            cut: Some(cut),
            is_sent: false,
            has_landed: false,
        }
    }

    async fn fly(mut self) {
        let outcome = self.course().await;
        self.land(outcome);
        self.calls.depart();
    }

    /// Makes the next attempt, and returns how the call goes on.
    async fn course(&mut self) -> Outcome {
        let (calls, id) = (self.calls.clone(), (self.party.run, self.operation));
        let mut sending = match calls.wanted(id, &self.course).await {
            Ok(Some(sending)) => sending,
            Ok(None) => return Outcome::Over,
            Err(error) => {
                tracing::warn!(run = %id.0, operation = %id.1, %error, "a call waits for what it needs");
                return self.trouble(None);
            }
        };
        if self.course.cut_off {
            return self.count_cut_off(&sending).await;
        }
        if sending.is_paused {
            return self.set_aside().await;
        }
        if retry::is_too_late(sending.bounds, calls.clock.now()) {
            let result = Err(retry::too_late());
            return calls.finish(id, self.course, result).await.into();
        }
        if !calls.hold(&mut sending.call) {
            tracing::warn!(run = %id.0, operation = %id.1, "a call waits for memory for its body");
            return self.withdraw().await;
        }
        let headers = calls.secrets.sending(&sending);
        if let Err(SendRefused::Trouble(trouble)) = &headers {
            tracing::warn!(run = %id.0, operation = %id.1, %trouble, "a call waits for its secret");
            return self.withdraw().await;
        }
        if self.course.withdrawn {
            let now = calls.clock.now();
            match calls.schedule_next(id, &mut self.course, now, None).await {
                Recorded::Yes => {}
                other => return other.into(),
            }
        }
        let result = match headers {
            Ok(headers) => {
                let attempt = calls.attempt(&sending.call, headers, &self.party);
                match self.send(attempt).await {
                    Some(result) => result,
                    None => return Outcome::Over,
                }
            }
            Err(SendRefused::Denied(text)) => {
                calls.egress.withheld();
                Err(CallError::Denied(text))
            }
            Err(SendRefused::Trouble(_)) => return self.trouble(None),
        };
        let tried = self.tried(&sending);
        drop(sending);
        let outcome = self.go_on(tried, result).await;
        self.is_sent = false;
        outcome
    }

    /// Leaves the attempt to whoever has the run go on.
    async fn set_aside(&mut self) -> Outcome {
        let work = Due::Call(self.party.run, self.operation);
        let held = self.calls.aside.set_aside([work].into()).await;
        match held.contains(&work) {
            true => Outcome::Over,
            // It goes on already.
            false => Outcome::Again(self.course),
        }
    }

    /// Sends an attempt. None if nobody wants its result any more, and its time is up.
    async fn send(&mut self, attempt: Attempt) -> Option<Result<Response, CallError>> {
        let clock = self.calls.clock.clone();
        self.is_sent = true;
        let mut sending = self.calls.egress.send(attempt).fuse();
        let cut = self.cut.take();
        let mut cut = pin!(
            async move {
                match cut {
                    Some(cut) => match cut.await {
                        Ok(at) => clock.sleep_until(at).await,
                        // Nobody can tell any more.
                        Err(_) => std::future::pending().await,
                    },
                    None => std::future::pending().await,
                }
            }
            .fuse()
        );
        let result = futures::select_biased! {
            result = sending => Some(result),
            () = cut => None,
        };
        if result.is_none() {
            self.is_sent = false;
        }
        result
    }

    /// Counts an attempt that the host's own fault cut off, as recovery does.
    async fn count_cut_off(&mut self, sending: &SendingView) -> Outcome {
        let tried = self.tried(sending);
        self.go_on(tried, Err(CallError::Interrupted)).await
    }

    /// The call as it is now, after its attempt.
    fn tried(&self, sending: &SendingView) -> Tried {
        let clock = &self.calls.clock;
        Tried {
            run: self.party.run,
            operation: self.operation,
            policy: sending.call.retry,
            bounds: sending.bounds,
            attempt: self.course.attempts.scheduled,
            now: clock.now(),
            date: clock.machine_time(),
        }
    }

    /// Records what came of the attempt.
    async fn go_on(&mut self, tried: Tried, result: Result<Response, CallError>) -> Outcome {
        match tried.decide(&result) {
            Decision::Done => {
                let id = (self.party.run, self.operation);
                self.calls.finish(id, self.course, result).await.into()
            }
            Decision::Again(next) => self.schedule_next(next, retry::reason(&result)).await,
        }
    }

    async fn schedule_next(&mut self, next: Time, error: String) -> Outcome {
        let id = (self.party.run, self.operation);
        if self.course.attempts.scheduled == 1 {
            tracing::info!(run = %id.0, operation = %id.1, %error, "a call is tried again");
        }
        let (calls, error) = (self.calls.clone(), Some(error));
        let recorded = calls.schedule_next(id, &mut self.course, next, error).await;
        match recorded {
            Recorded::Yes => Outcome::Again(self.course),
            other => other.into(),
        }
    }

    /// Takes the attempt back, whose secrets the host cannot open: a host gets its key at a start, and the attempt that it did
    /// not make must not count there.
    async fn withdraw(&mut self) -> Outcome {
        if !self.course.withdrawn {
            let id = (self.party.run, self.operation);
            let made = AttemptMade::Withdrawn;
            match self.calls.record(id, self.course, made).await {
                Recorded::Yes => {}
                other => return other.into(),
            }
            // As the store has it.
            let attempts = &mut self.course.attempts;
            attempts.scheduled = attempts.scheduled.saturating_sub(1);
            attempts.next = Time(0);
            self.course.withdrawn = true;
        }
        self.trouble(Some(SECRET_PAUSE))
    }

    fn trouble(&mut self, delay: Option<u64>) -> Outcome {
        let delay = delay.unwrap_or_else(|| pause(self.course.troubles).max(SECRET_PAUSE));
        self.course.troubles += 1;
        Outcome::Trouble(self.course, delay)
    }

    /// Ends the flight.
    fn land(&mut self, outcome: Outcome) {
        let now = self.calls.clock.now();
        // From here on nothing can panic.
        self.has_landed = true;
        let (party, operation) = (&self.party, self.operation);
        let mut queue = self.calls.lock();
        match outcome {
            Outcome::Over => queue.end(party, operation),
            Outcome::Again(course) => {
                queue.wait(party, operation, course.attempts.next, course);
            }
            Outcome::Trouble(course, delay) => {
                queue.wait(party, operation, now.after(delay), course);
            }
            Outcome::Damaged => queue.set_aside(party, operation),
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
        if !std::thread::panicking() {
            // The host goes.
            return self.calls.lock().end(&self.party, self.operation);
        }
        tracing::error!(run = %self.party.run, operation = %self.operation, "the host panicked over a call");
        let mut course = self.course;
        course.cut_off |= self.is_sent;
        let delay = pause(course.troubles);
        course.troubles += 1;
        self.land(Outcome::Trouble(course, delay));
        let next = self.calls.lock().next_time();
        self.calls.next.hint(next);
    }
}

impl From<Recorded> for Outcome {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Yes | Recorded::Unwanted => Outcome::Over,
            Recorded::Damaged => Outcome::Damaged,
        }
    }
}
