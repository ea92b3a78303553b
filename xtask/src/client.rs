//! A client of the host's HTTP API, with the requests that these commands need.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, RequestBuilder};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one host.
pub(crate) struct Client {
    agent: Agent,
    host: String,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(host: String, token: Option<String>) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            host,
            token,
        }
    }

    /// Makes a component the current version of a workflow, and returns the version.
    pub(crate) fn deploy(&self, workflow: &str, component: &[u8]) -> anyhow::Result<String> {
        let url = format!("{}/v1/workflows/{workflow}", self.host);
        let request = self.authorized(self.agent.put(&url));
        let answer = request.content_type("application/wasm").send(component);
        let answer = json(&format!("PUT {url}"), answer)?;
        text(&answer, "version")
    }

    /// Starts a run, and returns its id.
    pub(crate) fn start(&self, workflow: &str, input: &Value) -> anyhow::Result<String> {
        let url = format!("{}/v1/workflows/{workflow}/runs", self.host);
        let answer = json(
            &format!("POST {url}"),
            self.authorized(self.agent.post(&url)).send_json(input),
        )?;
        text(&answer, "id")
    }

    /// Returns the status of a run once it has completed, and `None` while it goes on. It is an
    /// error if the run ended otherwise or cannot continue.
    pub(crate) fn end_of(&self, run: &str) -> anyhow::Result<Option<String>> {
        let url = format!("{}/v1/runs/{run}", self.host);
        let answer = json(
            &format!("GET {url}"),
            self.authorized(self.agent.get(&url)).call(),
        )?;
        match text(&answer, "status")?.as_str() {
            "pending" | "running" | "suspended" => Ok(None),
            "completed" => Ok(Some("completed".to_owned())),
            _ => bail!("the run did not complete: {answer:#}"),
        }
    }

    /// Returns the output of a run.
    pub(crate) fn output(&self, run: &str) -> anyhow::Result<Value> {
        let url = format!("{}/v1/runs/{run}/output", self.host);
        json(
            &format!("GET {url}"),
            self.authorized(self.agent.get(&url)).call(),
        )
    }

    /// Returns the URL of a run's first webhook, once the run has one.
    pub(crate) fn webhook(&self, run: &str) -> anyhow::Result<Option<String>> {
        let url = format!("{}/v1/runs/{run}/webhooks", self.host);
        let answer = json(
            &format!("GET {url}"),
            self.authorized(self.agent.get(&url)).call(),
        )?;
        let first = answer["webhooks"].get(0);
        first.map(|webhook| text(webhook, "url")).transpose()
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }
}

fn json(asked: &str, answer: Result<Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Value> {
    let mut answer = answer.with_context(|| asked.to_owned())?;
    let body = answer
        .body_mut()
        .read_to_string()
        .with_context(|| asked.to_owned())?;
    if !answer.status().is_success() {
        bail!("{asked} answered {}: {body}", answer.status());
    }
    serde_json::from_str(&body)
        .with_context(|| format!("{asked} answered with other than JSON: {body}"))
}

fn text(answer: &Value, field: &str) -> anyhow::Result<String> {
    let text = answer[field].as_str().map(str::to_owned);
    text.with_context(|| format!("the answer has no `{field}`: {answer}"))
}
