//! The future of every operation that waits.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A request to the host that takes time: a wait, a sleep, a call, or a notification.
///
/// An operation begins when it is first awaited. Dropping it gives it up: a request that arrives at
/// a webhook later goes to the next wait. An operation borrows nothing and can be moved, so one
/// operation can be awaited by reference several times:
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let answer = ctx.webhook("answer").create();
/// let mut answered = answer.wait();
/// loop {
///     select! {
///         delivery = &mut answered => {
///             ctx.info(delivery.text()?);
///             break;
///         }
///         _ = ctx.sleep("reminder", days(1)) => ctx.info("still no answer"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "an operation does nothing unless it is awaited: write `.await` after it"]
pub struct Operation<T>(Pin<Box<dyn Future<Output = T>>>);

impl<T> Operation<T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl<T> Future for Operation<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(context)
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Operation").finish_non_exhaustive()
    }
}
