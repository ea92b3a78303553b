//! One attempt at a call: checks whether the run still wants the call, sends it, and records the result.
//!
//! The attempt knows nothing of other calls. It returns how its call goes on, and its caller acts on that.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{CallError, OperationNumber, Response, Time};
use dormouse_limits::{Budget, Limits, Part};
use dormouse_seams::{Attempt, Egress, HostClock, LargeBody, SecretHeader};
use dormouse_store::{AttemptMade, Call, Due, ReadError, SendingView, Store};
use futures::FutureExt;
use futures::channel::oneshot;

use crate::call_body::{BodyReads, BodyUnavailable, CallBody};
use crate::call_queue::{AttemptState, CallId, DueCall};
use crate::call_results::{CallResults, Recorded, pause};
use crate::pause_cache::PauseCache;
use crate::retry::{self, Decision, Tried};
use crate::secrets::{Secrets, SendRefused};
use crate::shares::Requester;

/// How long to wait before an attempt is made again, in milliseconds, if the host cannot open the secrets of the call or has
/// no memory for its body.
const SECRET_PAUSE: u64 = 5_000;

/// Makes attempts at calls.
pub(crate) struct CallSender {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) egress: Arc<dyn Egress>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Budget,
    pub(crate) pause_cache: Arc<PauseCache>,
    pub(crate) results: Arc<CallResults>,
}

/// One attempt at a call.
pub(crate) struct CallAttempt {
    sender: Arc<CallSender>,
    requester: Requester,
    operation: OperationNumber,
    state: AttemptState,
    cut: Option<oneshot::Receiver<Time>>,
    /// True from the moment at which something may have been sent until the result is recorded.
    is_sent: bool,
}

/// How a call goes on after an attempt.
#[derive(Clone, Copy)]
pub(crate) enum AfterAttempt {
    /// The call is over: it has a result, or nobody wants one.
    Over,
    /// The next attempt is made at its time.
    Again(AttemptState),
    /// The host cannot make the attempt now. It is made after this many milliseconds.
    Postponed(AttemptState, u64),
    /// The row of the call is damaged.
    Damaged,
}

impl CallSender {
    /// Returns the call if its next attempt is still wanted. If the run has ended or has given the call up, the attempt is
    /// not wanted.
    async fn wanted(
        &self,
        (run, operation): CallId,
        state: &AttemptState,
    ) -> Result<Option<SendingView>, ReadError> {
        let sending = self.store.sending(run, operation).await?;
        Ok(sending.filter(|sending| sending.attempts == state.attempts))
    }

    /// Returns true if the host has memory for the body of a call now. No memory is reserved before there is a connection.
    fn has_memory(&self, sending: &SendingView) -> bool {
        let needed = sending.large_body.unwrap_or_default();
        self.memory.take(Part::Calls, needed).is_some()
    }

    fn attempt(
        &self,
        call: &Call,
        large_body: Option<LargeBody>,
        secret_headers: Vec<SecretHeader>,
        requester: &Requester,
    ) -> Attempt {
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
            on_behalf_of: requester.workflow.clone(),
            request,
            large_body,
            secret_headers,
            timeout: Duration::from_millis(call.timeout.min(self.limits.call_timeout_limit)),
            redirects: call.redirects,
            max_response: self.limits.body,
            memory: self.memory.clone(),
        }
    }
}

impl CallAttempt {
    pub(crate) fn new(sender: Arc<CallSender>, due: DueCall) -> Self {
        let DueCall {
            requester,
            operation,
            state,
            cut,
        } = due;
        CallAttempt {
            sender,
            requester,
            operation,
            state,
            cut: Some(cut),
            is_sent: false,
        }
    }

    /// Returns the run that the call belongs to, with its workflow.
    pub(crate) fn requester(&self) -> &Requester {
        &self.requester
    }

    /// Returns the number of the call's operation.
    pub(crate) fn operation(&self) -> OperationNumber {
        self.operation
    }

    fn id(&self) -> CallId {
        (self.requester.run, self.operation)
    }

