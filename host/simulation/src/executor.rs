//! Runs tasks on one thread, in the order in which they become ready, and moves time on when all of them wait.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use dormouse_journal::Time;
use dormouse_seams::{Clock, Spawner, Task};

/// The error for a host that works without end at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a task of the host keeps running, so that the simulated time cannot move on")]
pub struct Spinning;

/// The largest number of polls at one instant. A host that needs more is considered to work without end.
const POLLS_AT_ONCE: usize = 10_000;

/// The executor of tasks, which is also the clock.
#[derive(Default)]
pub struct Executor {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Time,
    /// By how many milliseconds the machine's date was set ahead.
    set: i64,
    /// The id of the machine's boot.
    boot: [u8; 16],
    ready: VecDeque<Arc<Cell>>,
    timers: BTreeMap<(Time, u64), Waker>,
    made: u64,
    /// Every task that may not have ended. Tasks that wait for each other keep each other alive, so a crash must drop
    /// them.
    tasks: Vec<Weak<Cell>>,
    /// The panics that are injected.
    panics: Panics,
    /// Returns how many milliseconds late the next blocking piece of work begins.
    lag: Option<Lag>,
}

type Lag = Box<dyn FnMut() -> u64 + Send>;

/// Panics that are injected into tasks when they ask the machine for something, such as the time.
#[derive(Default)]
struct Panics {
    /// True while a task is polled. A request that a test makes outside of tasks does not panic.
    in_task: bool,
    /// The number of requests of tasks to the machine since the counting began.
    asked: u64,
    /// The number of the request that panics.
    at: Option<u64>,
    /// The number of tasks that have panicked.
    panicked: u64,
}

struct Cell {
    future: Mutex<Option<Task>>,
    queued: AtomicBool,
    executor: Arc<Executor>,
}

impl Executor {
    /// Returns an executor whose clock shows this time.
    #[must_use]
    pub fn new(now: Time) -> Arc<Self> {
        let executor = Arc::new(Executor::default());
        executor.lock().now = now;
        executor
    }

