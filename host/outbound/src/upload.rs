//! The body of a request as HTTP sends it.
//!
//! A large body is read when HTTP first asks for it. The client does so once it has a connection: a host that is not there
//! costs no read of the body, and no memory.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use dormouse_seams::{BodyMissing, LargeBody, Task};
use hyper::body::{Body, Frame, SizeHint};

/// A request's body.
pub(crate) struct Upload {
    /// How much of it was not sent yet.
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

    /// Returns the whole body.
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
            // A length was announced, and HTTP would wait for the rest.
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
