//! The checks and the redirects of an attempt, without a network. `dormouse test` uses them, since its scenarios take the
//! place of the network.

use dormouse_journal::{CallError, Response};
use dormouse_seams::Attempt;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, header};

use crate::mask::Mask;
use crate::outgoing::Outgoing;
use crate::redirect;

/// Checks that the request of an attempt can be sent, as [`Client::send`](crate::Client::send) does before it looks at the
/// network.
///
/// # Errors
/// If the request cannot be sent.
pub fn check(attempt: &Attempt) -> Result<(), CallError> {
    outgoing(attempt).map(|_| ())
}

fn outgoing(attempt: &Attempt) -> Result<Outgoing, CallError> {
    let nobody = HeaderValue::from_static("");
    let (request, body) = (attempt.request.clone(), attempt.large_body.clone());
    Outgoing::check(request, body, &attempt.secret_headers, &nobody)
}

/// Returns the attempt that follows after `attempt` got this response, by the rules of redirects. None if the response is
/// the result.
///
/// # Errors
/// If the request of `attempt` cannot be sent, or the redirect is refused.
pub fn follow(attempt: &Attempt, response: &Response) -> Result<Option<Attempt>, CallError> {
    let status = StatusCode::from_u16(response.status);
    let (Ok(status), 1..) = (status, attempt.redirects) else {
        return Ok(None);
    };
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let mask = Mask::new(&attempt.secret_headers)?;
    let sent = outgoing(attempt)?;
    let Some(next) = redirect::next(&sent, status, &headers, &mask)? else {
        return Ok(None);
    };
    let mut following = attempt.clone();
    following.redirects -= 1;
    if next.secrets.is_empty() {
        following.secret_headers.clear();
    }
    let origin = next.url.origin().ascii_serialization();
    let request = &mut following.request;
    request.method = next.method.to_string();
    request.url = format!("{origin}{}", next.target);
    let kept = next.headers.iter();
    let kept = kept.filter(|(name, value)| **name != header::USER_AGENT || !value.is_empty());
    request.headers = kept
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec().into()))
        .collect();
    request.body = next.body;
    following.large_body = next.large_body;
    Ok(Some(following))
}
