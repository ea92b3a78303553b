//! The body of a request as HTTP sends it.
//!
//! A large body is read when the HTTP client first asks for it, which the client does once it has a connection. So a call to
//! a server that cannot be reached does not read the body, and takes no memory for it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dormouse_seams::{BodyMissing, LargeBody, Task};
use hyper::body::{Body, Frame, SizeHint};

/// A request's body.
pub(crate) struct Upload {
    /// The number of bytes of the body that were not passed to the HTTP client yet.
    left: u64,
    state: State,
}

enum State {
    InMemory(Bytes),
    Unread(LargeBody),
    Reading(Task<Result<Bytes, BodyMissing>>),
    Over,
}

impl Upload {
    pub(crate) fn new(body: Bytes, large: Option<LargeBody>) -> Self {
        match large {
            Some(large) => Upload {
                left: large.length(),
                state: State::Unread(large),
            },
            None => Upload {
                left: body.len() as u64,
                state: State::InMemory(body),
            },
        }
    }

    /// Polls for the whole body. The first poll begins to read a large body.
    fn poll_whole(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, BodyMissing>> {
        loop {
            match &mut self.state {
                State::InMemory(body) => return Poll::Ready(Ok(std::mem::take(body))),
                State::Unread(large) => self.state = State::Reading(large.read()),
                State::Reading(reading) => return reading.as_mut().poll(context),
                State::Over => return Poll::Ready(Ok(Bytes::new())),
            }
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyMissing;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyMissing>>> {
        let whole = ready!(self.poll_whole(context));
        self.state = State::Over;
        let left = std::mem::take(&mut self.left);
        Poll::Ready(match whole {
            // The body does not have the length that was announced to the server.
            Ok(body) if body.len() as u64 != left => Some(Err(BodyMissing)),
            Ok(body) if body.is_empty() => None,
            whole => Some(whole.map(Frame::data)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