    /// Makes the attempt, and returns how the call goes on.
    pub(crate) async fn make(&mut self) -> AfterAttempt {
        let (sender, id) = (self.sender.clone(), self.id());
        let sending = match sender.wanted(id, &self.state).await {
            Ok(Some(sending)) => sending,
            Ok(None) => return AfterAttempt::Over,
            Err(error) => {
                tracing::warn!(run = %id.0, operation = %id.1, %error, "the store could not read a call; the attempt is made later");
                return self.postpone(None);
            }
        };
        if self.state.cut_off {
            return self.count_cut_off(&sending).await;
        }
        if sending.is_paused {
            return self.set_aside().await;
        }
        if retry::is_too_late(sending.bounds, sender.clock.now()) {
            let result = Err(retry::too_late());
            return sender.results.finish(id, self.state, result).await.into();
        }
        if !sender.has_memory(&sending) {
            tracing::warn!(run = %id.0, operation = %id.1, "a call waits for memory for its body");
            return self.withdraw().await;
        }
        let headers = sender.secrets.sending(&sending);
        if let Err(SendRefused::Unusable(why)) = &headers {
            tracing::warn!(run = %id.0, operation = %id.1, %why, "a call waits for its secret");
            return self.withdraw().await;
        }
        if self.state.withdrawn {
            let now = sender.clock.now();
            let recorded = sender.results.schedule_next(id, &mut self.state, now, None);
            match recorded.await {
                Recorded::Yes => {}
                other => return other.into(),
            }
        }
        let result = match headers {
            Ok(headers) => {
                let missing = BodyReads::default();
                let body = self.large_body(&sending, &missing);
                let attempt = sender.attempt(&sending.call, body, headers, &self.requester);
                let result = match self.send(attempt).await {
                    Some(result) => result,
                    None => return AfterAttempt::Over,
                };
                // A service may have answered without the body.
                match missing.take().filter(|_| result.is_err()) {
                    Some(why) => return self.without_body(why).await,
                    None => result,
                }
            }
            Err(SendRefused::Denied(text)) => {
                sender.egress.withheld();
                Err(CallError::Denied(text))
            }
            Err(SendRefused::Unusable(_)) => return self.postpone(None),
        };
        let tried = self.tried(&sending);
        drop(sending);
        let outcome = self.go_on(tried, result).await;
        self.is_sent = false;
        outcome
    }

    /// Returns the body of the call, if it is large: the client reads it when there is a connection.
    fn large_body(&self, sending: &SendingView, missing: &BodyReads) -> Option<LargeBody> {
        let length = sending.large_body?;
        let body = CallBody {
            store: self.sender.store.clone(),
            memory: self.sender.memory.clone(),
            call: self.id(),
            attempts: self.state.attempts,
            length,
            missing: missing.clone(),
        };
        Some(LargeBody::new(length, Arc::new(body)))
    }

    /// Returns how the call goes on if there was a connection and then no body to send on it. The service got at most the
    /// beginning of a request, which has no effect.
    async fn without_body(&mut self, why: BodyUnavailable) -> AfterAttempt {
        self.is_sent = false;
        let id = self.id();
        match why {
            BodyUnavailable::Memory => {
                tracing::warn!(run = %id.0, operation = %id.1, "a call waits for memory for its body");
                self.withdraw().await
            }
            BodyUnavailable::Unreadable(error) => {
                tracing::warn!(run = %id.0, operation = %id.1, %error, "a call waits for its body");
                self.postpone(None)
            }
            BodyUnavailable::Unwanted => AfterAttempt::Over,
        }
    }

    /// Sets the attempt aside, because the run is paused or held. When the run is resumed, the attempt is taken up.
    async fn set_aside(&mut self) -> AfterAttempt {
        let work = Due::Call(self.requester.run, self.operation);
        let held = self.sender.pause_cache.set_aside([work].into()).await;
        match held.contains(&work) {
            true => AfterAttempt::Over,
            // The run was resumed meanwhile.
            false => AfterAttempt::Again(self.state),
        }
    }

