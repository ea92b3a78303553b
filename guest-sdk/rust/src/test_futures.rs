//! Futures for tests that need no host.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Polls a future until it is done. Fails the test if it is pending for too long.
pub(crate) fn poll_to_end<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future is still pending after 1,000 polls");
}

/// A future that is pending for a number of polls, and then done.
pub(crate) struct Countdown<T> {
    polls: u32,
    output: Option<T>,
}

impl<T> Countdown<T> {
    pub(crate) fn new(polls: u32, output: T) -> Self {
        Self {
            polls,
            output: Some(output),
        }
    }
}

impl<T: Unpin> Future for Countdown<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if self.polls == 0 {
            return Poll::Ready(self.output.take().expect("polled after it was done"));
        }
        self.polls -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A future that counts how many of its kind were dropped.
pub(crate) struct Owned<'a, F> {
    future: F,
    dropped: &'a Cell<u32>,
}

impl<'a, F> Owned<'a, F> {
    pub(crate) fn new(future: F, dropped: &'a Cell<u32>) -> Self {
        Self { future, dropped }
    }
}

impl<F: Future + Unpin> Future for Owned<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.future).poll(context)
    }
}

impl<F> Drop for Owned<'_, F> {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
    }
}
