//! Meta's verification request: a GET with `hub.mode=subscribe`, `hub.challenge` and `hub.verify_token` in the query.
//! The challenge is documented as an integer. The token is the author's own and told to nobody else; it is not checked,
//! since who can call the URL knows the webhook's token already. See
//! <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>.

use dormouse_journal::Request;

use super::query::{is_number, parameter};

/// As many as an integer of 64 bits can have.
const DIGITS: usize = 20;

pub(super) fn challenge(request: &Request) -> Option<String> {
    parameter(request, "hub.verify_token")?;
    let is_probe = request.body.is_empty() && parameter(request, "hub.mode")? == "subscribe";
    let challenge = parameter(request, "hub.challenge")?;
    (is_probe && is_number(&challenge, DIGITS)).then_some(challenge)
}
