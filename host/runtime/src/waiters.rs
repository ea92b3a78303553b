//! Tasks that wait in memory for a decision: a request with `Prefer: wait` waits for its run to sleep or to end, and
//! the caller of a webhook waits for the workflow's answer.
//!
//! A decision is durable before the tasks hear of it. A task that wakes without having heard asks the store again. So
//! losing this state costs a held connection and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::channel::oneshot;

/// The tasks that wait, by what they wait for.
pub(crate) struct Waiters<K, T> {
    /// None once no task may wait any longer.
    waiting: Mutex<Option<Waiting<K, T>>>,
}

struct Waiting<K, T> {
    /// The tasks by what they wait for, in the order in which they came. Very many may wait for the same, and each of them may
    /// give up.
    tasks: HashMap<K, BTreeMap<u64, oneshot::Sender<T>>>,
    came: u64,
}

impl<K: Eq + Hash + Clone, T: Clone> Waiters<K, T> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Waiters {
            waiting: Mutex::new(Some(Waiting {
                tasks: HashMap::new(),
                came: 0,
            })),
        })
    }

    /// Waits for a decision that is made from now on.
    pub(crate) fn wait(self: &Arc<Self>, key: K) -> Waiter<K, T> {
        let (sender, receiver) = oneshot::channel();
        let mut number = 0;
        if let Some(waiting) = &mut *self.lock() {
            waiting.came += 1;
            number = waiting.came;
            let tasks = waiting.tasks.entry(key.clone()).or_default();
            tasks.insert(number, sender);
        }
        Waiter {
            waiters: self.clone(),
            key,
            number,
            receiver,
        }
    }

    /// Tells a decision to the tasks that wait for it.
    pub(crate) fn resolve(&self, key: &K, value: &T) {
        let mut waiting = self.lock();
        let tasks = waiting
            .as_mut()
            .and_then(|waiting| waiting.tasks.remove(key));
        drop(waiting);
        for waiter in tasks.into_iter().flat_map(BTreeMap::into_values) {
            // A task that no longer waits hears nothing.
            let _ = waiter.send(value.clone());
        }
    }

    /// Releases all tasks, also those that would wait from now on.
    pub(crate) fn release_all(&self) {
        let waiting = self.lock().take();
        // A dropped sender resolves its waiter.
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Waiting<K, T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resolves to the decision, or to none when no task may wait any longer. Dropping it leaves nothing behind, so that
/// tasks which gave up do not pile up for something that is never decided.
pub(crate) struct Waiter<K: Eq + Hash + Clone, T: Clone> {
    waiters: Arc<Waiters<K, T>>,
    key: K,
    number: u64,
    receiver: oneshot::Receiver<T>,
}

impl<K: Eq + Hash + Clone + Unpin, T: Clone> Future for Waiter<K, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.receiver)
            .poll(context)
            .map(|received| received.ok())
    }
}

impl<K: Eq + Hash + Clone, T: Clone> Drop for Waiter<K, T> {
    fn drop(&mut self) {
        self.receiver.close();
        let mut waiting = self.waiters.lock();
        let Some(waiting) = &mut *waiting else {
            return;
        };
        if let Some(tasks) = waiting.tasks.get_mut(&self.key) {
            tasks.remove(&self.number);
            if tasks.is_empty() {
                waiting.tasks.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn waiting(waiters: &Waiters<u8, u8>) -> Option<usize> {
        let waiting = waiters.lock();
        waiting.as_ref().map(|waiting| waiting.tasks.len())
    }

    #[test]
    fn all_who_wait_for_a_thing_hear_of_it_and_others_do_not() {
        let waiters = Waiters::new();
        let (one, two, other) = (waiters.wait(1), waiters.wait(1), waiters.wait(2));
        waiters.resolve(&1, &7);
        assert_eq!(one.now_or_never(), Some(Some(7)));
        assert_eq!(two.now_or_never(), Some(Some(7)));
        assert_eq!(other.now_or_never(), None);
    }

    #[test]
    fn a_task_that_gives_up_leaves_no_entry() {
        let waiters = Waiters::new();
        let (one, two) = (waiters.wait(1), waiters.wait(1));
        drop(one);
        assert_eq!(waiting(&waiters), Some(1));
        drop(two);
        assert_eq!(waiting(&waiters), Some(0));
    }

    #[test]
    fn all_are_released_those_who_come_later_as_well() {
        let waiters = Waiters::new();
        let early = waiters.wait(1);
        waiters.release_all();
        waiters.resolve(&1, &7);
        assert_eq!(early.now_or_never(), Some(None));
        assert_eq!(waiters.wait(1).now_or_never(), Some(None));
    }
}
