//! Functions that await several futures at once. The futures are polled in a fixed order, so that a
//! rebuilt run does the same again.

use std::convert::Infallible;
use std::future::{IntoFuture, poll_fn};
use std::ops::ControlFlow;
use std::task::{Context, Poll};

use crate::group::Group;

/// Awaits all of any number of futures, and returns their outputs in the order of the futures.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, urls: Vec<String>) {
/// let responses = join_all(urls.iter().map(|url| ctx.get(url).send("fetch"))).await;
/// # }
/// ```
pub async fn join_all<F: IntoFuture>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut group = Group::new(futures);
    let mut outputs: Vec<_> = group.indices().map(|_| None).collect();
    let ControlFlow::Continue(()) = poll_fn(|context| {
        group.poll(context, |index, output| {
            outputs[index] = Some(output);
            ControlFlow::<Infallible>::Continue(())
        })
    })
    .await;
    outputs.into_iter().flatten().collect()
}

/// Awaits all of any number of futures, at most `limit` of them at a time, and returns their outputs
/// in the order of the futures. When one future has ended, the next begins.
///
/// # Panics
///
/// If `limit` is 0, since no future could ever begin.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, urls: Vec<String>) {
/// let responses = join_all_limited(10, urls.iter().map(|url| ctx.get(url).send("fetch"))).await;
/// # }
/// ```
pub async fn join_all_limited<F: IntoFuture>(
    limit: usize,
    futures: impl IntoIterator<Item = F>,
) -> Vec<F::Output> {
    assert!(
        limit > 0,
        "`join_all_limited` needs a limit of at least 1 future at a time"
    );
    let mut waiting = futures
        .into_iter()
        .enumerate()
        .map(|(index, future)| async move { (index, future.await) });
    let mut group = Group::new(waiting.by_ref().take(limit));
    let mut outputs = Vec::new();
    while let Some((index, output)) = poll_fn(|context| poll_next(&mut group, context)).await {
        if outputs.len() <= index {
            outputs.resize_with(index + 1, || None);
        }
        outputs[index] = Some(output);
        if let Some(next) = waiting.next() {
            group.push(next);
        }
    }
    outputs.into_iter().flatten().collect()
}

/// Returns the output of the member that ends next, or `None` if there is no member left.
pub(crate) fn poll_next<F: IntoFuture>(
    group: &mut Group<F>,
    context: &mut Context<'_>,
) -> Poll<Option<F::Output>> {
    group
        .poll(context, |_, output| ControlFlow::Break(output))
        .map(ControlFlow::break_value)
}

