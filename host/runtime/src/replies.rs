//! Callers that are held until the workflow has decided their answer.
//!
//! The request of a caller is durable before the caller is held, and an answer is passed on only after its commit. The
//! callers themselves are known in memory only. A caller that loses its connection and asks again with the same key
//! finds the answer in the store, or is held again.
//!
//! The number of held callers is limited for the host. The callers of one webhook get at most a quarter of the places,
//! and those of all webhooks of a run get at most half.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{Response, RunId, WebhookNumber};
use futures::FutureExt;

use crate::rates::Scope;
use crate::waiters::{Waiter, Waiters};

/// The callers that are held.
pub(crate) struct Replies {
    callers: Arc<Waiters<(RunId, String), Response>>,
    /// The held callers, to be told when their run continues as new.
    continuing: Arc<Waiters<RunId, ()>>,
    held: Mutex<HeldCounts>,
    most: usize,
}

/// The number of held callers. A run or webhook without any has no entry.
#[derive(Default)]
struct HeldCounts {
    all: usize,
    runs: HashMap<RunId, usize>,
    webhooks: HashMap<(RunId, WebhookNumber), usize>,
}

/// The place of a held caller. Dropping it frees the place.
pub(crate) struct HeldCaller<'a> {
    replies: &'a Replies,
    run: RunId,
    webhook: WebhookNumber,
}

impl Replies {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Replies {
            callers: Waiters::new(),
            continuing: Waiters::new(),
            held: Mutex::default(),
            most,
        })
    }

    /// Takes a place for one more caller of a webhook.
    ///
    /// # Errors
    /// The scope of the limit that is reached: the host, the run, or the webhook.
    pub(crate) fn place(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<HeldCaller<'_>, Scope> {
        let mut held = self.lock();
        self.check(&held, run, webhook)?;
        held.all += 1;
        *held.runs.entry(run).or_default() += 1;
        *held.webhooks.entry((run, webhook)).or_default() += 1;
        Ok(HeldCaller {
            replies: self,
            run,
            webhook,
        })
    }

    /// Checks whether there is a place for one more caller of a webhook, without taking it.
    ///
    /// # Errors
    /// The scope of the limit that is reached.
    pub(crate) fn look(&self, run: RunId, webhook: WebhookNumber) -> Result<(), Scope> {
        self.check(&self.lock(), run, webhook)
    }

    fn check(&self, held: &HeldCounts, run: RunId, webhook: WebhookNumber) -> Result<(), Scope> {
        let share = |parts: usize| (self.most / parts).max(1);
        let of_run = held.runs.get(&run).copied().unwrap_or_default();
        let of_webhook = held.webhooks.get(&(run, webhook)).copied();
        if held.all >= self.most {
            Err(Scope::Host)
        } else if of_webhook.unwrap_or_default() >= share(4) {
            Err(Scope::Webhook)
        } else if of_run >= share(2) {
            Err(Scope::Run)
        } else {
            Ok(())
        }
    }

    /// Waits for the answer to a delivery, if it is decided from now on.
    pub(crate) fn wait(&self, run: RunId, delivery: &str) -> Waiter<(RunId, String), Response> {
        self.callers.wait((run, delivery.to_owned()))
    }

    /// Answers the caller of a delivery, if it is held. The answer must be durable.
    pub(crate) fn answer(&self, run: RunId, delivery: &str, response: &Response) {
        self.callers.resolve(&(run, delivery.to_owned()), response);
    }

    /// Waits for the run to continue as new from now on. The run may then give up the webhook of the held caller.
    pub(crate) fn next_generation(&self, run: RunId) -> Waiter<RunId, ()> {
        self.continuing.wait(run)
    }

    /// Tells the callers of a run that it has continued as new. That must be durable.
    pub(crate) fn continues(&self, run: RunId) {
        self.continuing.resolve(&run, &());
    }

    /// Returns the number of held callers.
    pub(crate) fn held(&self) -> usize {
        self.lock().all
    }

    fn lock(&self) -> MutexGuard<'_, HeldCounts> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Releases all callers, also those that come from now on.
    pub(crate) fn release_all(&self) {
        self.callers.release_all();
    }
}

