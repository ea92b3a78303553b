//! Limits how many host names are looked up at the same time, and shares the lookups among workflows.
//!
//! A name server that does not answer keeps a lookup under way long after the caller has given up. So a workflow that has
//! lookups under way begins another one only if it has fewer of them than are free. A workflow alone gets half of all
//! lookups. The last free lookup is left for a workflow that has none under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The number of lookups that may be under way at the same time. Each has a thread.
const AT_ONCE: usize = 64;

tokio::task_local! {
    /// The workflow for which the current attempt is made.
    pub(crate) static ON_BEHALF_OF: Arc<str>;
}

/// Returns the workflow for which the current attempt is made, and an empty text outside of attempts.
pub(crate) fn whose() -> Arc<str> {
    let whose = ON_BEHALF_OF.try_with(Arc::clone);
    whose.unwrap_or_else(|_| "".into())
}

/// The lookups under way.
pub(crate) struct Lookups {
    state: Mutex<State>,
    freed: Notify,
}

struct State {
    free: usize,
    used: HashMap<Arc<str>, usize>,
}

/// The permission for one lookup. Dropping it lets another lookup begin.
pub(crate) struct LookupPermit {
    lookups: Arc<Lookups>,
    whose: Arc<str>,
}

impl Default for Lookups {
    fn default() -> Self {
        Lookups {
            state: Mutex::new(State {
                free: AT_ONCE,
                used: HashMap::new(),
            }),
            freed: Notify::new(),
        }
    }
}

impl Lookups {
    /// Waits until this workflow may look up a name.
    pub(crate) async fn permit(self: &Arc<Self>, whose: Arc<str>) -> LookupPermit {
        loop {
            let freed = self.freed.notified();
            if self.lock().take(&whose) {
                let lookups = self.clone();
                return LookupPermit { lookups, whose };
            }
            freed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, whose: &Arc<str>) -> bool {
        let used = self.used.get(whose).copied().unwrap_or_default();
        if self.free == 0 || (used > 0 && used >= self.free) {
            return false;
        }
        self.free -= 1;
        self.used.insert(whose.clone(), used + 1);
        true
    }
}

impl Drop for LookupPermit {
    fn drop(&mut self) {
        let mut state = self.lookups.lock();
        state.free += 1;
        if let Some(used) = state.used.get_mut(&self.whose) {
            *used -= 1;
            if *used == 0 {
                state.used.remove(&self.whose);
            }
        }
        drop(state);
        self.lookups.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Returns a turn if the workflow may look up a name at once.
    fn permit(lookups: &Arc<Lookups>, whose: &str) -> Option<LookupPermit> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(lookups.permit(whose.into())).poll(&mut context) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    #[test]
    fn silent_names_of_some_leave_lookups_for_others() {
        let lookups = Arc::<Lookups>::default();
        let take = |whose| std::iter::from_fn(|| permit(&lookups, whose)).collect::<Vec<_>>();
        let (one, two) = (take("one"), take("two"));
        assert_eq!((one.len(), two.len()), (AT_ONCE / 2, AT_ONCE / 4));
        let neighbour = permit(&lookups, "neighbour");
        assert!(neighbour.is_some());
        drop(one);
        let more = take("neighbour");
        assert!(more.len() > AT_ONCE / 4);
        drop((two, neighbour, more));
        let state = lookups.lock();
        assert_eq!((state.free, state.used.len()), (AT_ONCE, 0));
    }

    #[test]
    fn a_waiting_lookup_begins_when_another_ends() {
        let lookups = Arc::<Lookups>::default();
        let mut all: Vec<LookupPermit> = (0..AT_ONCE)
            .map(|number| permit(&lookups, &number.to_string()).unwrap())
            .collect();
        let mut waiting = pin!(lookups.permit("late".into()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        all.pop();
        assert!(waiting.as_mut().poll(&mut context).is_ready());
    }
}