/// Awaits all of any number of fallible futures, and returns their outputs in the order of the
/// futures. The first error is returned at once, and the futures that are not done are dropped.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn part(ctx: Context, index: u32) -> Result<Value> { Ok(json!(index)) }
/// # async fn example(ctx: Context) -> Result<Vec<Value>> {
/// try_join_all((0..10).map(|index| part(ctx, index))).await
/// # }
/// ```
pub async fn try_join_all<T, E, F: IntoFuture<Output = Result<T, E>>>(
    futures: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, E> {
    let mut group = Group::new(futures);
    let mut outputs: Vec<_> = group.indices().map(|_| None).collect();
    let ended = poll_fn(|context| {
        group.poll(context, |index, output| match output {
            Ok(output) => {
                outputs[index] = Some(output);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        })
    })
    .await;
    match ended {
        ControlFlow::Continue(()) => Ok(outputs.into_iter().flatten().collect()),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Awaits the first of any number of futures, and returns its index and output. The others are
/// dropped.
///
/// # Panics
///
/// If there are no futures, since none could be the first.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, approvers: Vec<Webhook>) {
/// let (approver, answer) = select_all(approvers.iter().map(Webhook::wait)).await;
/// # }
/// ```
pub async fn select_all<F: IntoFuture>(futures: impl IntoIterator<Item = F>) -> (usize, F::Output) {
    let mut group = Group::new(futures);
    assert!(
        !group.indices().is_empty(),
        "`select_all` needs at least one future"
    );
    poll_fn(|context| {
        match group.poll(context, |index, output| ControlFlow::Break((index, output))) {
            Poll::Ready(ControlFlow::Break(first)) => Poll::Ready(first),
            Poll::Ready(ControlFlow::Continue(())) | Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use super::*;
    use crate::test_futures::{Countdown, Owned, poll_to_end};
    use crate::{join, select};

    #[test]
    fn join_gives_all_in_order() {
        let joined = poll_to_end(async {
            let local = 5;
            join!(
                Countdown::new(3, "a"),
                async { local + 1 },
                Countdown::new(1, 2.5)
            )
        });
        assert_eq!(joined, ("a", 6, 2.5));
    }

    #[test]
    fn join_all_gives_all_in_order() {
        let futures = [3, 1, 0, 2].map(|polls| Countdown::new(polls, polls));
        assert_eq!(poll_to_end(join_all(futures)), [3, 1, 0, 2]);
        assert!(poll_to_end(join_all(Vec::<Countdown<u32>>::new())).is_empty());
    }

    #[test]
    fn join_all_limited_gives_all_in_order() {
        let futures = [3, 1, 0, 2].map(|polls| Countdown::new(polls, polls));
        assert_eq!(poll_to_end(join_all_limited(2, futures)), [3, 1, 0, 2]);
        let none = Vec::<Countdown<u32>>::new();
        assert!(poll_to_end(join_all_limited(2, none)).is_empty());
    }

    #[test]
    fn join_all_limited_polls_at_most_the_limit_at_a_time() {
        let (begun, ended, most) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let futures = [5, 1, 1, 3, 2, 0].map(|polls| {
            let (begun, ended, most) = (&begun, &ended, &most);
            async move {
                begun.set(begun.get() + 1);
                most.set(most.get().max(begun.get() - ended.get()));
                Countdown::new(polls, ()).await;
                ended.set(ended.get() + 1);
            }
        });
        poll_to_end(join_all_limited(3, futures));
        assert_eq!((most.get(), ended.get()), (3, 6));
    }

    #[test]
    #[should_panic(expected = "`join_all_limited` needs a limit of at least 1")]
    fn join_all_limited_to_none() {
        poll_to_end(join_all_limited(0, [ready(1)]));
    }

    #[test]
    fn try_join_all_ends_with_the_first_error() {
        let dropped = Cell::new(0);
        let outcomes = [(9, Ok(())), (2, Err("second")), (1, Err("first"))];
        let futures = outcomes.map(|(polls, outcome)| Countdown::new(polls, outcome));
        let futures = futures.map(|future| Owned::new(future, &dropped));
        let seen = poll_to_end(async { (try_join_all(futures).await, dropped.get()) });
        assert_eq!(seen, (Err("first"), 3));

        let futures = [2, 1].map(|polls| Countdown::new(polls, Ok::<_, ()>(polls)));
        assert_eq!(poll_to_end(try_join_all(futures)), Ok(vec![2, 1]));
    }

    #[test]
    fn select_all_gives_the_first_and_drops_the_others() {
        let dropped = Cell::new(0);
        let futures = [Countdown::new(2, "slow"), Countdown::new(1, "fast")];
        let futures = futures.map(|future| Owned::new(future, &dropped));
        let seen = poll_to_end(async { (select_all(futures).await, dropped.get()) });
        assert_eq!(seen, ((1, "fast"), 2));
        assert_eq!(
            poll_to_end(select_all([ready(1), ready(2)])),
            (0, 1),
            "both at once"
        );
    }

    #[test]
    #[should_panic(expected = "`select_all` needs at least one future")]
    fn select_all_of_nothing() {
        poll_to_end(select_all(Vec::<Countdown<u32>>::new()));
    }

    #[test]
    fn select_drops_the_losers_before_the_handler_runs() {
        let dropped = Cell::new(0);
        let seen = poll_to_end(async {
            select! {
                () = Owned::new(pending(), &dropped) => None,
                number = Countdown::new(2, 7) => {
                    ready(()).await;
                    Some((number, dropped.get()))
                }
            }
        });
        assert_eq!(seen, Some((7, 1)));
    }

    #[test]
    fn select_prefers_what_is_written_first() {
        let first = poll_to_end(async {
            select! { a = ready(1) => a, b = ready(2) => b }
        });
        assert_eq!(first, 1);
    }

    #[test]
    fn select_awaits_by_reference_and_handlers_leave_loops() {
        let rounds = poll_to_end(async {
            let mut kept = Countdown::new(3, ());
            let mut rounds = 0;
            loop {
                select! {
                    () = &mut kept => break rounds,
                    () = Countdown::new(1, ()) => rounds += 1,
                }
            }
        });
        assert_eq!(rounds, 1);
    }
}
