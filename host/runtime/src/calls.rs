//! Outbound calls: attempt after attempt, each counted in the store before it is made.
//!
//! One task drives one call. What it knows is in the store, so that after a crash [`Calls::recover`] takes up every call
//! where it was: an attempt whose time had come may have been sent, so it counts, and the next one follows; if it was the
//! last that is allowed, the call was `interrupted`. An attempt that the host has no key for is taken back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{CallError, Channel, OperationNumber, Response, RunId, Time};
use dormouse_limits::Budget;
use dormouse_seams::{Attempt, Egress, HostClock, SecretHeader, Spawner};
use dormouse_store::{
    AttemptMade, Attempts, Call, OutstandingCall, ReadError, SendingView, Store, WriteError,
};
use tokio::sync::Semaphore;

use crate::retry::{Decision, decide};
use crate::secrets::{SecretTrouble, Secrets, SendRefused};
use crate::slots::{Hint, Slots};
use crate::wake::Wake;

/// How many calls recovery reads at once.
const PAGE: usize = 256;

/// How often a call is looked at whose secrets the host cannot open, in milliseconds.
const SECRET_PAUSE: u64 = 5_000;

/// How long to wait before a result that could not be made durable is tried again, in milliseconds.
const PAUSE: u64 = 500;

/// Makes outbound calls.
pub(crate) struct Calls {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) egress: Arc<dyn Egress>,
    pub(crate) secrets: Arc<Secrets>,
    /// A permit for each attempt in flight.
    pub(crate) in_flight: Semaphore,
    pub(crate) most_in_flight: u32,
    /// Bytes of a response's body.
    pub(crate) max_response: u64,
    pub(crate) memory: Budget,
}

/// One call, and how far it has come.
struct Course {
    run: RunId,
    operation: OperationNumber,
    attempts: Attempts,
}

impl Calls {
    /// Drives a call to its result.
    pub(crate) fn start(
        self: &Arc<Self>,
        run: RunId,
        operation: OperationNumber,
        attempts: Attempts,
    ) {
        let calls = self.clone();
        let course = Course {
            run,
            operation,
            attempts,
        };
        self.spawner
            .spawn(Box::pin(async move { calls.drive(course).await }));
    }

    /// Takes up every call that has no result, as after a crash. Each in a task of its own, so that what they write goes to
    /// the disk together.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), ReadError> {
        let started = self.clock.now();
        let mut after = None;
        loop {
            let page = self.store.calls(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some((last.run, last.operation));
            for call in page {
                let calls = self.clone();
                self.spawner.spawn(Box::pin(async move {
                    calls.recover_one(call, started).await;
                }));
            }
        }
    }

    async fn recover_one(self: &Arc<Self>, call: OutstandingCall, started: Time) {
        let mut course = Course {
            run: call.run,
            operation: call.operation,
            attempts: call.attempts,
        };
        if call.attempts.next <= started {
            if call.attempts.scheduled >= call.allowed {
                return self.finish(&course, Err(CallError::Interrupted)).await;
            }
            let now = self.clock.now();
            if !self.schedule_next(&mut course, now).await {
                return;
            }
        }
        self.drive(course).await;
    }

    async fn drive(&self, mut course: Course) {
        loop {
            if course.attempts.next > self.clock.now() {
                self.clock.sleep_until(course.attempts.next).await;
            }
            // Stopping takes no new work: the attempt is not made, and recovery will count it as one that was.
            let Ok(permit) = self.in_flight.acquire().await else {
                return;
            };
            let Some(sending) = self.wanted(&course).await else {
                return;
            };
            // The permit is held until what came of it is recorded: stopping waits for that.
            let result = match self.secrets.sending(&sending) {
                Ok(headers) => {
                    let attempt = self.attempt(&sending.call, headers);
                    self.egress.send(attempt).await
                }
                Err(SendRefused::Denied(text)) => {
                    self.egress.withheld();
                    Err(CallError::Denied(text))
                }
                Err(SendRefused::Trouble(trouble)) => {
                    drop(permit);
                    if self.wait_for_secrets(&mut course, &trouble).await {
                        continue;
                    }
                    return;
                }
            };
            let now = self.clock.now();
            let key = (course.run, course.operation);
            let retry = sending.call.retry;
            drop(sending);
            match decide(retry, key, course.attempts.scheduled, &result, now) {
                Decision::Done => return self.finish(&course, result).await,
                Decision::Again(delay) => {
                    if !self.schedule_next(&mut course, now.after(delay)).await {
                        return;
                    }
                }
            }
            drop(permit);
        }
    }