impl Drop for HeldCaller<'_> {
    fn drop(&mut self) {
        let mut held = self.replies.lock();
        held.all = held.all.saturating_sub(1);
        give_back(&mut held.runs, self.run);
        give_back(&mut held.webhooks, (self.run, self.webhook));
    }
}

/// Counts one caller less.
fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        if *count.get() > 1 {
            *count.get_mut() -= 1;
        } else {
            count.remove();
        }
    }
}

/// Returns the answer, unless the run ends without one or the time passes. If a run answers and ends at once, the
/// answer counts: it is passed on before the end is announced, but both may arrive between two polls.
pub(crate) async fn answered<T, E>(
    answer: impl Future<Output = Option<T>>,
    ended: impl Future<Output = Option<E>>,
    passed: impl Future<Output = ()>,
) -> Option<T> {
    let mut answer = pin!(answer.fuse());
    let mut ended = pin!(ended.fuse());
    let mut passed = pin!(passed.fuse());
    futures::select_biased! {
        response = answer => return response,
        _ = ended => {}
        () = passed => {}
    }
    answer.now_or_never().flatten()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::task::Poll;

    use futures::channel::oneshot;

    use super::*;

    #[test]
    fn a_webhook_holds_a_quarter_a_run_half_and_nobody_more_than_there_is() {
        let replies = Replies::new(8);
        let place = |run, webhook| replies.place(RunId([run; 16]), WebhookNumber(webhook));
        let refused = |run, webhook| place(run, webhook).err();
        let mut held = vec![place(1, 0).ok(), place(1, 0).ok()];
        assert_eq!(refused(1, 0), Some(Scope::Webhook));
        held.extend([place(1, 1).ok(), place(1, 1).ok()]);
        assert_eq!(refused(1, 2), Some(Scope::Run));
        assert_eq!(
            replies.look(RunId([1; 16]), WebhookNumber(2)),
            Err(Scope::Run)
        );
        held.extend([2, 3].map(|run| place(run, 0).ok()));
        held.extend([2, 3].map(|run| place(run, 0).ok()));
        assert_eq!((replies.held(), refused(4, 0)), (8, Some(Scope::Host)));
        assert!(held.iter().all(Option::is_some));
        held.clear();
        assert_eq!(replies.held(), 0);
        let left = replies.lock();
        assert!(left.runs.is_empty() && left.webhooks.is_empty());
    }

    #[test]
    fn a_look_takes_no_place_and_the_least_share_is_one() {
        let replies = Replies::new(1);
        let (run, webhook) = (RunId([1; 16]), WebhookNumber(0));
        for _ in 0..3 {
            assert_eq!(replies.look(run, webhook), Ok(()));
        }
        let _held = replies.place(run, webhook).ok().unwrap();
        assert_eq!(replies.look(run, webhook), Err(Scope::Host));
    }

    #[test]
    fn an_answer_that_comes_with_the_end_is_the_answer() {
        let (hand_over, answer) = oneshot::channel();
        let mut hand_over = Some(hand_over);
        let ended = poll_fn(move |_| {
            hand_over.take().unwrap().send(7).unwrap();
            Poll::Ready(Some(()))
        });
        let answer = answer.map(Result::ok);
        assert_eq!(
            answered(answer, ended, pending()).now_or_never(),
            Some(Some(7))
        );
    }

    #[test]
    fn without_an_answer_the_end_and_the_time_end_the_wait() {
        let end = answered::<u8, ()>(pending(), async { Some(()) }, pending());
        assert_eq!(end.now_or_never(), Some(None));
        let time = answered::<u8, ()>(pending(), pending(), async {});
        assert_eq!(time.now_or_never(), Some(None));
    }
}
