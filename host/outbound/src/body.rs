//! Reads a response to its end, unless it is larger than its limit.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use dormouse_journal::{CallError, Header, Response};
use dormouse_limits::{Grant, MEMORY_BUDGET};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;

use crate::failure;
use crate::mask::Mask;
use crate::outgoing::Outgoing;

/// The largest body in bytes that is searched for secrets where it was read, which takes about a millisecond.
const SEARCHED_HERE: usize = 64 << 10;

/// Reads the response to `sent`, whose body may have at most `limit` bytes. The body is returned as it came, without
/// being decompressed. Secrets of the request are masked in it, in a large body when it has its turn.
pub(crate) async fn read(
    sent: &Outgoing,
    response: http::Response<Incoming>,
    limit: u64,
    (mask, turns): (&Arc<Mask>, &Semaphore),
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
    let response = Response {
        status: head.status.as_u16(),
        headers: headers(&head.headers),
        body: bytes(body, limit, sent.authority(), &mut memory).await?,
    };
    let response = masked(mask, turns, response).await?;
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

/// Masks the secrets in a response. A body may have 16 MiB, and while it is searched, a task would keep its thread from
/// others. So it is searched on a thread for blocking work.
async fn masked(
    mask: &Arc<Mask>,
    turns: &Semaphore,
    response: Response,
) -> Result<Response, CallError> {
    if !mask.masks() || response.body.len() <= SEARCHED_HERE {
        return Ok(mask.response(response));
    }
    // The semaphore is never closed.
    let _turn = turns.acquire().await;
    let mask = mask.clone();
    let masking = tokio::task::spawn_blocking(move || mask.response(response));
    // It is not shown unless it was searched.
    masking.await.map_err(|_| CallError::Interrupted)
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

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use dormouse_seams::SecretHeader;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn mask(secret_headers: &[SecretHeader]) -> Arc<Mask> {
        Arc::new(Mask::new(secret_headers).unwrap())
    }

    fn response(size: usize) -> Response {
        Response {
            status: 200,
            headers: Vec::new(),
            body: [b"hunter2".to_vec(), vec![b'x'; size]].concat().into(),
        }
    }

    #[tokio::test]
    async fn a_large_body_is_searched_on_another_thread_when_it_has_its_turn() {
        let secret = SecretHeader {
            name: "x-key".into(),
            value: b"hunter2".to_vec().into(),
            secrets: vec![b"hunter2".to_vec().into()],
        };
        let (mask, none, turns) = (mask(&[secret]), mask(&[]), Semaphore::new(1));
        let Poll::Ready(Ok(here)) = poll(pin!(masked(&mask, &turns, response(10)))) else {
            panic!("a small body was not searched at once");
        };
        assert!(here.body.starts_with(b"***xx"));
        let unchanged = poll(pin!(masked(&none, &turns, response(SEARCHED_HERE))));
        assert_eq!(unchanged, Poll::Ready(Ok(response(SEARCHED_HERE))));
        let mut large = pin!(masked(&mask, &turns, response(SEARCHED_HERE)));
        assert_eq!(poll(large.as_mut()), Poll::Pending);
        assert_eq!(turns.available_permits(), 0);
        let large = large.await.unwrap();
        assert!(large.body.starts_with(b"***xx"));
        assert_eq!(turns.available_permits(), 1);
    }
}
