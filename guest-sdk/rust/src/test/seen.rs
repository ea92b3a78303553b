//! What a test sees of a run: its calls, and the runs that it starts.

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
    /// The headers. A secret in one of them stands there as `{NAME}`.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The key that the service knows a repeat by, if the workflow says one.
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

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it is not what is asked for.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        read_json(&format!("the body of the call {:?}", self.step), &self.body)
    }

    /// The body, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A run that the workflow has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRun {
    /// Its id, as the workflow was told it.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// What it was given.
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

    /// What it was given, read as JSON.
    ///
    /// # Panics
    /// When it is not what is asked for.
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
    /// The last attempt was cut off by a stop of the host, and may or may not have arrived.
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
