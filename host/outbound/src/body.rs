//! Reads a response to its end, unless it is larger than its limit.

use bytes::{Bytes, BytesMut};
use dormouse_journal::{CallError, Header, Response};
use dormouse_limits::{Grant, MEMORY_BUDGET};
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
    mut memory: Grant,
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
        body: bytes(body, limit, sent.authority(), &mut memory).await?,
    });
    // A mask can be longer than the secret that it replaces.
    let size = response.body.len() as u64;
    if size > limit {
        return Err(CallError::TooLarge(limit));
    }
    if !memory.reach_body(size) {
        return Err(no_memory());
    }
    let body = memory.keep(response.body);
    Ok(Response { body, ..response })
}

/// Reads a body piece by piece. Memory for each piece is granted before the next piece is read.
///
/// A body of known length gets a buffer for all of it at once, since the parts of a buffer that were not written to yet take
/// no memory. A body of unknown length is copied whenever it outgrows its buffer, so twice its size is granted.
async fn bytes(
    body: Incoming,
    limit: u64,
    authority: &str,
    memory: &mut Grant,
) -> Result<Bytes, CallError> {
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let declared = body.size_hint().exact();
    let mut body = Limited::new(body, most);
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error {
            error if error.is::<LengthLimitError>() => CallError::TooLarge(limit),
            error => failure::within_response(&*error, authority),
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let size = (whole.len() + data.len()) as u64;
        let needed = match declared {
            Some(_) => size,
            None => size.saturating_mul(2),
        };
        if !memory.reach_body(needed) {
            return Err(no_memory());
        }
        if whole.is_empty() {
            let room = declared.unwrap_or_default().min(limit);
            whole.reserve(usize::try_from(room).unwrap_or_default());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// Returns the error of a response that the host has no memory for. The call is tried again, since there may be memory
/// later.
fn no_memory() -> CallError {
    CallError::Unreachable(format!(
        "the host has no memory left for the response; the setting is `{MEMORY_BUDGET}`"
    ))
}

fn headers(headers: &HeaderMap) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes())))
        .collect()
}