    /// Returns the call if its next attempt is still to be made: the run may have ended, or given the call up.
    async fn wanted(&self, course: &Course) -> Option<SendingView> {
        let (run, operation) = (course.run, course.operation);
        while !self.slots.is_stopping() {
            match self.store.sending(run, operation).await {
                Ok(sending) => {
                    let made = course.attempts.scheduled;
                    return sending.filter(|sending| sending.attempts.scheduled == made);
                }
                // Without the store nothing could be recorded of it either.
                Err(error @ ReadError::Storage(_)) => {
                    tracing::warn!(%run, %operation, %error, "a call could not be looked up");
                    return None;
                }
                // A damaged secret may be set again.
                Err(error) => {
                    tracing::warn!(%run, %operation, %error, "a call waits for what it needs");
                    let later = self.clock.now().after(SECRET_PAUSE);
                    self.clock.sleep_until(later).await;
                }
            }
        }
        None
    }

    /// Waits until the host can open the secrets of a call. The attempt that needs them is taken back meanwhile: a host
    /// gets its key at a start, and the attempt that it did not make must not count there. Returns whether anybody still
    /// wants the call.
    async fn wait_for_secrets(&self, course: &mut Course, trouble: &SecretTrouble) -> bool {
        let attempt = course.attempts.scheduled;
        if !self.record(course, AttemptMade::Withdrawn).await {
            return false;
        }
        course.attempts.scheduled = attempt.saturating_sub(1);
        tracing::warn!(run = %course.run, operation = %course.operation, %trouble, "a call waits for its secret");
        loop {
            let later = self.clock.now().after(SECRET_PAUSE);
            self.clock.sleep_until(later).await;
            let Some(sending) = self.wanted(course).await else {
                return false;
            };
            if !matches!(self.secrets.sending(&sending), Err(SendRefused::Trouble(_))) {
                let now = self.clock.now();
                return self.schedule_next(course, now).await;
            }
        }
    }

    fn attempt(&self, call: &Call, secret_headers: Vec<SecretHeader>) -> Attempt {
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
            request,
            secret_headers,
            timeout: Duration::from_millis(call.timeout),
            redirects: call.redirects,
            max_response: self.max_response,
            memory: self.memory.clone(),
        }
    }

    /// Records a call's result, and wakes its run.
    async fn finish(&self, course: &Course, result: Result<Response, CallError>) {
        if self.record(course, AttemptMade::Done(result)).await {
            let channel = Channel::Result(course.operation);
            self.wake.wake(course.run, Hint::Channel(channel));
        }
    }

    /// Schedules the next attempt, which counts from its commit on. Returns whether anybody wants it.
    async fn schedule_next(&self, course: &mut Course, next: Time) -> bool {
        if !self.record(course, AttemptMade::Again(next)).await {
            return false;
        }
        course.attempts = Attempts {
            scheduled: course.attempts.scheduled + 1,
            next,
        };
        true
    }

    /// Records what came of an attempt, however long the disk is full. Returns whether anybody wants to know.
    async fn record(&self, course: &Course, made: AttemptMade) -> bool {
        let (run, operation) = (course.run, course.operation);
        loop {
            let attempt = course.attempts.scheduled;
            match self
                .store
                .attempt_made(run, operation, attempt, made.clone())
                .await
            {
                Ok(wanted) => return wanted,
                Err(WriteError::Full) => {
                    self.clock.sleep_until(self.clock.now().after(PAUSE)).await;
                }
                Err(error) => {
                    tracing::warn!(%run, %operation, %error, "what came of a call could not be recorded");
                    return false;
                }
            }
        }
    }

    /// Resolves when what came of every attempt in flight has been recorded.
    pub(crate) async fn stopped(&self) {
        // The semaphore is never closed, and all of its permits come back.
        let _ = self.in_flight.acquire_many(self.most_in_flight).await;
    }
}
