//! A set of futures that can grow while it is awaited.

use std::fmt;
use std::future::{IntoFuture, poll_fn};
use std::pin::Pin;

use crate::concurrency::poll_next;
use crate::group::Group;

/// Futures that make progress together, and whose outputs are taken in the order in which they end.
/// Futures can be added at any time.
///
/// The futures may be of different types, but have one type of output. They begin and make progress
/// while [`next`](Self::next) is awaited. Futures that are not done are dropped with the set. A
/// rebuilt run gets the outputs in the same order again.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn fetch(ctx: Context, page: u32) -> Result<Option<u32>> { Ok(None) }
/// # async fn example(ctx: Context) -> Result<()> {
/// let mut pages = TaskSet::new();
/// for page in 1..=4 {
///     pages.push(fetch(ctx, page));
/// }
/// while let Some(page) = pages.next().await {
///     if let Some(follow) = page? {
///         pages.push(fetch(ctx, follow));
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "the futures of a set make progress while its `next` is awaited"]
pub struct TaskSet<'a, T> {
    group: Group<Pin<Box<dyn Future<Output = T> + 'a>>>,
}

impl<'a, T> TaskSet<'a, T> {
    /// Returns a set without futures.
    ///
    /// ```
    /// # use dormouse_sdk::TaskSet;
    /// assert!(TaskSet::<u32>::new().is_empty());
    /// ```
    pub fn new() -> Self {
        Self {
            group: Group::new([]),
        }
    }

    /// Adds a future. It begins when [`next`](Self::next) is awaited.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let mut sleeps = TaskSet::new();
    /// sleeps.push(ctx.sleep("short", seconds(1)));
    /// sleeps.push(async move { ctx.sleep("long", days(1)).await });
    /// # }
    /// ```
    pub fn push(&mut self, future: impl IntoFuture<Output = T, IntoFuture: 'a>) {
        self.group.push(Box::pin(future.into_future()));
    }

    /// Awaits the next future to end, and returns its output, or `None` if the set is empty.
    ///
    /// Dropping the returned future before it is done loses no output.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, mut set: TaskSet<'_, u32>) {
    /// while let Some(number) = set.next().await {
    ///     ctx.info(number);
    /// }
    /// # }
    /// ```
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|context| poll_next(&mut self.group, context)).await
    }

    /// Returns the number of futures that are not done.
    ///
    /// ```
    /// # use dormouse_sdk::TaskSet;
    /// let set: TaskSet<'_, u32> = [std::future::ready(1)].into_iter().collect();
    /// assert_eq!(set.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.group.unfinished()
    }

    /// Returns true if all futures are done.
    ///
    /// ```
    /// # use dormouse_sdk::TaskSet;
    /// let set: TaskSet<'_, u32> = [std::future::ready(1)].into_iter().collect();
    /// assert!(!set.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Default for TaskSet<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, T, F: IntoFuture<Output = T, IntoFuture: 'a>> Extend<F> for TaskSet<'a, T> {
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.push(future);
        }
    }
}

impl<'a, T, F: IntoFuture<Output = T, IntoFuture: 'a>> FromIterator<F> for TaskSet<'a, T> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        set.extend(futures);
        set
    }
}

impl<T> fmt::Debug for TaskSet<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TaskSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use super::*;
    use crate::select;
    use crate::test_futures::{Countdown, Owned, poll_to_end};

    #[test]
    fn outputs_come_in_the_order_in_which_the_futures_end() {
        let outputs = poll_to_end(async {
            let mut set: TaskSet<'_, u32> = [3, 1, 2]
                .map(|polls| Countdown::new(polls, polls))
                .into_iter()
                .collect();
            set.push(async { 0 });
            let mut outputs = Vec::new();
            while let Some(output) = set.next().await {
                if output == 1 {
                    set.push(ready(10));
                }
                outputs.push(output);
            }
            outputs
        });
        assert_eq!(outputs, [0, 1, 10, 2, 3]);
    }

    #[test]
    fn futures_that_end_at_once_come_in_the_order_of_adding() {
        let outputs = poll_to_end(async {
            let mut set: TaskSet<'_, u32> = [1, 2, 3].map(ready).into_iter().collect();
            [
                set.next().await,
                set.next().await,
                set.next().await,
                set.next().await,
            ]
        });
        assert_eq!(outputs, [Some(1), Some(2), Some(3), None]);
    }

    #[test]
    fn a_call_that_is_dropped_loses_nothing() {
        let output = poll_to_end(async {
            let mut set = TaskSet::new();
            set.push(Countdown::new(3, 7));
            select! {
                () = Countdown::new(1, ()) => {}
                output = set.next() => panic!("{output:?} came too early"),
            }
            (set.len(), set.next().await)
        });
        assert_eq!(output, (1, Some(7)));
    }

    #[test]
    fn unfinished_futures_are_dropped_with_the_set() {
        let dropped = Cell::new(0);
        let mut set = TaskSet::new();
        set.push(Owned::new(pending::<()>(), &dropped));
        set.push(Owned::new(ready(()), &dropped));
        poll_to_end(set.next());
        assert_eq!(dropped.get(), 1);
        drop(set);
        assert_eq!(dropped.get(), 2);
    }
}