    /// Runs this future and all tasks until the future is done.
    ///
    /// Returns `None` if nothing can happen any more and the future still waits.
    pub fn run<F: Future>(self: &Arc<Self>, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        loop {
            if woken.0.swap(false, Ordering::AcqRel)
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return Some(output);
            }
            if !self.step() && !woken.0.load(Ordering::Acquire) && !self.advance() {
                return None;
            }
        }
    }

    /// Runs one task. Returns false if none is ready.
    pub fn step(self: &Arc<Self>) -> bool {
        let Some(cell) = self.lock().ready.pop_front() else {
            return false;
        };
        cell.queued.store(false, Ordering::Release);
        let taken = cell
            .future
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut future) = taken {
            let waker = Waker::from(cell.clone());
            self.lock().panics.in_task = true;
            let mut context = Context::from_waker(&waker);
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
            self.lock().panics.in_task = false;
            match polled {
                Ok(Poll::Pending) => {
                    *cell.future.lock().unwrap_or_else(PoisonError::into_inner) = Some(future);
                }
                Ok(Poll::Ready(())) => {}
                // Only this task ends.
                Err(_) => self.lock().panics.panicked += 1,
            }
        }
        true
    }

    /// Runs everything that is due up to this time. `idle` is called each time nothing more can happen at an instant,
    /// and returns whether to go on.
    ///
    /// # Errors
    /// If the host is never idle.
    pub fn watch(
        self: &Arc<Self>,
        until: Time,
        mut idle: impl FnMut() -> bool,
    ) -> Result<(), Spinning> {
        loop {
            self.settle()?;
            let (now, next) = (self.time(), self.next_timer());
            if !idle() || now >= until {
                return Ok(());
            }
            if next.is_none_or(|next| next > until) {
                self.lock().now = until;
            } else {
                self.advance();
            }
        }
    }

    /// Runs everything that is due at this instant.
    ///
    /// # Errors
    /// If that does not end.
    pub fn settle(self: &Arc<Self>) -> Result<(), Spinning> {
        let mut polls = 0;
        loop {
            while self.step() {
                polls += 1;
                if polls >= POLLS_AT_ONCE {
                    return Err(Spinning);
                }
            }
            if self.next_timer().is_none_or(|next| next > self.time()) {
                return Ok(());
            }
            self.advance();
        }
    }

    /// Returns the time.
    #[must_use]
    pub fn time(&self) -> Time {
        self.lock().now
    }

    /// Returns when the next timer of a task fires.
    #[must_use]
    pub fn next_timer(&self) -> Option<Time> {
        let state = self.lock();
        state.timers.keys().next().map(|(time, _)| *time)
    }

    /// Makes a task panic at a request to the machine: the one of this number from now on, from 0. With `None`, the
    /// requests are only counted.
    pub fn panic_at(&self, at: Option<u64>) {
        let mut state = self.lock();
        state.panics.asked = 0;
        state.panics.at = at;
    }

    /// Returns how many requests tasks have made to the machine since [`Executor::panic_at`], and how many tasks have
    /// panicked.
    pub fn panics(&self) -> (u64, u64) {
        let state = self.lock();
        (state.panics.asked, state.panics.panicked)
    }

    /// Counts a request of a task to the machine, and panics if it is the one that is to panic.
    fn ask(&self) {
        let mut state = self.lock();
        let panics = &mut state.panics;
        if !panics.in_task {
            return;
        }
        let now = panics.asked;
        panics.asked += 1;
        let is_time = panics.at == Some(now);
        drop(state);
        assert!(!is_time, "injected at {now}");
    }

    /// Delays blocking work, such as writes to the disk.
    ///
    /// `lag` returns the delay of each piece of work in milliseconds.
    pub fn delay_blocking_work(&self, lag: impl FnMut() -> u64 + Send + 'static) {
        self.lock().lag = Some(Box::new(lag));
    }

    /// Moves time on to the next timer. Returns false if there is none.
    pub fn advance(&self) -> bool {
        let mut state = self.lock();
        let Some(((time, _), waker)) = state.timers.pop_first() else {
            return false;
        };
        state.now = state.now.max(time);
        drop(state);
        waker.wake();
        true
    }

    /// Moves time on by this many milliseconds without running tasks, while the host is down.
    pub fn pass(&self, span: u64) {
        let mut state = self.lock();
        state.now = state.now.after(span);
    }

    /// Changes the machine's date by this many milliseconds, which may be negative.
    pub fn set_date(&self, by: i64) {
        let mut state = self.lock();
        state.set = state.set.saturating_add(by);
    }

    /// Boots the machine again, so that its times since the boot start anew.
    pub fn boot(&self) {
        let mut state = self.lock();
        state.boot[0] = state.boot[0].wrapping_add(1);
    }

    /// Drops every task, as a crash does.
    pub fn clear(&self) {
        let mut state = self.lock();
        let taken = (
            std::mem::take(&mut state.ready),
            std::mem::take(&mut state.timers),
        );
        let tasks = std::mem::take(&mut state.tasks);
        drop(state);
        for cell in tasks.iter().filter_map(Weak::upgrade) {
            let future = cell
                .future
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            drop(future);
        }
        drop(taken);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Cell {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            let executor = self.executor.clone();
            executor.lock().ready.push_back(self);
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// The executor as the clock and the spawner of the host.
#[derive(Clone)]
pub struct Seam(pub Arc<Executor>);

impl Spawner for Seam {
    fn spawn(&self, task: Task) {
        self.0.ask();
        let cell = Arc::new(Cell {
            future: Mutex::new(Some(task)),
            queued: AtomicBool::new(false),
            executor: self.0.clone(),
        });
        let mut state = self.0.lock();
        if state.tasks.len() == state.tasks.capacity() {
            state.tasks.retain(|task| task.strong_count() > 0);
        }
        state.tasks.push(Arc::downgrade(&cell));
        drop(state);
        cell.wake();
    }

    fn spawn_blocking(&self, task: Task) {
        let lag = match &mut self.0.lock().lag {
            Some(lag) => lag(),
            None => 0,
        };
        let begin = (lag > 0).then(|| self.sleep_until(self.now().after(lag).0));
        self.spawn(Box::pin(async move {
            if let Some(begin) = begin {
                begin.await;
            }
            task.await;
        }));
    }
}

impl Seam {
    /// Returns the simulated time, which cannot be set.
    #[must_use]
    pub fn now(&self) -> Time {
        self.0.ask();
        self.0.lock().now
    }
}

impl Clock for Seam {
    fn date(&self) -> Time {
        let state = self.0.lock();
        state.now.shifted(state.set)
    }

    fn elapsed(&self) -> u64 {
        self.0.ask();
        self.0.lock().now.0
    }

    fn boot(&self) -> Option<[u8; 16]> {
        Some(self.0.lock().boot)
    }

    fn sleep_until(&self, elapsed: u64) -> Task {
        self.0.ask();
        Box::pin(Sleep {
            executor: self.0.clone(),
            until: Time(elapsed),
        })
    }

    /// Returns zero: no processor time passes in simulation, so no limit of it is ever reached by chance.
    fn thread_time(&self) -> Duration {
        Duration::ZERO
    }
}

struct Sleep {
    executor: Arc<Executor>,
    until: Time,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.executor.lock();
        if state.now >= self.until {
            return Poll::Ready(());
        }
        state.made += 1;
        let key = (self.until, state.made);
        state.timers.insert(key, context.waker().clone());
        Poll::Pending
    }
}
