//! Errors of the network, in words for the author of a workflow.
//!
//! An error text of a library is left out if it could contain a part of the URL or of the response.

use std::error::Error;
use std::io;

use dormouse_journal::CallError;
use dormouse_seams::BodyMissing;
use hyper_util::client::legacy;

use crate::connector::ConnectError;

/// Returns the error of a request that got no beginning of a response. `authority` is the host and port of its URL.
pub(crate) fn before_response(error: &legacy::Error, authority: &str) -> CallError {
    if let Some(connect) = find::<ConnectError>(error) {
        return match connect {
            ConnectError::Denied(denied) => CallError::Denied(denied.to_string()),
            unreachable => CallError::Unreachable(unreachable.to_string()),
        };
    }
    if error.is_connect() {
        // TCP's connection was made, so the TLS handshake failed.
        let reason = error.source().map_or_else(String::new, ToString::to_string);
        return CallError::Unreachable(format!("TLS with {authority} failed: {reason}"));
    }
    if let Some(missing) = find::<BodyMissing>(error) {
        return CallError::Unreachable(missing.to_string());
    }
    broken(error, authority, "before it sent a response")
}

/// Returns the error of a response that was cut off.
pub(crate) fn within_response(error: &(dyn Error + 'static), authority: &str) -> CallError {
    broken(error, authority, "in the middle of its response")
}

/// Returns the error of a call of an `https` URL on a host without root certificates.
pub(crate) fn no_roots() -> CallError {
    CallError::Unreachable(
        "TLS: this host has no root certificates to check servers by; whoever operates it should install them (the \
         package ca-certificates, or a file named by SSL_CERT_FILE) and start it again"
            .into(),
    )
}

fn broken(error: &(dyn Error + 'static), authority: &str, moment: &str) -> CallError {
    let http = find::<hyper::Error>(error);
    if http.is_some_and(hyper::Error::is_parse_too_large) {
        return malformed(&format!(
            "{authority} sent more headers than the host takes"
        ));
    }
    if http.is_some_and(hyper::Error::is_parse) {
        return malformed(&format!(
            "{authority} answered with something that is not HTTP, or with a header that has a byte which no header may have"
        ));
    }
    let text = if http.is_some_and(hyper::Error::is_incomplete_message) {
        format!("{authority} closed the connection {moment}")
    } else if let Some(io) = find::<io::Error>(error) {
        format!(
            "the connection to {authority} broke {moment}: {}",
            io.kind()
        )
    } else {
        format!("the connection to {authority} broke {moment}")
    };
    CallError::Unreachable(text)
}

/// Returns the error of a response that cannot be parsed. No further attempt is made: the service would do its work again,
/// and most likely answer in the same way.
fn malformed(text: &str) -> CallError {
    CallError::malformed_response(format!(
        "{text}; the request was sent and may have been carried out, so it is not sent again"
    ))
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut error = Some(error);
    while let Some(link) = error {
        if let Some(found) = link.downcast_ref() {
            return Some(found);
        }
        error = link.source();
    }
    None
}
