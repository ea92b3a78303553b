//! WebSub's verification of intent: a GET with `hub.mode`, `hub.topic`, `hub.challenge` and, to subscribe,
//! `hub.lease_seconds` in the query. Whether the topic was asked for is not known here, and need not be: only who was
//! given the webhook's URL can subscribe it to something. See
//! <https://www.w3.org/TR/websub/#hub-verifies-intent>.

use dormouse_journal::Request;
use url::Url;

use super::query::{is_number, parameter};

/// Digits of a lease in seconds: 300 years have ten.
const DIGITS: usize = 10;

pub(super) fn challenge(request: &Request) -> Option<String> {
    let is_lease = match parameter(request, "hub.mode")?.as_str() {
        "subscribe" => is_number(&parameter(request, "hub.lease_seconds")?, DIGITS),
        // May be there, and must not be looked at.
        "unsubscribe" => true,
        _ => false,
    };
    let topic = Url::parse(&parameter(request, "hub.topic")?).ok()?;
    let is_topic = matches!(topic.scheme(), "http" | "https");
    let challenge = parameter(request, "hub.challenge")?;
    (request.body.is_empty() && is_lease && is_topic).then_some(challenge)
}