    /// Sends the request. Returns none if nobody wants the result any more and the time for the attempt is up.
    async fn send(&mut self, attempt: Attempt) -> Option<Result<Response, CallError>> {
        let clock = self.sender.clock.clone();
        self.is_sent = true;
        let mut sending = self.sender.egress.send(attempt).fuse();
        let cut = self.cut.take();
        let mut cut = pin!(
            async move {
                match cut {
                    Some(cut) => match cut.await {
                        Ok(at) => clock.sleep_until(at).await,
                        // The queue has dropped its side, so the attempt is not cut short any more.
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

    /// Counts an attempt that the host's own fault cut off, as recovery after a crash does.
    async fn count_cut_off(&mut self, sending: &SendingView) -> AfterAttempt {
        let tried = self.tried(sending);
        self.go_on(tried, Err(CallError::Interrupted)).await
    }

    /// Returns the state of the call after its attempt.
    fn tried(&self, sending: &SendingView) -> Tried {
        let clock = &self.sender.clock;
        Tried {
            run: self.requester.run,
            operation: self.operation,
            policy: sending.call.retry,
            bounds: sending.bounds,
            attempt: self.state.attempts.scheduled,
            now: clock.now(),
            date: clock.machine_time(),
        }
    }

    /// Records the result of the attempt.
    async fn go_on(&mut self, tried: Tried, result: Result<Response, CallError>) -> AfterAttempt {
        match tried.decide(&result) {
            Decision::Done => {
                let id = self.id();
                self.sender
                    .results
                    .finish(id, self.state, result)
                    .await
                    .into()
            }
            Decision::Again(next) => self.schedule_next(next, retry::reason(&result)).await,
        }
    }

    async fn schedule_next(&mut self, next: Time, error: String) -> AfterAttempt {
        let id = self.id();
        if self.state.attempts.scheduled == 1 {
            tracing::info!(run = %id.0, operation = %id.1, %error, "a call is tried again");
        }
        let (results, error) = (self.sender.results.clone(), Some(error));
        let recorded = results
            .schedule_next(id, &mut self.state, next, error)
            .await;
        match recorded {
            Recorded::Yes => AfterAttempt::Again(self.state),
            other => other.into(),
        }
    }

    /// Takes back an attempt that the host cannot make, because it cannot open the secrets or has no memory for the body.
    /// The host may have to be started again with its key. After that start, the attempt that was not made must not count.
    async fn withdraw(&mut self) -> AfterAttempt {
        if !self.state.withdrawn {
            let id = self.id();
            let made = AttemptMade::Withdrawn;
            match self.sender.results.record(id, self.state, made).await {
                Recorded::Yes => {}
                other => return other.into(),
            }
            // The store has changed the attempts in the same way.
            let attempts = &mut self.state.attempts;
            attempts.scheduled = attempts.scheduled.saturating_sub(1);
            attempts.next = Time(0);
            self.state.withdrawn = true;
        }
        self.postpone(Some(SECRET_PAUSE))
    }

    /// Postpones the attempt. If `delay` is none, the delay grows with each time in a row.
    fn postpone(&mut self, delay: Option<u64>) -> AfterAttempt {
        let delay = delay.unwrap_or_else(|| pause(self.state.postponed).max(SECRET_PAUSE));
        self.state.postponed += 1;
        AfterAttempt::Postponed(self.state, delay)
    }

    /// Returns how the call goes on if the host panics during the attempt now.
    pub(crate) fn after_panic(&self) -> AfterAttempt {
        let mut state = self.state;
        state.cut_off |= self.is_sent;
        let delay = pause(state.postponed);
        state.postponed += 1;
        AfterAttempt::Postponed(state, delay)
    }
}

impl From<Recorded> for AfterAttempt {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Yes | Recorded::Unwanted => AfterAttempt::Over,
            Recorded::Damaged => AfterAttempt::Damaged,
        }
    }
}
