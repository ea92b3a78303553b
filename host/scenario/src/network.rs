//! The network of a scenario. Attempts at calls wait here until the scenario answers them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dormouse_journal::{CallError, Request, Response, Time};
use dormouse_seams::{Attempt, Clock as _, Egress, Task};
use dormouse_simulation::Seam;
use futures::FutureExt as _;
use futures::channel::oneshot;

/// The result of an attempt.
pub(crate) type Result = std::result::Result<Response, CallError>;

/// The rules for attempts that are not sent to a network, taken from the host's own client.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Checks that an attempt can be sent.
    pub check: fn(&Attempt) -> std::result::Result<(), CallError>,
    /// Returns the attempt that follows a redirect.
    pub follow: fn(&Attempt, &Response) -> std::result::Result<Option<Attempt>, CallError>,
}

/// An attempt that was sent and not answered.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// The number of the attempt in the order of sending. The first attempt is 0.
    pub(crate) number: usize,
    attempt: Attempt,
    /// The time at which the attempt times out.
    pub(crate) until: Time,
    answer: oneshot::Sender<Result>,
}

/// The network of a scenario.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Mutex<Attempts>>);

#[derive(Default)]
struct Attempts {
    sent: usize,
    waiting: Vec<Waiting>,
}

impl Network {
    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls a function with the attempts that wait for an answer, the oldest first.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Waiting]) -> T) -> T {
        let mut attempts = self.lock();
        // A cancelled attempt waits no longer: its call was given up, or its time is over.
        attempts
            .waiting
            .retain(|waiting| !waiting.answer.is_canceled());
        look(&attempts.waiting)
    }

    /// Removes an attempt, so that it can be answered.
    pub(crate) fn take(&self, number: usize) -> Option<Waiting> {
        let mut attempts = self.lock();
        let waiting = &mut attempts.waiting;
        let place = waiting
            .iter()
            .position(|waiting| waiting.number == number)?;
        Some(waiting.remove(place))
    }

    /// Answers an attempt that was removed. If the answer is a redirect that is followed, the
    /// attempt waits for another answer.
    pub(crate) fn answer(&self, waiting: Waiting, rules: Rules, result: Result) {
        let result = result.and_then(|response| {
            let limit = waiting.attempt.max_response;
            match (rules.follow)(&waiting.attempt, &response)? {
                Some(next) => Ok(Err(next)),
                None if response.body.len() as u64 > limit => Err(CallError::TooLarge(limit)),
                None => Ok(Ok(response)),
            }
        });
        let result = match result {
            Ok(Err(next)) => return self.wait(next, waiting.until, waiting.answer),
            Ok(Ok(response)) => Ok(response),
            Err(error) => Err(error),
        };
        // An error means that the call was given up in the meantime.
        let _ = waiting.answer.send(result);
    }

    fn wait(&self, attempt: Attempt, until: Time, answer: oneshot::Sender<Result>) {
        let mut attempts = self.lock();
        let number = attempts.sent;
        attempts.sent += 1;
        attempts.waiting.push(Waiting {
            number,
            attempt,
            until,
            answer,
        });
    }

    /// Returns the number of attempts that were sent.
    pub(crate) fn sent(&self) -> usize {
        self.lock().sent
    }
}

impl Waiting {
    /// Returns the name of the workflow whose run makes the call.
    pub(crate) fn workflow(&self) -> &str {
        &self.attempt.on_behalf_of
    }

    /// Returns the request with its secret headers.
    pub(crate) fn request(&self) -> Request {
        let mut request = self.attempt.request.clone();
        for header in &self.attempt.secret_headers {
            let value = Bytes::copy_from_slice(header.value.expose());
            request.headers.push((header.name.clone(), value));
        }
        request
    }
}

/// The network in the form that the host needs.
pub(crate) struct NetworkEgress {
    pub(crate) network: Network,
    pub(crate) clock: Seam,
    pub(crate) rules: Rules,
}

impl Egress for NetworkEgress {
    fn send(&self, attempt: Attempt) -> Task<Result> {
        let (network, clock, rules) = (self.network.clone(), self.clock.clone(), self.rules);
        Box::pin(async move {
            let mut attempt = (attempt.with_body().await)
                .map_err(|missing| CallError::Unreachable(missing.to_string()))?;
            // The body is copied, since the original holds memory that the host has counted for it.
            attempt.request.body = Bytes::copy_from_slice(&attempt.request.body);
            (rules.check)(&attempt)?;
            let (answer, answered) = oneshot::channel();
            let timeout = u64::try_from(attempt.timeout.as_millis()).unwrap_or(u64::MAX);
            let until = clock.elapsed().saturating_add(timeout);
            network.wait(attempt, Time(until), answer);
            let mut passed = clock.sleep_until(until).fuse();
            let mut answered = answered.fuse();
            futures::select_biased! {
                result = answered => result.unwrap_or(Err(CallError::TimedOut)),
                () = passed => Err(CallError::TimedOut),
            }
        })
    }
}
