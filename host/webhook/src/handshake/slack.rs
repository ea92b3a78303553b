//! Slack's `url_verification`: a POST of a JSON object with `type`, `challenge` and `token` and nothing else. An event
//! has more fields. See <https://docs.slack.dev/reference/events/url_verification>.

use dormouse_journal::Request;
use serde::Deserialize;

use crate::field::{Field, field};
use crate::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    r#type: String,
    challenge: String,
    /// The verification token that Slack's signatures replaced. It must be there, and proves nothing.
    #[serde(rename = "token")]
    _token: String,
}

pub(super) fn challenge(request: &Request) -> Option<String> {
    if !is_json(request) {
        return None;
    }
    let probe: Probe = json::object(&request.body)?;
    (probe.r#type == "url_verification").then_some(probe.challenge)
}

/// A page in a browser cannot send this type to another origin without asking that first.
pub(super) fn is_json(request: &Request) -> bool {
    let Field::Once(value) = field(request, "content-type") else {
        return false;
    };
    let media_type = value.split(|byte| *byte == b';').next();
    media_type.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"application/json"))
}
