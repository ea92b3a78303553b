//! Handles bodies that are not read to their end because the answer is known earlier: a wrong token, an invalid name,
//! a size over the limit.
//!
//! If a connection is closed while its client still sends, it is reset, and the reset removes the answer that was on
//! its way: the client sees a broken pipe instead of the reason. So the rest of such a body is read and discarded, for
//! some time and up to a size, while the answer is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::Request;
use http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::runtime::Handle;

/// The largest number of bytes that are discarded. A sender that exceeds every limit by far is cut off.
const MOST: u64 = 256 << 20;

/// How long bytes are discarded.
const WITHIN: Duration = Duration::from_secs(5);

/// Returns a request whose unread body is discarded. A client that asks before it sends (`Expect: 100-continue`) gets
/// its answer instead, and does not send.
pub(crate) fn thrown_away(request: Request<Body>) -> Request<Body> {
    if request.headers().contains_key(EXPECT) || request.body().is_end_stream() {
        return request;
    }
    request.map(|body| Body::new(DrainOnDrop(Some(body))))
}

/// A body that is read on when it is dropped before its end.
struct DrainOnDrop(Option<Body>);

impl HttpBody for DrainOnDrop {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(body) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        let rest = self.0.take().filter(|body| !body.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(WITHIN, throw_away(rest)));
        }
    }
}

async fn throw_away(mut rest: Body) {
    let mut thrown = 0;
    while thrown < MOST
        && let Some(Ok(frame)) = rest.frame().await
    {
        thrown += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;

    use super::*;

    /// Drops a request with an endless, unread body. Returns true if the body is read on.
    async fn is_read_on(expect: Option<&str>) -> bool {
        let (sender, receiver) = mpsc::unbounded::<Result<Bytes, std::io::Error>>();
        let mut request = Request::post("/");
        if let Some(expect) = expect {
            request = request.header(EXPECT, expect);
        }
        let request = request.body(Body::from_stream(receiver)).unwrap();
        drop(thrown_away(request));
        tokio::task::yield_now().await;
        sender.unbounded_send(Ok("more".into())).is_ok()
    }

    #[tokio::test]
    async fn a_body_that_the_handler_left_is_read_to_its_end() {
        assert!(is_read_on(None).await);
    }

    #[tokio::test]
    async fn a_client_that_asks_before_it_sends_is_not_made_to() {
        assert!(!is_read_on(Some("100-continue")).await);
    }

    #[tokio::test]
    async fn a_body_that_was_read_is_whole() {
        let request = Request::post("/").body(Body::from("all of it")).unwrap();
        let body = thrown_away(request).into_body();
        let body = axum::body::to_bytes(body, 100).await.unwrap();
        assert_eq!(body, "all of it");
    }
}
