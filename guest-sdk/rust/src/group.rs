//! A group of futures that polls only the woken ones. With ten thousand open waits, one that ends costs as much as
//! one of ten.

use std::collections::VecDeque;
use std::future::IntoFuture;
use std::mem;
use std::ops::{ControlFlow, Range};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub(crate) struct Group<F: IntoFuture> {
    members: Vec<Option<Member<F::IntoFuture>>>,
    /// The indices of ended members, which new members can take.
    vacant: Vec<usize>,
    unfinished: usize,
    woken: Arc<Woken>,
}

struct Member<F> {
    future: Pin<Box<F>>,
    waker: Waker,
}

impl<F: IntoFuture> Group<F> {
    pub(crate) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let mut group = Self {
            members: Vec::new(),
            vacant: Vec::new(),
            unfinished: 0,
            woken: Arc::default(),
        };
        for future in futures {
            group.push(future);
        }
        group
    }

    /// Adds a future, which is polled when the group is polled next. Its index is the next higher one, or that of a
    /// member that has ended. A late wake of the ended member then polls the new one once more than needed, which
    /// does no harm.
    pub(crate) fn push(&mut self, future: F) {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.members.push(None);
            self.members.len() - 1
        });
        let waker = Arc::new(MemberWaker {
            index,
            woken: Arc::clone(&self.woken),
        });
        self.members[index] = Some(Member {
            future: Box::pin(future.into_future()),
            waker: waker.into(),
        });
        self.unfinished += 1;
        self.woken.change(|state| state.indices.push_back(index));
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    pub(crate) fn indices(&self) -> Range<usize> {
        0..self.members.len()
    }

    /// Polls the woken members in the order in which they were woken, and passes each output to `done` with the
    /// index of its future. It is ready when all members have ended, or when `done` breaks. Members that were not
    /// polled by then are polled the next time.
    pub(crate) fn poll<B>(
        &mut self,
        context: &mut Context<'_>,
        mut done: impl FnMut(usize, F::Output) -> ControlFlow<B>,
    ) -> Poll<ControlFlow<B>> {
        let mut woken = self.woken.take(context.waker());
        while let Some(index) = woken.pop_front() {
            // A member that was woken twice may have ended already.
            let Some(member) = &mut self.members[index] else {
                continue;
            };
            let mut context = Context::from_waker(&member.waker);
            if let Poll::Ready(output) = member.future.as_mut().poll(&mut context) {
                self.members[index] = None;
                self.vacant.push(index);
                self.unfinished -= 1;
                if let ControlFlow::Break(value) = done(index, output) {
                    self.woken.put_back(woken);
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

/// The members that were woken since the group was polled last.
#[derive(Default)]
struct Woken(Mutex<WokenState>);

#[derive(Default)]
struct WokenState {
    indices: VecDeque<usize>,
    /// The waker of the task that polls the group.
    task: Option<Waker>,
}

impl Woken {
    /// Takes the woken members. A member that is woken from now on, even while it is polled, wakes the task again.
    fn take(&self, task: &Waker) -> VecDeque<usize> {
        self.change(|state| {
            state.task = Some(task.clone());
            mem::take(&mut state.indices)
        })
    }

    /// Puts back indices that were not polled. They come before the members that were woken in the meantime.
    fn put_back(&self, mut first: VecDeque<usize>) {
        self.change(|state| {
            first.append(&mut state.indices);
            state.indices = first;
        });
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
            state.indices.push_back(self.index);
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

    /// The test's view of a member: its waker, how often it was polled, and whether it is to end.
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
    fn futures_left_over_after_a_break_are_polled_next() {
        let (handles, mut group) = group(3);
        for handle in &handles {
            handle.finish.set(true);
        }
        for expected in 0..3 {
            let first = group.poll(&mut Context::from_waker(Waker::noop()), |index, ()| {
                ControlFlow::Break(index)
            });
            assert_eq!(first, Poll::Ready(ControlFlow::Break(expected)));
        }
    }

    #[test]
    fn a_new_member_takes_the_place_of_one_that_is_done() {
        let finish = |finished: &Rc<Cell<bool>>| {
            let finished = Rc::clone(finished);
            poll_fn(move |_| {
                if finished.get() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
        };
        let (done, open) = (Rc::new(Cell::new(true)), Rc::new(Cell::new(false)));
        let mut group = Group::new([finish(&open), finish(&done)]);
        assert_eq!(poll(&mut group), (vec![1], false));
        group.push(finish(&done));
        assert_eq!((group.indices(), group.unfinished()), (0..2, 2));
        assert_eq!(poll(&mut group), (vec![1], false));
    }

    #[test]
    fn an_empty_group_is_done() {
        let (_, mut group) = group(0);
        assert_eq!(poll(&mut group), (vec![], true));
    }
}
