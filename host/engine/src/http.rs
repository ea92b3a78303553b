//! The interface `http`.

use dormouse_journal::{self as journal, Arguments, Kind, Outcome, RetryPolicy};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::http::{
    self, CallError, CallOptions, Host, HostWithStore, Request, Response,
};
use crate::failure::Stop;
use crate::shared::Guest;

impl Host for Guest {}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn call(
        accessor: &Accessor<Guest, Self>,
        step: String,
        request: Request,
        options: CallOptions,
    ) -> wasmtime::Result<Result<Response, CallError>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let size = size(&request, options.idempotency_key.as_deref());
        shared.lock().check_value("the request", size)?;
        let options = checked(options)?;
        let kind = Kind::Call {
            method: request.method.clone(),
            url: request.url.clone(),
            retry: options.retry.unwrap_or_default(),
        };
        let arguments = Arguments::Call {
            request: request.into(),
            options,
        };
        let wait = shared.wait("call", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::Response(result) => Some(result.map(Response::from).map_err(CallError::from)),
            _ => None,
        })
        .await
    }
}

fn size(request: &Request, idempotency_key: Option<&str>) -> usize {
    let headers = request.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    let line = request.method.len() + request.url.len();
    line + headers + request.body.len() + idempotency_key.map_or(0, str::len)
}

/// The options as they are recorded, if they make sense.
fn checked(options: CallOptions) -> Result<journal::CallOptions, Stop> {
    if !options.secret_headers.is_empty() {
        return Err(Stop::Unsupported(
            "`call` was given secret headers, which are not available in this version of the host; leave \
             `secret-headers` empty"
                .into(),
        ));
    }
    Ok(journal::CallOptions {
        timeout: options.timeout,
        retry: options.retry.map(checked_policy).transpose()?,
        idempotency_key: options.idempotency_key,
        redirects: options.redirects,
        secret_headers: Vec::new(),
    })
}

fn checked_policy(policy: http::RetryPolicy) -> Result<RetryPolicy, Stop> {
    if policy.attempts == 0 {
        return Err(Stop::Misuse(
            "`call` was given a retry policy of 0 attempts; it needs at least 1, which is no retry"
                .into(),
        ));
    }
    if !policy.multiplier.is_finite() || policy.multiplier < 1.0 {
        return Err(Stop::Misuse(format!(
            "`call` was given a retry policy with the multiplier {}; it needs to be at least 1, and finite",
            policy.multiplier
        )));
    }
    Ok(RetryPolicy {
        attempts: policy.attempts,
        initial_delay: policy.initial_delay,
        multiplier: policy.multiplier,
        max_delay: policy.max_delay,
    })
}
