//! The simulated network and the guests of a machine.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dormouse_journal::{CallError, Request, Response};
use dormouse_seams::{Attempt, Clock as _, Egress, Task};
use dormouse_simulation::Seam;

type Answer = dyn Fn(&Request) -> Result<Response, CallError> + Send + Sync;

type Connect = dyn Fn(&Request) -> Connection + Send + Sync;

/// The outcome of connecting to the service of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// The connection is made.
    Made,
    /// Nobody listens at the address.
    Refused,
    /// The connection is not made before the attempt times out.
    Hangs,
}

/// A network: a function from requests to responses, and a list of the requests that were sent.
#[derive(Clone)]
pub struct SimEgress {
    connect: Arc<Connect>,
    answer: Arc<Answer>,
    delay: Arc<dyn Fn(&Request) -> u64 + Send + Sync>,
    /// The requests, each with its time in milliseconds since the machine was started.
    sent: Arc<Mutex<Vec<(u64, Request)>>>,
}

impl SimEgress {
    /// Returns a network that answers with this function.
    pub fn new(
        answer: impl Fn(&Request) -> Result<Response, CallError> + Send + Sync + 'static,
    ) -> Self {
        SimEgress {
            connect: Arc::new(|_| Connection::Made),
            answer: Arc::new(answer),
            delay: Arc::new(|_| 0),
            sent: Arc::default(),
        }
    }

    /// Delays each answer by this many milliseconds. The answer is decided at the end of the delay.
    #[must_use]
    pub fn after(mut self, delay: impl Fn(&Request) -> u64 + Send + Sync + 'static) -> Self {
        self.delay = Arc::new(delay);
        self
    }

    /// Returns the network with this outcome of connecting. The function sees the request without a large body.
    #[must_use]
    pub fn connecting(
        mut self,
        connect: impl Fn(&Request) -> Connection + Send + Sync + 'static,
    ) -> Self {
        self.connect = Arc::new(connect);
        self
    }

    /// Returns the requests that were sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Request> {
        let sent = self.timed().into_iter();
        sent.map(|(_, request)| request).collect()
    }

    /// Returns the requests that were sent so far, each with its time in milliseconds since the
    /// machine was started.
    #[must_use]
    pub fn timed(&self) -> Vec<(u64, Request)> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The network in the form that the host needs.
pub(crate) struct Network {
    pub(crate) egress: SimEgress,
    pub(crate) clock: Seam,
}

impl Egress for Network {
    fn send(&self, attempt: Attempt) -> Task<Result<Response, CallError>> {
        let (egress, clock) = (self.egress.clone(), self.clock.clone());
        Box::pin(async move {
            let timeout = u64::try_from(attempt.timeout.as_millis()).unwrap_or(u64::MAX);
            match (egress.connect)(&attempt.request) {
                Connection::Made => {}
                Connection::Refused => return Err(CallError::Unreachable("refused".into())),
                Connection::Hangs => {
                    let gives_up = clock.elapsed().saturating_add(timeout);
                    clock.sleep_until(gives_up).await;
                    return Err(CallError::TimedOut);
                }
            }
            let attempt = (attempt.with_body().await)
                .map_err(|missing| CallError::Unreachable(missing.to_string()))?;
            let request = attempt.request;
            let now = clock.elapsed();
            let sent = Request {
                // The body is copied, since the original holds memory that the host has counted for it.
                body: Bytes::copy_from_slice(&request.body),
                ..request.clone()
            };
            egress
                .sent
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((now, sent));
            let arrives = now.saturating_add((egress.delay)(&request));
            let gives_up = now.saturating_add(timeout);
            clock.sleep_until(arrives.min(gives_up)).await;
            if gives_up < arrives {
                return Err(CallError::TimedOut);
            }
            (egress.answer)(&request)
        })
    }
}

/// Returns a guest that `cargo xtask build` has built.
///
/// # Panics
/// If the guest was not built.
#[must_use]
pub fn guest(name: &str) -> Bytes {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/guests")
        .join(format!("{name}.wasm"));
    match std::fs::read(&path) {
        Ok(bytes) => bytes.into(),
        Err(error) => panic!(
            "{}: {error}. Run `cargo xtask build --guests-only` first",
            path.display()
        ),
    }
}

/// Returns the guest `script` as another version, which does the same.
#[must_use]
pub fn other_version() -> Bytes {
    let mut component = guest("script").to_vec();
    // Adds a custom section, which has no effect.
    component.extend([0, 3, 1, b'x', 1]);
    component.into()
}
