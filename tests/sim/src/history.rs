//! The history outside the host: the requests to it, its answers, and the network's answers to its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dormouse_journal::{CallError, Request, Response, RunId};
use dormouse_runtime::{Received, Refusal};

use crate::{Case, SeededRng, SimEgress};

/// A request of the driver. It is sent again until it is answered.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) run: usize,
    pub(crate) webhook: usize,
    pub(crate) key: Option<String>,
    pub(crate) body: String,
}

/// The answer to a request.
#[derive(Debug, Clone)]
pub(crate) struct PostAnswer {
    pub(crate) post: usize,
    /// The numbers of the moments at which the request was sent and answered, in the order of all such moments.
    pub(crate) sent: usize,
    pub(crate) heard: usize,
    pub(crate) result: Result<Received, Refusal>,
}

/// An event of the driver.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) to: Option<usize>,
    pub(crate) body: String,
    /// The runs that the event reached, once the host has answered.
    pub(crate) reached: Option<Vec<RunId>>,
}

/// The history outside the host.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) posts: Vec<Post>,
    pub(crate) heard: Vec<PostAnswer>,
    pub(crate) events: Vec<Event>,
    /// The runs that an operator has tried to retry or to take back, also without success.
    pub(crate) repaired: BTreeSet<usize>,
    /// The runs that an operator has tried to cancel.
    pub(crate) cancelled: BTreeSet<usize>,
    /// The network's answers, by `Idempotency-Key`.
    pub(crate) answers: BTreeMap<String, Vec<Result<Response, CallError>>>,
    moments: usize,
}

impl History {
    /// Returns the number of the next moment.
    pub(crate) fn moment(&mut self) -> usize {
        self.moments += 1;
        self.moments
    }
}

/// The history, shared with tasks that wait for the host's answers.
pub(crate) type Shared = Arc<Mutex<History>>;

/// Locks the history. The lock must not be held across an await.
pub(crate) fn lock(history: &Shared) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a network that fails at random, takes its time, and records its answers.
pub(crate) fn network(case: &Case, history: &Shared) -> SimEgress {
    let (failing, history) = (case.failing, history.clone());
    let outcome = Mutex::new(SeededRng::new(case.seed));
    let delay = Mutex::new(SeededRng::new(case.seed.wrapping_add(1)));
    let throw = |rng: &Mutex<SeededRng>, bound| {
        let mut rng = rng.lock().unwrap_or_else(PoisonError::into_inner);
        rng.below(bound)
    };
    SimEgress::new(move |request| {
        let key = idempotency_key(request);
        let mut history = lock(&history);
        let number = history.moment();
        let failed = throw(&outcome, 100) < failing;
        let response = |status: u16| {
            Ok(Response {
                status,
                headers: Vec::new(),
                body: Bytes::from(number.to_string()),
            })
        };
        let answer = match (failed, throw(&outcome, 4)) {
            (true, 0) => Err(CallError::TimedOut),
            (true, 1) => Err(CallError::Unreachable(number.to_string())),
            (true, _) => response(503),
            (false, 0) => response(404),
            (false, _) => response(200),
        };
        history.answers.entry(key).or_default().push(answer.clone());
        answer
    })
    .after(move |_| 50 * throw(&delay, 5))
}

/// Returns the `Idempotency-Key` of a request.
pub(crate) fn idempotency_key(request: &Request) -> String {
    let keys: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"))
        .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        .collect();
    keys.join(" and ")
}
