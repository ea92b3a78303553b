//! Refuses bodies that arrive too slowly. A sender has some time for a body, and more time for each part that it sends.
//! So a large body on a slow line is accepted. One byte a second, which would keep the host waiting for hours, is not.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// The number of bytes for which the other end gets one more second: 128 kbit/s, which a bad mobile connection
/// achieves.
const BYTES_A_SECOND: u64 = 16 << 10;

/// Returns the time that this many bytes earn their sender or receiver.
pub(crate) fn earned(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1_000) / BYTES_A_SECOND)
}

/// Returns a body that must arrive within this time plus the time that it earns. The time begins with the first read.
pub(crate) fn kept(body: Body, within: Duration) -> Body {
    if body.is_end_stream() {
        body
    } else {
        Body::new(Paced::new(body, within))
    }
}

/// The error for a sender that was too slow.
#[derive(Debug, thiserror::Error)]
#[error("the sender was too slow")]
pub(crate) struct TooSlow;

impl TooSlow {
    /// Returns true if this is the error of a body.
    pub(crate) fn is(error: &(dyn Error + 'static)) -> bool {
        error.is::<TooSlow>() || error.source().is_some_and(TooSlow::is)
    }
}

struct Paced {
    body: Body,
    within: Duration,
    received: u64,
    began: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    fn new(body: Body, within: Duration) -> Self {
        Paced {
            body,
            within,
            received: 0,
            began: None,
            timer: None,
        }
    }

    /// Resolves when the sender's time is up.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let began = *self.began.get_or_insert_with(Instant::now);
        let Some(deadline) = began.checked_add(self.within.saturating_add(earned(self.received)))
        else {
            return Poll::Pending;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context)
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, Bytes::len) as u64;
            }
            return Poll::Ready(frame);
        }
        self.poll_late(context)
            .map(|()| Some(Err(axum::Error::new(TooSlow))))
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
    use futures::{StreamExt as _, stream};
    use http::{HeaderMap, Request, StatusCode};

    use super::*;
    use crate::request::body_memory::BodyBudget;
    use crate::request::{body, unread};

    /// Reads these pieces, after which neither more nor an end follows. Returns the status of the answer.
    async fn answer(pieces: &[usize], within: Duration) -> StatusCode {
        let pieces = pieces
            .iter()
            .map(|size| Ok::<_, std::io::Error>(vec![b'x'; *size]));
        let pieces: Vec<_> = pieces.collect();
        let body = Body::from_stream(stream::iter(pieces).chain(stream::pending()));
        let request = Request::post("/").body(kept(body, within)).unwrap();
        let body = unread::thrown_away(request).into_body();
        let memory = BodyBudget::new(dormouse_limits::Budget::default(), 8).of_api();
        let read = body::read(
            &HeaderMap::new(),
            body,
            1 << 20,
            dormouse_limits::BODY,
            memory,
        )
        .await;
        read.unwrap_err().status()
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_given_up() {
        let within = Duration::from_millis(1);
        assert_eq!(answer(&[], within).await, StatusCode::REQUEST_TIMEOUT);
        assert_eq!(
            answer(&[1, 1, 1], within).await,
            StatusCode::REQUEST_TIMEOUT
        );
    }

    #[tokio::test]
    async fn the_deadline_moves_with_what_came() {
        let mut body = Paced::new(Body::empty(), Duration::from_secs(30));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(body.poll_late(&mut context).is_pending());
        let deadline = |body: &Paced| body.timer.as_ref().unwrap().deadline();
        let before = deadline(&body);
        body.received = 64 << 10;
        assert!(body.poll_late(&mut context).is_pending());
        assert_eq!(deadline(&body) - before, Duration::from_secs(4));
    }

    #[tokio::test]
    async fn no_time_is_too_long() {
        let mut body = Paced::new(Body::empty(), Duration::MAX);
        body.received = u64::MAX;
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(body.poll_late(&mut context).is_pending());
    }

    #[test]
    fn one_second_for_16_kib() {
        assert_eq!(earned(0), Duration::ZERO);
        assert_eq!(earned(16 << 10), Duration::from_secs(1));
        assert_eq!(earned(1 << 10), Duration::from_micros(62_000));
    }
}
