//! A group of futures, of which only those that were woken are polled: with ten thousand waits
//! open, one that ends costs as much as one of ten.

use std::future::IntoFuture;
use std::mem;
use std::ops::{ControlFlow, Range};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) struct Group<F: IntoFuture> {
    members: Vec<Option<Member<F::IntoFuture>>>,
    unfinished: usize,
    woken: Arc<Woken>,
}

struct Member<F> {
    future: Pin<Box<F>>,
    waker: Waker,
}

impl<F: IntoFuture> Group<F> {
    pub(crate) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let woken = Arc::new(Woken::default());
        let member = |(index, future): (usize, F)| {
            let waker = Arc::new(MemberWaker {
                index,
                woken: Arc::clone(&woken),
            });
            Some(Member {
                future: Box::pin(future.into_future()),
                waker: waker.into(),
            })
        };
        let members: Vec<_> = futures.into_iter().enumerate().map(member).collect();
        let everyone = (0..members.len()).collect();
        woken.change(|state| state.indices = everyone);
        Self {
            unfinished: members.len(),
            members,
            woken,
        }
    }

    pub(crate) fn indices(&self) -> Range<usize> {
        0..self.members.len()
    }

    /// Polls whatever was woken, in the order of waking, and hands each output over with the index
    /// of its future. Ready when all are done, or when `done` breaks.
    pub(crate) fn poll<B>(
        &mut self,
        context: &mut Context<'_>,
        mut done: impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> Poll<ControlFlow<B>> {
        for index in self.woken.take(context.waker()) {
            // One that was woken twice may be done already.
            let Some(member) = &mut self.members[index] else {
                continue;
            };
            let mut context = Context::from_waker(&member.waker);
            if let Poll::Ready(output) = member.future.as_mut().poll(&mut context) {
                self.members[index] = None;
                self.unfinished -= 1;
                if let ControlFlow::Break(value) = done(index, output) {
                    return Poll::Ready(ControlFlow::Break(value));
                }
            }
        }
        if self.unfinished == 0 {
            Poll::Ready(ControlFlow::Continue(()))
        } else {
            Poll::Pending
        }
    }
}

/// Who was woken since the group was polled last.
#[derive(Default)]
struct Woken(Mutex<WokenState>);

#[derive(Default)]
struct WokenState {
    indices: Vec<usize>,
    /// Of the task that polls the group.
    task: Option<Waker>,
}

impl Woken {
    /// Whoever is woken from here on, and be it while it is polled, wakes the task again.
    fn take(&self, task: &Waker) -> Vec<usize> {
        self.change(|state| {
            state.task = Some(task.clone());
            mem::take(&mut state.indices)
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut WokenState) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct MemberWaker {
    index: usize,
    woken: Arc<Woken>,
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let task = self.woken.change(|state| {
            state.indices.push(self.index);
            state.task.clone()
        });
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    /// What the test holds of a member: its waker, how often it was polled, and whether to be done.
    #[derive(Default)]
    struct Handle {
        waker: RefCell<Option<Waker>>,
        polls: Cell<u32>,
        finish: Cell<bool>,
    }

    impl Handle {
        fn wake(&self) {
            self.waker.borrow().as_ref().unwrap().wake_by_ref();
        }
    }

    fn group(size: usize) -> (Vec<Rc<Handle>>, Group<impl Future<Output = ()>>) {
        let handles: Vec<Rc<Handle>> = (0..size).map(|_| Rc::default()).collect();
        let futures = handles.clone().into_iter().map(|handle| {
            poll_fn(move |context| {
                handle.polls.set(handle.polls.get() + 1);
                *handle.waker.borrow_mut() = Some(context.waker().clone());
                if handle.finish.get() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        });
        let group = Group::new(futures.collect::<Vec<_>>());
        (handles, group)
    }

    fn poll<F: IntoFuture<Output = ()>>(group: &mut Group<F>) -> (Vec<usize>, bool) {
        let mut done = Vec::new();
        let poll = group.poll(&mut Context::from_waker(Waker::noop()), |index, ()| {
            done.push(index);
            ControlFlow::<()>::Continue(())
        });
        (done, poll.is_ready())
    }

    #[test]
    fn only_the_woken_are_polled_in_the_order_of_waking() {
        let (handles, mut group) = group(4);
        assert_eq!(poll(&mut group), (vec![], false));
        for index in [3, 1] {
            handles[index].finish.set(true);
            handles[index].wake();
        }
        handles[2].wake();
        assert_eq!(poll(&mut group), (vec![3, 1], false));
        let polls: Vec<u32> = handles.iter().map(|handle| handle.polls.get()).collect();
        assert_eq!(polls, [1, 2, 2, 2]);
    }

    #[test]
    fn a_wake_of_one_that_is_done_is_nothing() {
        let (handles, mut group) = group(2);
        poll(&mut group);
        handles[0].finish.set(true);
        handles[0].wake();
        handles[0].wake();
        assert_eq!(poll(&mut group), (vec![0], false));
        handles[0].wake();
        assert_eq!(poll(&mut group), (vec![], false));
        handles[1].finish.set(true);
        handles[1].wake();
        assert_eq!(poll(&mut group), (vec![1], true));
    }

    #[test]
    fn the_task_is_woken_with_the_waker_of_its_last_poll() {
        struct Count(Mutex<u32>);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let (handles, mut group) = group(1);
        poll(&mut group);
        let count = Arc::new(Count(Mutex::new(0)));
        handles[0].wake();
        let waker = Waker::from(Arc::clone(&count));
        let _ = group.poll(&mut Context::from_waker(&waker), |_, ()| {
            ControlFlow::<()>::Continue(())
        });
        handles[0].wake();
        assert_eq!(*count.0.lock().unwrap(), 1);
    }

    #[test]
    fn an_empty_group_is_done() {
        let (_, mut group) = group(0);
        assert_eq!(poll(&mut group), (vec![], true));
    }
}
