//! Durable timers.

use std::future::{Future, IntoFuture};

use crate::context::Context;
use crate::contract::timers as contract;
use crate::operation::Operation;
use crate::time::{Instant, IntoDuration, contract_millis};

impl Context {
    /// Waits for a span of time, which begins when this is first awaited. The wait never ends
    /// early, and costs nothing while it lasts.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// ctx.sleep("trial period", "30d").await;
    /// # }
    /// ```
    #[track_caller]
    pub fn sleep(&self, step: impl Into<String>, span: impl IntoDuration) -> Operation<()> {
        let (step, millis) = (step.into(), contract_millis(span));
        Operation::new(contract::sleep(step, millis))
    }

    /// Waits until a point in time. If it has passed, the wait ends at once.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// let renewal = ctx.run().started + days(365);
    /// ctx.sleep_until("renewal", renewal).await;
    /// # }
    /// ```
    pub fn sleep_until(&self, step: impl Into<String>, instant: Instant) -> Operation<()> {
        Operation::new(contract::sleep_until(step.into(), instant.as_millis()))
    }
}

/// Awaits a future for at most this long. Returns its output, or `None` if the time was over first.
/// The future is then dropped, and the operations that it waited for are given up.
///
/// The future can be an operation, [`join_all`](crate::join_all), or a function of your own. For a
/// single wait for a webhook or an event, use its own `wait_timeout`: it is one operation instead
/// of two, and never misses a request that came in time.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn order(ctx: Context) -> Result<u32> { Ok(1) }
/// # async fn example(ctx: Context) -> Result<()> {
/// match timeout("2h", order(ctx)).await {
///     Some(number) => ctx.info(format_args!("order {}", number?)),
///     None => ctx.warn("no order within two hours"),
/// }
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture, D: IntoDuration>(
    span: D,
    future: F,
) -> impl Future<Output = Option<F::Output>> {
    let timer = Context::new().sleep("timeout", span);
    before(timer, future)
}

async fn before<F: IntoFuture>(timer: impl Future, future: F) -> Option<F::Output> {
    crate::select! {
        output = future => Some(output),
        _ = timer => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use super::*;
    use crate::test_futures::{Countdown, Owned, poll_to_end};

    #[test]
    fn the_future_is_first() {
        assert_eq!(
            poll_to_end(before(Countdown::new(2, ()), Countdown::new(1, 7))),
            Some(7)
        );
        assert_eq!(
            poll_to_end(before(ready(()), ready(7))),
            Some(7),
            "both at once"
        );
    }

    #[test]
    fn the_timer_is_first_and_the_future_is_dropped() {
        let dropped = Cell::new(0);
        let future = Owned::new(pending::<()>(), &dropped);
        let seen = poll_to_end(async { (before(ready(()), future).await, dropped.get()) });
        assert_eq!(seen, (None, 1));
    }
}
