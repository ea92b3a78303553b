//! Requests of the storm to the host's API. They are repeated until the host answers.

use std::io;
use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use crate::host::Host;
use crate::http::{Answer, Client, path};
use crate::time::{Moment, pause};

/// The time after which a client without an answer tries again.
pub(crate) const AGAIN: Duration = Duration::from_millis(100);

/// The name of the secret that signs requests.
const SECRET: &str = "storm";

/// The API of the host.
#[derive(Debug)]
pub(crate) struct Api {
    client: Client,
    timeout: Duration,
}

impl Api {
    pub(crate) fn new(host: &Host) -> Self {
        Api {
            client: host.client(),
            timeout: host.timeout,
        }
    }

    /// Sends a request that may be sent twice, until the answer is another than "not now".
    pub(crate) fn retry_until_answered(
        &mut self,
        method: &str,
        path: &str,
        header_lines: &str,
        body: &[u8],
    ) -> anyhow::Result<Answer> {
        let began = Moment::now();
        loop {
            let answer = self.client.send(method, path, header_lines, body);
            match &answer {
                Ok(answer) if !is_not_now(answer.status) => return Ok(answer.clone()),
                _ if began.elapsed() < self.timeout => pause(AGAIN),
                _ => bail!(
                    "{method} {path} got no answer for {:?}: {}",
                    self.timeout,
                    shown(&answer)
                ),
            }
        }
    }

    /// Uploads a component under this name.
    pub(crate) fn deploy(&mut self, workflow: &str, component: &[u8]) -> anyhow::Result<()> {
        let began = Moment::now();
        loop {
            let path = format!("/v1/workflows/{workflow}");
            let answer = self.client.send("PUT", &path, "", component);
            match &answer {
                Ok(answer) if matches!(answer.status, 200 | 201) => return Ok(()),
                // The compilation may take longer than a client waits for an answer.
                _ if began.elapsed() < 3 * self.timeout => pause(AGAIN),
                _ => bail!("{workflow} cannot be deployed: {}", shown(&answer)),
            }
        }
    }

    /// Sets the secret that signs requests to the webhooks of this workflow.
    pub(crate) fn set_secret(&mut self, value: &str, workflow: &str) -> anyhow::Result<()> {
        let secret = json!({"value": value, "uses": [{"workflow": workflow, "verify": true}]});
        let path = format!("/v1/secrets/{SECRET}");
        let line = "content-type: application/json\r\n";
        let answer =
            self.retry_until_answered("PUT", &path, line, secret.to_string().as_bytes())?;
        ensure!(matches!(answer.status, 200 | 201), "{}", answer.text());
        Ok(())
    }

    /// Starts one run with this key, however many attempts that takes. Returns the run's id.
    pub(crate) fn start(
        &mut self,
        workflow: &str,
        key: &str,
        input: &Value,
    ) -> anyhow::Result<String> {
        let path = format!("/v1/workflows/{workflow}/runs");
        let lines = format!("content-type: application/json\r\nidempotency-key: {key}\r\n");
        let answer =
            self.retry_until_answered("POST", &path, &lines, input.to_string().as_bytes())?;
        let id = answer.json()["id"].as_str().map(str::to_owned);
        match id {
            Some(id) if matches!(answer.status, 200 | 202) => Ok(id),
            _ => bail!(
                "a start was answered with {}: {}",
                answer.status,
                answer.text()
            ),
        }
    }

    /// Returns the path of a run's first webhook, once the run has one.
    pub(crate) fn hook(&mut self, run: &str) -> anyhow::Result<String> {
        let began = Moment::now();
        loop {
            let answer =
                self.retry_until_answered("GET", &format!("/v1/runs/{run}/webhooks"), "", b"")?;
            if let Some(url) = answer.json()["webhooks"][0]["url"].as_str() {
                return Ok(path(url).to_owned());
            }
            ensure!(
                began.elapsed() < self.timeout,
                "the run {run} has no webhook after {:?}: {}",
                self.timeout,
                answer.text()
            );
            pause(AGAIN);
        }
    }

    /// Returns the host's answer about a run, or `None` if the host has no run of this id.
    pub(crate) fn run(&mut self, run: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.retry_until_answered("GET", &format!("/v1/runs/{run}"), "", b"")?;
        Ok((answer.status == 200).then(|| answer.json()))
    }

    /// Waits until a run has ended, and returns the host's answer about it.
    pub(crate) fn end(&mut self, run: &str) -> anyhow::Result<Value> {
        let began = Moment::now();
        loop {
            let Some(shown) = self.run(run)? else {
                bail!("the run {run} is gone");
            };
            let status = shown["status"].as_str().unwrap_or_default();
            if matches!(status, "completed" | "failed" | "cancelled") {
                return Ok(shown);
            }
            ensure!(
                began.elapsed() < self.timeout,
                "the run {run} has not ended after {:?}: {shown}",
                self.timeout
            );
            pause(AGAIN);
        }
    }

    /// Cancels a run that the storm started. The run may have ended by itself.
    pub(crate) fn cancel(&mut self, run: &str) -> anyhow::Result<()> {
        self.retry_until_answered("POST", &format!("/v1/runs/{run}/cancel"), "", b"")?;
        Ok(())
    }
}

/// Returns true if a client should try again after an answer with this status.
pub(crate) fn is_not_now(status: u16) -> bool {
    matches!(status, 408 | 429 | 503)
}

/// Returns the options of a webhook that accepts requests which [`SECRET`] signed.
pub(crate) fn signed() -> Value {
    json!({"signature": {"scheme": "hmac-sha256", "secrets": [SECRET], "header": "x-digest"}})
}

fn shown(answer: &io::Result<Answer>) -> String {
    match answer {
        Ok(answer) => format!("{} {}", answer.status, answer.text()),
        Err(error) => error.to_string(),
    }
}
