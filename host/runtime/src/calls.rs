//! Outbound calls: attempt after attempt, each counted in the store before it is made.
//!
//! One task drives one call. What it knows is in the store, so that after a crash [`Core::recover_calls`] takes up every
//! call where it was: an attempt whose time had come may have been sent, so it counts, and the next one follows; if it
//! was the last that is allowed, the call was `interrupted`. An attempt that the host has no key for is taken back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{CallError, Channel, OperationNumber, RunId, Time};
use dormouse_store::{AttemptMade, Attempts, Call, ReadError, WriteError};

use crate::retry::{Decision, decide};
use crate::runtime::Core;
use crate::secrets::SendRefused;
use crate::slots::Hint;
use crate::{Attempt, SecretHeader, SecretTrouble};

/// How many calls recovery reads at once.
const PAGE: usize = 256;

/// How often a call is looked at whose secrets the host cannot open.
const SECRET_PAUSE: u64 = 5_000;

/// How long to wait before a result that could not be made durable is tried again.
const PAUSE: u64 = 500;

impl Core {
    /// Drives a call to its result.
    pub(crate) fn start_call(self: &Arc<Self>, run: RunId, operation: OperationNumber, call: Call) {
        let core = self.clone();
        self.spawner.spawn(Box::pin(async move {
            core.drive_call(run, operation, call).await;
        }));
    }

    /// Takes up every call that has no result, as after a crash. Each in a task of its own, so that what they write
    /// goes to the disk together.
    pub(crate) fn recover_calls(self: &Arc<Self>) -> Result<(), ReadError> {
        let started = self.clock.now();
        let mut after = None;
        loop {
            let page = self.store.read()?.calls(after, PAGE)?;
            let Some((run, operation, _)) = page.last() else {
                return Ok(());
            };
            after = Some((*run, *operation));
            for (run, operation, call) in page {
                let core = self.clone();
                self.spawner.spawn(Box::pin(async move {
                    core.recover_call(run, operation, call, started).await;
                }));
            }
        }
    }

    async fn recover_call(
        self: &Arc<Self>,
        run: RunId,
        operation: OperationNumber,
        mut call: Call,
        started: Time,
    ) {
        if call.attempts.next > started {
            return self.start_call(run, operation, call);
        }
        let attempt = call.attempts.scheduled;
        let next = self.clock.now();
        let made = if attempt < call.retry.attempts {
            AttemptMade::Again(next)
        } else {
            AttemptMade::Done(Err(CallError::Interrupted))
        };
        let done = matches!(made, AttemptMade::Done(_));
        if !self.record(run, operation, attempt, made).await {
            return;
        }
        if done {
            self.wake(run, Hint::Channel(Channel::Result(operation)));
        } else {
            call.attempts.scheduled += 1;
            call.attempts.next = next;
            self.start_call(run, operation, call);
        }
    }

    async fn drive_call(self: &Arc<Self>, run: RunId, operation: OperationNumber, mut call: Call) {
        loop {
            if call.attempts.next > self.clock.now() {
                self.clock.sleep_until(call.attempts.next).await;
            }
            // Stopping takes no new work: the attempt is not made, and recovery will count it as one that was.
            let Ok(permit) = self.calls_in_flight.acquire().await else {
                return;
            };
            if self.slots.is_stopping() || !self.is_wanted(run, operation, &call) {
                return;
            }
            // The permit is held until what came of it is recorded: stopping waits for that.
            let result = match self.secret_headers(run, &call) {
                Ok(headers) => self.egress.send(self.attempt(&call, headers)).await,
                Err(SendRefused::Denied(text)) => {
                    self.egress.withheld();
                    Err(CallError::Denied(text))
                }
                Err(SendRefused::Trouble(trouble)) => {
                    drop(permit);
                    if !self
                        .wait_for_secrets(run, operation, &mut call, &trouble)
                        .await
                    {
                        return;
                    }
                    continue;
                }
            };
            let attempt = call.attempts.scheduled;
            let now = self.clock.now();
            match decide(call.retry, (run, operation), attempt, &result, now) {
                Decision::Done => {
                    if self
                        .record(run, operation, attempt, AttemptMade::Done(result))
                        .await
                    {
                        self.wake(run, Hint::Channel(Channel::Result(operation)));
                    }
                    return;
                }
                Decision::Again(delay) => {
                    let next = now.after(delay);
                    if !self
                        .record(run, operation, attempt, AttemptMade::Again(next))
                        .await
                    {
                        return;
                    }
                    call.attempts.scheduled += 1;
                    call.attempts.next = next;
                }
            }
            drop(permit);
        }
    }

    /// Whether this attempt is still to be made: the run may have ended, or given the call up.
    fn is_wanted(&self, run: RunId, operation: OperationNumber, call: &Call) -> bool {
        match self
            .store
            .read()
            .and_then(|snapshot| snapshot.call(run, operation))
        {
            Ok(row) => row.is_some_and(|row| row.attempts.scheduled == call.attempts.scheduled),
            // Without the store nothing could be recorded of it either.
            Err(error) => {
                tracing::warn!(%run, %operation, %error, "a call could not be looked up");
                false
            }
        }
    }

    /// The headers that the call makes from secrets, with their values as they are now: a secret that was changed between
    /// two attempts is sent as it was changed to.
    fn secret_headers(&self, run: RunId, call: &Call) -> Result<Vec<SecretHeader>, SendRefused> {
        if call.secret_headers.is_empty() {
            return Ok(Vec::new());
        }
        let snapshot = self.store.read().map_err(SecretTrouble::from)?;
        let workflow = snapshot.run(run).map_err(SecretTrouble::from)?;
        let workflow = workflow.map(|run| run.workflow).unwrap_or_default();
        let headers = call.secret_headers.iter().map(|header| {
            Ok(SecretHeader {
                name: header.name.clone(),
                prefix: header.prefix.clone(),
                secret: self.sending(&snapshot, &workflow, &header.secret, &call.request.url)?,
            })
        });
        headers.collect()
    }

    /// Waits until the host can open the secrets of a call. The attempt that needs them is taken back meanwhile: a host
    /// gets its key at a start, and the attempt that it did not make must not count there. Gives whether anybody still
    /// wants the call.
    async fn wait_for_secrets(
        &self,
        run: RunId,
        operation: OperationNumber,
        call: &mut Call,
        trouble: &SecretTrouble,
    ) -> bool {
        let attempt = call.attempts.scheduled;
        if !self
            .record(run, operation, attempt, AttemptMade::Withdrawn)
            .await
        {
            return false;
        }
        call.attempts.scheduled = attempt.saturating_sub(1);
        tracing::warn!(%run, %operation, %trouble, "a call waits for its secret");
        while let Err(SendRefused::Trouble(_)) = self.secret_headers(run, call) {
            let later = self.clock.now().after(SECRET_PAUSE);
            self.clock.sleep_until(later).await;
            if self.slots.is_stopping() || !self.is_wanted(run, operation, call) {
                return false;
            }
        }
        let (before, next) = (call.attempts.scheduled, self.clock.now());
        call.attempts = Attempts {
            scheduled: attempt,
            next,
        };
        self.record(run, operation, before, AttemptMade::Again(next))
            .await
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
            max_response: self.settings.limits.body,
        }
    }

    /// Records what came of an attempt, however long the disk is full. Gives whether anybody wants to know.
    async fn record(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempt: u32,
        made: AttemptMade,
    ) -> bool {
        loop {
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
}
