//! Reads a response to its end, unless it is larger than its limit.

use bytes::Bytes;
use dormouse_journal::{CallError, Header, Response};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

use crate::failure;
use crate::mask::Mask;
use crate::outgoing::Outgoing;

/// Reads the response to `sent`, whose body may have at most `limit` bytes. The body is returned as it came, without
/// being decompressed. Secrets of the request are masked in it.
pub(crate) async fn read(
    sent: &Outgoing,
    response: http::Response<Incoming>,
    limit: u64,
    mask: &Mask,
) -> Result<Response, CallError> {
    let (head, body) = response.into_parts();
    // The response to HEAD, and one with the status 304, may announce the length of a body that does not come.
    let has_body = sent.method != Method::HEAD && head.status != StatusCode::NOT_MODIFIED;
    if has_body && body.size_hint().lower() > limit {
        return Err(CallError::TooLarge(limit));
    }
    if has_body && !body.is_end_stream() {
        mask.check_body(&head.headers, sent.authority())?;
    }
    let response = mask.response(Response {
        status: head.status.as_u16(),
        headers: headers(&head.headers),
        body: bytes(body, limit, sent.authority()).await?,
    });
    // A mask can be longer than the secret that it replaces.
    if response.body.len() as u64 > limit {
        return Err(CallError::TooLarge(limit));
    }
    Ok(response)
}

async fn bytes(body: Incoming, limit: u64, authority: &str) -> Result<Bytes, CallError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLarge(limit)),
        Err(error) => Err(failure::within_response(&*error, authority)),
    }
}

fn headers(headers: &HeaderMap) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes())))
        .collect()
}
