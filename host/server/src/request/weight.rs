//! The memory that a request takes besides its body.
//!
//! A connection of HTTP/1 has one request at a time, whose head belongs to the memory that each connection may hold. A
//! connection of HTTP/2 has many, and a head that is compressed takes far more memory than its sender has sent. So each
//! of its requests takes memory from the budget, until its answer is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http::{Request, Version};
use hyper::body::{Frame, SizeHint};

/// The number of bytes that a request takes, whatever its head is: its task, its stream, a small body, and a small
/// answer.
const EACH: u64 = 8 << 10;

/// The number of bytes that each header field takes besides its name and its value.
const FIELD: u64 = 128;

/// The memory of a request besides its body, in bytes. It is an extension of requests that take memory from the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight(pub(crate) u64);

impl Weight {
    /// Returns the weight of a request. None if its memory belongs to its connection.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        if request.version() != Version::HTTP_2 {
            return None;
        }
        let target = request.uri().path_and_query();
        let target = target.map_or(0, |target| target.as_str().len());
        let fields = request.headers().iter();
        let fields = fields.map(|(name, value)| FIELD + copied(name.as_str().len() + value.len()));
        Some(Weight(EACH + copied(target) + fields.sum::<u64>()))
    }
}

/// Returns the bytes that a text of this length takes: as it came, and in the form in which a run gets it.
fn copied(length: usize) -> u64 {
    2 * length as u64
}

/// Returns a response whose body keeps this until it is sent, or until its connection ends.
pub(crate) fn keeping<K: Send + Sync + 'static>(response: Response, kept: K) -> Response {
    let kept = Arc::new(kept);
    response.map(|body| Body::new(Keeping { body, kept }))
}

/// Returns bytes that keep this until they are sent.
pub(crate) fn kept<K: Send + Sync + 'static>(bytes: Bytes, kept: K) -> Bytes {
    let kept = Arc::new(kept);
    Bytes::from_owner(Piece { bytes, _kept: kept })
}

/// A body together with what it keeps. hyper drops a body when it has taken the last piece, and has not sent that piece
/// by then. So each piece keeps it too.
struct Keeping<K> {
    body: Body,
    kept: Arc<K>,
}

/// A piece of a body together with what it keeps.
struct Piece<K> {
    bytes: Bytes,
    _kept: Arc<K>,
}

impl<K> AsRef<[u8]> for Piece<K> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<K: Send + Sync + 'static> HttpBody for Keeping<K> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_ok(|frame| {
            frame.map_data(|bytes| {
                let kept = self.kept.clone();
                Bytes::from_owner(Piece { bytes, _kept: kept })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn weight(version: Version, fields: usize) -> Option<u64> {
        let mut request = Request::get("http://host/path").version(version);
        for field in 0..fields {
            request = request.header(format!("x-{field}"), "v".repeat(1_000));
        }
        Weight::of(&request.body(()).unwrap()).map(|weight| weight.0)
    }

    #[test]
    fn a_request_of_http2_weighs_what_its_head_takes() {
        assert_eq!(weight(Version::HTTP_11, 40), None);
        assert_eq!(weight(Version::HTTP_2, 0), Some(EACH + 10));
        let large = weight(Version::HTTP_2, 40).unwrap();
        assert!(large > EACH + 80_000, "{large}");
    }

    #[tokio::test]
    async fn a_response_keeps_what_it_is_given_until_its_last_piece_is_gone() {
        let kept = Arc::new(());
        let response = keeping(Response::new(Body::from("body")), kept.clone());
        let mut body = response.into_body();
        assert_eq!(body.size_hint().exact(), Some(4));
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        drop(body);
        assert_eq!((&piece[..], Arc::strong_count(&kept)), (&b"body"[..], 2));
        drop(piece);
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
