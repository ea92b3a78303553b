//! The calls of a run, and the runs that it starts, as a test sees them.

use serde::de::DeserializeOwned;

use crate::bindings::Payload as ContractPayload;
use crate::contract::http::{CallError, CallOptions, ValuePart};
use crate::contract::types::Request;
use crate::headers::Headers;
use crate::payload::Payload;

/// A call that a run makes.
#[derive(Clone, Debug)]
pub struct SeenCall {
    /// The name of the step.
    pub step: String,
    /// The method in capitals.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers. A secret in one of them is shown as `{NAME}`.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The `Idempotency-Key`, if the workflow sets one.
    pub idempotency_key: Option<String>,
}

impl SeenCall {
    pub(crate) fn of(step: &str, request: &Request, options: &CallOptions) -> Self {
        let mut headers = request.headers.clone();
        for secret in &options.secret_headers {
            let parts = secret.value.iter().flat_map(|group| &group.parts);
            let value: String = parts
                .map(|part| match part {
                    ValuePart::Text(text) => text.clone(),
                    ValuePart::Secret(name) => format!("{{{name}}}"),
                })
                .collect();
            headers.push((secret.name.clone(), value.into_bytes()));
        }
        Self {
            step: step.into(),
            method: request.method.clone(),
            url: request.url.clone(),
            headers: Headers::from_contract(headers),
            body: request.body.clone(),
            idempotency_key: options.idempotency_key.clone(),
        }
    }

    /// Reads the body as JSON.
    ///
    /// # Panics
    /// If the body is not JSON of this type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        read_json(&format!("the body of the call {:?}", self.step), &self.body)
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A run that the workflow has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRun {
    /// The id of the run, as the workflow was told it.
    pub id: String,
    /// The name of the run's workflow.
    pub workflow: String,
    /// The input of the run.
    pub input: Payload,
}

impl SeenRun {
    pub(crate) fn of(id: &str, workflow: &str, input: &ContractPayload) -> Self {
        Self {
            id: id.into(),
            workflow: workflow.into(),
            input: Payload::from_contract(input.clone()),
        }
    }

    /// Reads the input as JSON.
    ///
    /// # Panics
    /// If the input is not JSON of this type.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        read_json(
            &format!("the input of the run of {:?}", self.workflow),
            &self.input.body,
        )
    }
}

/// Why a call gets no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResponse {
    /// There was no connection, or it broke.
    Unreachable,
    /// The last attempt took too long.
    TimedOut,
    /// The host stopped during the last attempt, so the request may or may not have arrived.
    Interrupted,
}

impl NoResponse {
    pub(crate) fn into_contract(self) -> CallError {
        match self {
            Self::Unreachable => CallError::Unreachable("connection refused".into()),
            Self::TimedOut => CallError::TimedOut,
            Self::Interrupted => CallError::Interrupted,
        }
    }
}

#[track_caller]
pub(crate) fn read_json<T: DeserializeOwned>(what: &str, body: &[u8]) -> T {
    match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => panic!(
            "{what} does not fit: {error}\n  {}",
            String::from_utf8_lossy(body)
        ),
    }
}
