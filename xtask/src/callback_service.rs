//! A service of the kind that workflows wait for: it takes a job, works on it, and reports its progress in callbacks.
//!
//! The service sends each callback as every such service should: again until the callback is accepted, with one
//! idempotency key, so that a lost answer does not make two callbacks of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::pause::pause;

/// The updates that a job sends to its webhook, in this order. The last one is marked as the last.
pub(crate) const UPDATES: [(&str, u8); 3] = [("started", 0), ("half-way", 50), ("done", 100)];

/// The duration of the work before each update.
const WORK: Duration = Duration::from_secs(2);

/// The time after which a callback that was not accepted is sent again.
const RETRY: Duration = Duration::from_millis(500);

const TIMEOUT: Duration = Duration::from_secs(5);

/// The number of accepted updates, for a caller that wants to act between two of them.
type Accepted = Arc<AtomicUsize>;

/// Returns the body of an update.
pub(crate) fn body((state, percent): (&str, u8)) -> Value {
    json!({ "state": state, "percent": percent })
}

/// Listens for jobs until it is killed.
pub(crate) fn serve(port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("cannot listen on port {port}"))?;
        axum::serve(listener, router())
            .await
            .context("the service stopped")
    })
}

fn router() -> Router {
    Router::new()
        .route("/jobs", post(take_job).get(count_accepted))
        .with_state(Accepted::default())
}

async fn take_job(
    State(accepted): State<Accepted>,
    Json(job): Json<Value>,
) -> (StatusCode, &'static str) {
    let Some(webhook) = job["webhookUrl"].as_str().map(str::to_owned) else {
        return (StatusCode::BAD_REQUEST, "the job has no webhookUrl\n");
    };
    println!("got a job, will report to {webhook}");
    std::thread::spawn(move || work(&webhook, &accepted));
    (StatusCode::ACCEPTED, "working\n")
}

async fn count_accepted(State(accepted): State<Accepted>) -> String {
    accepted.load(Ordering::Relaxed).to_string()
}

fn work(webhook: &str, accepted: &AtomicUsize) {
    for (index, update) in UPDATES.into_iter().enumerate() {
        pause(WORK);
        report(webhook, index, update);
        accepted.fetch_add(1, Ordering::Relaxed);
    }
}

fn report(webhook: &str, index: usize, update: (&str, u8)) {
    let name = update.0;
    let mut attempts = 1;
    while let Err(reason) = post_update(webhook, index, update) {
        if attempts == 1 {
            println!("update `{name}` is not accepted ({reason}); trying again until it is");
        }
        attempts += 1;
        pause(RETRY);
    }
    match attempts {
        1 => println!("update `{name}` accepted"),
        _ => println!("update `{name}` accepted, at attempt {attempts}"),
    }
}

fn post_update(webhook: &str, index: usize, update: (&str, u8)) -> Result<(), String> {
    let mut request = ureq::post(webhook)
        .header("idempotency-key", format!("update-{index}"))
        .config()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build();
    if index + 1 == UPDATES.len() {
        request = request.header("x-task-finished", "true");
    }
    match request.send_json(body(update)) {
        Ok(response) if response.status() == StatusCode::ACCEPTED => Ok(()),
        Ok(response) => Err(format!("answered {}", response.status())),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::mpsc::{Receiver, Sender, channel};

    use axum::http::HeaderMap;

    /// Returns a webhook that refuses the first call, and passes on each accepted call: its body, its key, and whether
    /// it is the last.
    fn webhook_that_refuses_once(calls: Sender<(Value, String, bool)>) -> Router {
        let refused = Arc::new(AtomicUsize::new(0));
        let hook = async move |headers: HeaderMap, Json(body): Json<Value>| {
            if refused.fetch_add(1, Ordering::Relaxed) == 0 {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            let last = headers
                .get("x-task-finished")
                .is_some_and(|value| value == "true");
            calls.send((body, key, last)).unwrap();
            StatusCode::ACCEPTED
        };
        Router::new().route("/hook", post(hook))
    }

    /// Serves on a free port, in a thread of its own, and returns the port.
    fn spawn(router: Router) -> u16 {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                axum::serve(listener, router).await.unwrap();
            });
        });
        port
    }

    #[test]
    fn job_is_reported_in_order_until_each_update_is_accepted() {
        let (sender, calls): (_, Receiver<(Value, String, bool)>) = channel();
        let hook = spawn(webhook_that_refuses_once(sender));
        let jobs = format!("http://127.0.0.1:{}/jobs", spawn(router()));

        let job = json!({ "webhookUrl": format!("http://127.0.0.1:{hook}/hook") });
        let answer = ureq::post(&jobs).send_json(job).unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);

        let received: Vec<_> = (0..UPDATES.len())
            .map(|_| calls.recv_timeout(Duration::from_secs(180)).unwrap())
            .collect();
        assert_eq!(
            received,
            [
                (
                    json!({ "state": "started", "percent": 0 }),
                    "update-0".to_owned(),
                    false
                ),
                (
                    json!({ "state": "half-way", "percent": 50 }),
                    "update-1".to_owned(),
                    false
                ),
                (
                    json!({ "state": "done", "percent": 100 }),
                    "update-2".to_owned(),
                    true
                ),
            ]
        );
    }

    #[test]
    fn job_without_a_webhook_is_refused() {
        let jobs = format!("http://127.0.0.1:{}/jobs", spawn(router()));
        let answer = ureq::post(&jobs)
            .config()
            .http_status_as_error(false)
            .build()
            .send_json(json!({}))
            .unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
}
