//! The interface `http`: calls of other services.

use dormouse_journal::{
    self as journal, Arguments, Encoding, Kind, Outcome, RetryPolicy, SecretHeader, ValueGroup,
    ValuePart,
};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::http::{
    self, CallError, CallOptions, Host, HostWithStore, Request, Response,
};
use crate::guest::Guest;
use crate::limits;
use crate::settings;
use crate::stop::Stop;
use crate::wait::Wait;

/// The largest number of headers with secrets in one call. Every attempt looks up their secrets, and a request has
/// few credentials.
const SECRET_HEADERS: usize = 16;

/// The longest name of a secret, in bytes.
const SECRET_NAME: usize = 64;

/// The longest name of a header with secrets, and the longest text in its value, in bytes. The name of an
/// authentication scheme and some of its parameters are much shorter.
const SECRET_HEADER_TEXT: usize = 256;

/// The largest number of pieces in the value of a header with secrets.
const SECRET_HEADER_PARTS: usize = 16;

/// The encoding of a group of pieces. Pieces without an encoding are sent as they are.
const BASE64: &str = "base64";

impl Host for Guest {}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn call(
        accessor: &Accessor<Guest, Self>,
        step: String,
        request: Request,
        options: CallOptions,
    ) -> wasmtime::Result<Result<Response, CallError>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let options = checked(options)?;
        let size = size(&request, &options);
        shared.lock().check_value("the request", size)?;
        let kind = Kind::Call {
            method: request.method.clone(),
            url: request.url.clone(),
            retry: options.retry.unwrap_or_default(),
        };
        let arguments = Arguments::Call {
            request: request.into(),
            options,
        };
        let wait = Wait::start(&shared, "call", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::Response(result) => Some(result.map(Response::from).map_err(CallError::from)),
            _ => None,
        })
        .await
    }
}

/// Returns the size in bytes of what a call keeps.
fn size(request: &Request, options: &journal::CallOptions) -> usize {
    let headers = limits::headers_size(&request.headers);
    let line = request.method.len() + request.url.len();
    let secrets = options.secret_headers.iter();
    let secrets: usize = secrets.map(SecretHeader::size).sum();
    let key = options.idempotency_key.as_ref().map_or(0, String::len);
    line + headers + request.body.len() + key + secrets
}

/// Returns the options as they are recorded, or stops a guest whose options are not valid.
fn checked(options: CallOptions) -> Result<journal::CallOptions, Stop> {
    settings::refuse_unknown("call", &options.settings, &[])?;
    Ok(journal::CallOptions {
        timeout: options.timeout,
        retry: options.retry.map(checked_policy).transpose()?,
        idempotency_key: options.idempotency_key,
        redirects: options.redirects,
        secret_headers: checked_secrets(options.secret_headers)?,
    })
}

/// Returns the headers with secrets as they are recorded: with the names of the secrets, whose values a guest never
/// gets. The name of a header is checked when the request is sent, as for the request's own headers.
fn checked_secrets(headers: Vec<http::SecretHeader>) -> Result<Vec<SecretHeader>, Stop> {
    if headers.len() > SECRET_HEADERS {
        return Err(Stop::Misuse(format!(
            "`call` was given {} secret headers, and a call may have {SECRET_HEADERS}",
            headers.len()
        )));
    }
    headers.into_iter().map(checked_secret).collect()
}

fn checked_secret(header: http::SecretHeader) -> Result<SecretHeader, Stop> {
    check_text("whose name", &header.name)?;
    let parts: usize = header.value.iter().map(|group| group.parts.len()).sum();
    if parts.max(header.value.len()) > SECRET_HEADER_PARTS {
        return Err(Stop::Misuse(format!(
            "`call` was given the secret header {:?} with more than {SECRET_HEADER_PARTS} pieces",
            header.name
        )));
    }
    let name = header.name.as_str();
    let groups = header.value.into_iter();
    let value: Vec<_> = groups
        .map(|group| checked_group(name, group))
        .collect::<Result<_, _>>()?;
    let checked = SecretHeader {
        name: header.name,
        value,
    };
    if checked.secrets().next().is_none() {
        return Err(Stop::Misuse(format!(
            "`call` was given the secret header {:?} without a secret in it; pass it as an ordinary header",
            checked.name
        )));
    }
    Ok(checked)
}

fn checked_group(name: &str, group: http::ValueGroup) -> Result<ValueGroup, Stop> {
    let encoding = match group.encoding.as_deref() {
        None => Encoding::Plain,
        Some(BASE64) => Encoding::Base64,
        Some(other) => {
            return Err(Stop::Misuse(format!(
                "`call` was given the secret header {name:?} with the encoding {}; this host knows `{BASE64}`",
                settings::shown(other)
            )));
        }
    };
    let parts = group.parts.into_iter().map(|part| match part {
        http::ValuePart::Text(text) => {
            check_text("in which a text", &text)?;
            Ok(ValuePart::Text(text))
        }
        http::ValuePart::Secret(secret) if is_secret_name(&secret) => Ok(ValuePart::Secret(secret)),
        http::ValuePart::Secret(_) => Err(Stop::Misuse(format!(
            "`call` was given the secret header {name:?} with something that is not the name of a secret: a name has 1 \
             to {SECRET_NAME} letters, digits, dots, hyphens and underscores. It is the name that the secret was set \
             under, never the secret itself"
        ))),
    });
    Ok(ValueGroup {
        encoding,
        parts: parts.collect::<Result<_, _>>()?,
    })
}

fn check_text(what: &str, text: &str) -> Result<(), Stop> {
    if text.len() <= SECRET_HEADER_TEXT {
        return Ok(());
    }
    Err(Stop::Misuse(format!(
        "`call` was given a secret header {what} has {} bytes, and may have {SECRET_HEADER_TEXT}",
        text.len()
    )))
}

fn is_secret_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=SECRET_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

fn checked_policy(policy: http::RetryPolicy) -> Result<RetryPolicy, Stop> {
    if policy.attempts == Some(0) {
        return Err(Stop::Misuse(
            "`call` was given a retry policy of 0 attempts; it needs at least 1, which is no retry"
                .into(),
        ));
    }
    if policy.give_up_after == Some(0) {
        return Err(Stop::Misuse(
            "`call` was given a retry policy that gives up after 0 ms, in which no attempt can begin".into(),
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
        give_up_after: policy.give_up_after,
        initial_delay: policy.initial_delay,
        multiplier: policy.multiplier,
        max_delay: policy.max_delay,
    })
}
