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

/// An attempt that was sent and not answered.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Counted from 0, in the order in which they were sent.
    pub(crate) number: usize,
    /// The workflow of the run that makes the call.
    pub(crate) workflow: String,
    /// The request, with the headers made from secrets.
    pub(crate) request: Request,
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

    /// How many attempts were sent.
    pub(crate) fn sent(&self) -> usize {
        self.lock().sent
    }
}

impl Waiting {
    pub(crate) fn answer(self, result: Result) {
        // A call that was given up meanwhile needs no answer.
        let _ = self.answer.send(result);
    }
}

/// The network as the host is given it.
pub(crate) struct Outside {
    pub(crate) network: Network,
    pub(crate) clock: Seam,
}

impl Egress for Outside {
    fn send(&self, attempt: Attempt) -> Task<Result> {
        let (answer, answered) = oneshot::channel();
        let timeout = u64::try_from(attempt.timeout.as_millis()).unwrap_or(u64::MAX);
        let until = self.clock.elapsed().saturating_add(timeout);
        let mut request = attempt.request;
        // A copy, since the body itself holds the memory that the host has counted for it.
        request.body = Bytes::copy_from_slice(&request.body);
        for header in attempt.secret_headers {
            let value = Bytes::copy_from_slice(header.value.expose());
            request.headers.push((header.name, value));
        }
        let mut attempts = self.network.lock();
        let number = attempts.sent;
        attempts.sent += 1;
        attempts.waiting.push(Waiting {
            number,
            workflow: attempt.on_behalf_of.to_string(),
            request,
            until: Time(until),
            answer,
        });
        drop(attempts);
        let mut passed = self.clock.sleep_until(until).fuse();
        Box::pin(async move {
            let mut answered = answered.fuse();
            futures::select_biased! {
                result = answered => result.unwrap_or(Err(CallError::TimedOut)),
                () = passed => Err(CallError::TimedOut),
            }
        })
    }
}
