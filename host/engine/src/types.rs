//! The interface `types`, and conversions of values between the contract's Rust types and the journal's.

use bytes::Bytes;
use dormouse_journal as journal;
use dormouse_journal::Time;

use crate::bindings::dormouse::workflow::{context, http, types, webhooks};
use crate::guest::Guest;

impl types::Host for Guest {}

impl From<types::Payload> for journal::Payload {
    fn from(payload: types::Payload) -> Self {
        journal::Payload {
            content_type: payload.content_type,
            body: payload.body.into(),
        }
    }
}

impl From<journal::Payload> for types::Payload {
    fn from(payload: journal::Payload) -> Self {
        types::Payload {
            content_type: payload.content_type,
            body: payload.body.into(),
        }
    }
}

impl From<types::Failure> for journal::Failure {
    fn from(failure: types::Failure) -> Self {
        journal::Failure {
            code: failure.code,
            message: failure.message,
        }
    }
}

impl From<journal::Failure> for types::Failure {
    fn from(failure: journal::Failure) -> Self {
        types::Failure {
            code: failure.code,
            message: failure.message,
        }
    }
}

impl From<types::Request> for journal::Request {
    fn from(request: types::Request) -> Self {
        journal::Request {
            method: request.method,
            url: request.url,
            headers: headers_in(request.headers),
            body: request.body.into(),
        }
    }
}

impl From<journal::Request> for types::Request {
    fn from(request: journal::Request) -> Self {
        types::Request {
            method: request.method,
            url: request.url,
            headers: headers_out(request.headers),
            body: request.body.into(),
        }
    }
}

impl From<types::Response> for journal::Response {
    fn from(response: types::Response) -> Self {
        journal::Response {
            status: response.status,
            headers: headers_in(response.headers),
            body: response.body.into(),
        }
    }
}

impl From<journal::Response> for types::Response {
    fn from(response: journal::Response) -> Self {
        types::Response {
            status: response.status,
            headers: headers_out(response.headers),
            body: response.body.into(),
        }
    }
}

impl From<journal::Delivery> for webhooks::Delivery {
    fn from(delivery: journal::Delivery) -> Self {
        let Time(accepted) = delivery.accepted;
        webhooks::Delivery {
            id: delivery.id,
            accepted,
            request: delivery.request.into(),
        }
    }
}

impl From<journal::CallError> for http::CallError {
    fn from(error: journal::CallError) -> Self {
        use journal::CallError;
        match error {
            CallError::Denied(text) => http::CallError::Denied(text),
            CallError::Invalid(text) => http::CallError::Invalid(text),
            CallError::TimedOut => http::CallError::TimedOut,
            CallError::Unreachable(text) => http::CallError::Unreachable(text),
            CallError::TooLarge(limit) => http::CallError::TooLarge(limit),
            CallError::Interrupted => http::CallError::Interrupted,
            CallError::Abandoned => http::CallError::Abandoned,
            CallError::Other(failure) => http::CallError::Other(failure.into()),
        }
    }
}

impl From<context::Level> for journal::Level {
    fn from(level: context::Level) -> Self {
        match level {
            context::Level::Trace => journal::Level::Trace,
            context::Level::Debug => journal::Level::Debug,
            context::Level::Info => journal::Level::Info,
            context::Level::Warn => journal::Level::Warn,
            context::Level::Error => journal::Level::Error,
        }
    }
}

/// Returns headers in the guest's form.
pub(crate) fn headers_out(headers: Vec<journal::Header>) -> Vec<types::Header> {
    headers
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect()
}

fn headers_in(headers: Vec<types::Header>) -> Vec<journal::Header> {
    headers
        .into_iter()
        .map(|(name, value)| (name, Bytes::from(value)))
        .collect()
}
