//! What callers do to a host, with one line for each act. A failure here ends the test.

use std::convert::Infallible;
use std::future::ready;

use bytes::Bytes;
use dormouse_journal::{Request, RunId, Status, json_payload};
use dormouse_runtime::{Received, Refusal, Runtime, Start};
use serde_json::Value;

use crate::{World, guest};

impl World {
    /// Deploys a guest under its own name.
    ///
    /// # Panics
    /// If the host refuses the guest.
    pub fn deploy(&self, host: &Runtime, name: &str) {
        let deployed = self.run(host.deploy(name, guest(name)));
        assert!(deployed.is_ok(), "{:?}", deployed.err());
    }

    /// Starts a run.
    ///
    /// # Panics
    /// If the host refuses the start.
    pub fn start(&self, host: &Runtime, workflow: &str, input: &Value) -> RunId {
        let start = Start {
            workflow: workflow.into(),
            version: None,
            input: json_payload(input.to_string()),
            headers: Vec::new(),
            idempotency_key: None,
            restarted: None,
            trigger: None,
            labels: dormouse_journal::Labels::default(),
        };
        match self.run(host.start(start)) {
            Ok((run, _)) => run,
            Err(error) => panic!("{error}"),
        }
    }

    /// Returns the URL of a run's first webhook, once the run has one.
    ///
    /// # Panics
    /// If the run has no webhook.
    pub fn url(&self, run: RunId) -> String {
        self.pass(1);
        let reading = self.reading();
        match reading.webhooks(run).as_deref() {
            Ok([first, ..]) => first.url.clone(),
            other => panic!(
                "run {run} has no webhook: {other:?}, {:?}",
                reading.state(run)
            ),
        }
    }

    /// Posts to a webhook.
    ///
    /// # Errors
    /// If the host refuses the request.
    ///
    /// # Panics
    /// If the token is not one of this host's.
    pub fn post(
        &self,
        host: &Runtime,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Received, Refusal> {
        self.run(post(host, url, headers, body))
    }

    /// Returns the result of a run, once the run has ended.
    ///
    /// # Panics
    /// If the run did not complete.
    pub fn result(&self, host: &Runtime, run: RunId) -> Value {
        self.finish(host, run);
        let reading = self.reading();
        let state = reading.state(run).ok().flatten();
        assert_eq!(
            state.as_ref().map(|state| state.status),
            Some(Status::Completed),
            "{:?}",
            state.and_then(|state| state.failure)
        );
        let output = reading.output(run).ok().flatten().unwrap_or_default();
        serde_json::from_slice(&output.body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the status of a run.
    ///
    /// # Panics
    /// If there is no such run.
    pub fn status(&self, run: RunId) -> Status {
        let state = self.reading().state(run).ok().flatten();
        state
            .unwrap_or_else(|| panic!("there is no run {run}"))
            .status
    }
}

/// Posts to a webhook.
///
/// # Errors
/// If the host refuses the request.
///
/// # Panics
/// If the token is not one of this host's.
pub async fn post(
    host: &Runtime,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Received, Refusal> {
    let Some(token) = url
        .rsplit('/')
        .next()
        .and_then(|token| host.read_token(token))
    else {
        panic!("{url} is not a webhook of this host");
    };
    let head = Request {
        method: "POST".into(),
        url: url.into(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
        body: Bytes::new(),
    };
    let body = Bytes::copy_from_slice(body.as_bytes());
    let endpoint = host.endpoint(token).await?;
    let length = Some(body.len() as u64);
    let body = ready(Ok::<_, Infallible>(body));
    let Ok(received) = endpoint.receive(head, length, body).await;
    received
}
