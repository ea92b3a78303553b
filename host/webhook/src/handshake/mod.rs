//! Handshakes: the probes by which some providers check a URL before they use it.
//!
//! A provider sends a challenge and wants it back. Answering means to send an outsider's words from the host's own
//! origin, so a request is taken for a probe only in the exact shape that the provider documents, and the answer is
//! plain text that no browser can take for a page. Everything else is an ordinary request, judged by the webhook's
//! methods and signature.

mod graph;
mod meta;
mod query;
mod slack;
mod websub;

use bytes::Bytes;
use dormouse_journal::{Handshake, Header, Request, Response};

/// Bytes of the body of a probe: a challenge and some words around it.
const LONGEST_BODY: u64 = 4 << 10;

/// Bytes of a challenge. The longest that is known, Microsoft Graph's, has some 120.
const LONGEST: usize = 1_024;

/// The answer to a provider's probe, if the request is one.
#[must_use]
pub fn probe(handshake: Handshake, request: &Request) -> Option<Response> {
    if probe_method(handshake) != Some(request.method.as_str()) {
        return None;
    }
    let challenge = match handshake {
        Handshake::None => None,
        Handshake::Slack => slack::challenge(request),
        Handshake::Meta => meta::challenge(request),
        Handshake::MicrosoftGraph => graph::challenge(request),
        Handshake::Websub => websub::challenge(request),
    };
    challenge
        .filter(|challenge| is_harmless(challenge))
        .map(answer)
}

/// Returns true if a request with this head can be a probe, before its body is read. `length` is the length of the body,
/// as far as it is known.
#[must_use]
pub fn may_be_probe(handshake: Handshake, head: &Request, length: Option<u64>) -> bool {
    if probe_method(handshake) != Some(head.method.as_str()) {
        return false;
    }
    match handshake {
        Handshake::None => false,
        Handshake::Slack => {
            length.is_some_and(|length| length <= LONGEST_BODY) && slack::is_json(head)
        }
        // The head says it all, and the body must be empty.
        Handshake::Meta | Handshake::MicrosoftGraph | Handshake::Websub => {
            length.is_none_or(|length| length == 0) && probe(handshake, head).is_some()
        }
    }
}

/// Whether the provider signs its probes as it signs its requests. Slack does; the others cannot, since they probe
/// before they are told a secret, or sign bodies only and probe without one.
#[must_use]
pub fn is_probe_signed(handshake: Handshake) -> bool {
    match handshake {
        Handshake::Slack => true,
        Handshake::None | Handshake::Meta | Handshake::MicrosoftGraph | Handshake::Websub => false,
    }
}

/// The method by which the probe comes, so that it gets past the check of methods.
#[must_use]
pub fn probe_method(handshake: Handshake) -> Option<&'static str> {
    match handshake {
        Handshake::None => None,
        Handshake::Slack | Handshake::MicrosoftGraph => Some("POST"),
        Handshake::Meta | Handshake::Websub => Some("GET"),
    }
}

/// Whether a challenge can be sent back: short, on one line, and without a character that HTML gives a meaning.
fn is_harmless(challenge: &str) -> bool {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && !b"<>\"'&`".contains(&byte);
    (1..=LONGEST).contains(&challenge.len()) && challenge.bytes().all(is_plain)
}

fn answer(challenge: String) -> Response {
    let header = |name: &str, value: &'static str| -> Header {
        (name.to_owned(), Bytes::from_static(value.as_bytes()))
    };
    Response {
        status: 200,
        headers: vec![
            header("content-type", "text/plain; charset=utf-8"),
            header("x-content-type-options", "nosniff"),
        ],
        body: challenge.into(),
    }
}
