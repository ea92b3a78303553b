//! The network of a scenario: attempts at calls lie there until the scenario answers them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dormouse_journal::{CallError, Request, Response, Time};
use dormouse_seams::{Attempt, Clock as _, Egress, Task};
use dormouse_simulation::Seam;
use futures::FutureExt as _;
use futures::channel::oneshot;

/// What comes of an attempt.
pub(crate) type Result = std::result::Result<Response, CallError>;

/// What becomes of attempts without a network, as the host's own client has it.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Checks that an attempt can be sent.
    pub check: fn(&Attempt) -> std::result::Result<(), CallError>,
    /// Returns the attempt that follows a response which redirects.
    pub follow: fn(&Attempt, &Response) -> std::result::Result<Option<Attempt>, CallError>,
}

/// An attempt that was sent and not answered.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Counted from 0, in the order in which they were sent.
    pub(crate) number: usize,
    attempt: Attempt,
    /// When it gives up.
    pub(crate) until: Time,
    answer: oneshot::Sender<Result>,
}

/// The network.
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

    /// Calls a function with the attempts that wait for an answer, oldest first.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&[Waiting]) -> T) -> T {
        let mut attempts = self.lock();
        // Nobody listens any more: the call was given up, or its time is over.
        attempts
            .waiting
            .retain(|waiting| !waiting.answer.is_canceled());
        look(&attempts.waiting)
    }

    /// Takes an attempt out, to be answered.
    pub(crate) fn take(&self, number: usize) -> Option<Waiting> {
        let mut attempts = self.lock();
        let waiting = &mut attempts.waiting;
        let place = waiting
            .iter()
            .position(|waiting| waiting.number == number)?;
        Some(waiting.remove(place))
    }

    /// Answers an attempt that was taken out. One that is redirected waits for another answer.
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
        // A call that was given up meanwhile needs no answer.
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

    /// How many attempts were sent.
    pub(crate) fn sent(&self) -> usize {
        self.lock().sent
    }
}

impl Waiting {
    /// The name of the workflow whose run makes the call.
    pub(crate) fn workflow(&self) -> &str {
        &self.attempt.on_behalf_of
    }

    /// The request, with the headers made from secrets.
    pub(crate) fn request(&self) -> Request {
        let mut request = self.attempt.request.clone();
        for header in &self.attempt.secret_headers {
            let value = Bytes::copy_from_slice(header.value.expose());
            request.headers.push((header.name.clone(), value));
        }
        request
    }
}

/// The network as the host is given it.
pub(crate) struct Outside {
    pub(crate) network: Network,
    pub(crate) clock: Seam,
    pub(crate) rules: Rules,
}

impl Egress for Outside {
    fn send(&self, attempt: Attempt) -> Task<Result> {
        let (network, clock, rules) = (self.network.clone(), self.clock.clone(), self.rules);
        Box::pin(async move {
            let mut attempt = (attempt.with_body().await)
                .map_err(|missing| CallError::Unreachable(missing.to_string()))?;
            // A copy, since the body itself holds the memory that the host has counted for it.
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
