//! The writer: gathers writes into groups, and makes each group durable with one commit.
//!
//! While one group is being committed, the next one fills, so the number of disk syncs does not depend on the number of
//! writes. A write is answered only when its group is durable. A group is bounded by what its writes may write, so that
//! the next one begins soon. `fair.rs` decides whose turn it is.
//!
//! Damage stays local: a write that finds a damaged row, or that makes the host panic, fails alone, and the rest of its
//! group is applied again without it. The same holds for a write for which there is too little space. A disk that turns
//! out to be full fails the group, but not the host. Any other failure of the disk stops the host, because nobody knows
//! what a failed sync left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::Time;
use dormouse_seams::{HostClock, Spawner};
use futures::FutureExt;
use futures::channel::oneshot;

use super::fair::{Fair, GroupCapacity};
use super::group::{Job, Queued};
use super::hold::{Decided, Following, Hold, Holds};
use super::space::Space;
use crate::backend::{Backend, BackendTransaction};
use crate::rows::Extent;
use crate::rules::{Transaction, Write};
use crate::{ReadError, StorageError, WriteError};

/// The largest number of writes in a group. It bounds how long the first write waits for the last. A sync costs much more
/// than a row, and a group of this size already shares one sync among so many rows that a larger group gains nothing.
const GROUP: usize = 1_024;

/// The most that the writes of a group may write together, unless the group has only one write. Writes that arrive
/// meanwhile wait for as long as this takes. The group itself also writes a few rows of `meta`.
const MOST: Extent = Extent {
    rows: 4_096 - OWN_ROWS,
    bytes: 32 << 20,
};

/// The largest number of rows that a group itself writes.
const OWN_ROWS: u64 = 8;

/// How long a group is held open at most, in milliseconds. What follows from a request is usually ready after about 50
/// us. The limit is for guests that compute for longer: no other run waits for them.
const HOLD: u64 = 3;

/// The largest number of waiting tasks for which the group is held open, and which this thread wakes. With more of
/// them, the host is so busy that another group follows at once, and waiting would leave processors idle: on two
/// processors, 64 clients get 12 % less done if the group waits for all. A task of the async runtime wakes them then,
/// which lets 6 % more get done, because this thread writes meanwhile.
const WAITED_FOR: usize = 4;

/// What was made durable since the store was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commits {
    /// Groups that were committed, each with one disk sync.
    pub groups: u64,
    /// Writes in these groups.
    pub writes: u64,
    /// The largest number of rows that one of these groups wrote or removed.
    pub rows_max: u64,
    /// The largest number of bytes that one of these groups wrote.
    pub bytes_max: u64,
}

/// The queue in front of a backend.
pub(crate) struct Writer<B> {
    backend: Arc<B>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    queue: Mutex<Queue>,
    failed: Mutex<Option<WriteError>>,
    full: AtomicBool,
    groups: AtomicU64,
    writes: AtomicU64,
    rows_max: AtomicU64,
    bytes_max: AtomicU64,
}

#[derive(Default)]
struct Queue {
    jobs: Fair,
    /// True if a task is emptying the queue.
    busy: bool,
}

/// Why a group was not committed.
enum Uncommitted {
    /// The job at this place of the group cannot be applied, for this reason.
    Job(usize, WriteError),
    /// The job at this place of the group needs more space than there is.
    NoSpace(usize),
    /// The disk failed.
    Storage(StorageError),
}

impl From<StorageError> for Uncommitted {
    fn from(error: StorageError) -> Self {
        Uncommitted::Storage(error)
    }
}

impl Uncommitted {
    fn at(job: usize) -> impl FnOnce(ReadError) -> Self {
        move |error| match error {
            ReadError::Storage(error) if error.is_refused_before_write() => {
                Uncommitted::NoSpace(job)
            }
            ReadError::Storage(error) => Uncommitted::Storage(error),
            error => Uncommitted::Job(job, WriteError::Row(error)),
        }
    }
}

impl<B: Backend> Writer<B> {
    pub(crate) fn new(backend: Arc<B>, clock: HostClock, spawner: Arc<dyn Spawner>) -> Arc<Self> {
        Arc::new(Writer {
            backend,
            clock,
            spawner,
            queue: Mutex::default(),
            failed: Mutex::new(None),
            full: AtomicBool::new(false),
            groups: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            rows_max: AtomicU64::new(0),
            bytes_max: AtomicU64::new(0),
        })
    }

    /// Puts a write into the queue before it returns, and resolves when the write is durable. `decided` is called with
    /// the outcome as soon as it is known, which is before it is durable.
    pub(crate) fn write<T: Transaction>(
        self: &Arc<Self>,
        transaction: T,
        decided: Option<Decided<T::Output>>,
    ) -> impl Future<Output = Result<T::Output, WriteError>> + Send + use<T, B> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Box::new(Queued::new(transaction, decided, sender)));
        // If the sender is dropped without an answer, the task that empties the queue has panicked.
        async move { receiver.await.unwrap_or(Err(WriteError::Panicked)) }
    }

    fn enqueue(self: &Arc<Self>, job: Box<dyn Job>) {
        if let Some(error) = self.failure() {
            return job.answer(Err(error));
        }
        self.lock().jobs.push(job);
        self.start();
    }

    /// Starts to empty the queue, unless a task is doing so.
    fn start(self: &Arc<Self>) {
        let is_busy = std::mem::replace(&mut self.lock().busy, true);
        if !is_busy {
            let draining = Draining(self.clone());
            self.spawner
                .spawn_writer(Box::pin(async move { draining.writer().drain().await }));
        }
    }

    /// Returns what was made durable so far.
    pub(crate) fn commits(&self) -> Commits {
        Commits {
            groups: self.groups.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            rows_max: self.rows_max.load(Ordering::Relaxed),
            bytes_max: self.bytes_max.load(Ordering::Relaxed),
        }
    }

    /// Returns the reason why nothing can be written any more, if there is one.
    pub(crate) fn failure(&self) -> Option<WriteError> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns true if writes are refused because of too little space: too little is free, or the last write failed for
    /// that reason, as with a quota, which the free space of the disk does not show. After a write that succeeds, this
    /// returns false again.
    pub(crate) fn is_full(&self) -> bool {
        self.backend.lacks_space() || self.full.load(Ordering::Acquire)
    }

    /// Writes groups until the queue is empty.
    async fn drain(&self) {
        loop {
            let mut capacity = GroupCapacity::new(GROUP, MOST);
            let mut group = {
                let mut queue = self.lock();
                if queue.jobs.is_empty() {
                    // The next write finds that no task is emptying the queue.
                    queue.busy = false;
                    return;
                }
                queue.take(&mut capacity, &*self.backend)
            };
            let result = self.write_group(&mut group, capacity).await;
            self.answer(group, result);
        }
    }

    /// Answers a group. If many tasks wait, a task of the async runtime wakes them, because this thread has the next
    /// group to write.
    fn answer(&self, group: Vec<Box<dyn Job>>, result: Result<(), WriteError>) {
        let is_large = group.len() > WAITED_FOR;
        let answer = move || {
            for job in group {
                job.answer(result.clone());
            }
        };
        if is_large {
            self.spawner.spawn(Box::pin(async move { answer() }));
        } else {
            answer();
        }
    }

    async fn write_group(
        &self,
        group: &mut Vec<Box<dyn Job>>,
        capacity: GroupCapacity,
    ) -> Result<(), WriteError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        match self.commit(group, capacity).await {
            Ok(()) => {
                // If all writes were refused, nothing was written.
                if !group.is_empty() {
                    self.full.store(false, Ordering::Release);
                }
                Ok(())
            }
            Err(error) if error.is_full() => {
                self.full.store(true, Ordering::Release);
                match self.backend.recover() {
                    Ok(()) => Err(WriteError::Full),
                    Err(error) => Err(self.fail(error)),
                }
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn fail(&self, error: StorageError) -> WriteError {
        tracing::error!(%error, "the disk failed; the host cannot go on");
        let error = WriteError::Failed(error);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        error
    }

    /// Applies a group and commits it. Jobs that find a damaged row are answered and removed from the group.
    async fn commit(
        &self,
        group: &mut Vec<Box<dyn Job>>,
        mut capacity: GroupCapacity,
    ) -> Result<(), StorageError> {
        let mut following = Vec::new();
        let mut space = Space::new(&*self.backend, group);
        while !group.is_empty() {
            let mut transaction = space.begin()?;
            let applied = self
                .apply(&mut transaction, group, &mut capacity, &mut following)
                .await;
            match applied {
                Ok(written) => {
                    transaction.commit().await?;
                    self.rows_max.fetch_max(written.rows, Ordering::Relaxed);
                    self.bytes_max.fetch_max(written.bytes, Ordering::Relaxed);
                    self.groups.fetch_add(1, Ordering::Relaxed);
                    self.writes.fetch_add(group.len() as u64, Ordering::Relaxed);
                    return Ok(());
                }
                Err(Uncommitted::NoSpace(index)) => {
                    transaction.abort()?;
                    space.refuse(index, group);
                }
                Err(Uncommitted::Job(index, error)) => {
                    transaction.abort()?;
                    tracing::error!(%error, "a write cannot be applied");
                    group.remove(index).answer(Err(error));
                }
                Err(Uncommitted::Storage(error)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Applies a group to a transaction, and also the writes that arrive while the group is held open. Returns what was
    /// written.
    async fn apply(
        &self,
        transaction: &mut B::Transaction,
        group: &mut Vec<Box<dyn Job>>,
        capacity: &mut GroupCapacity,
        following: &mut Vec<Following>,
    ) -> Result<Extent, Uncommitted> {
        let began = self.clock.now();
        let mut rows = transaction.rows()?;
        let mut write = Write::begin(&mut rows, began).map_err(Uncommitted::at(0))?;
        apply_from(0, group, &mut write, began, following)?;
        if !following.is_empty() {
            self.follow(std::mem::take(following), began).await;
            let first = group.len();
            group.extend(self.lock().jobs.take_following(capacity));
            // The time is read after all of them have arrived, so that no write is earlier than what it follows from.
            let now = self.clock.now();
            apply_from(first, group, &mut write, now, following)?;
        }
        let last = group.len() - 1;
        let written = write
            .finish(self.clock.snapshot())
            .map_err(Uncommitted::at(last))?;
        debug_assert!(
            written.rows <= OWN_ROWS + group.iter().map(|job| job.cost().rows).sum::<u64>(),
            "a write of this group writes more rows than it says: {written:?}"
        );
        Ok(written)
    }

    /// Does what follows from the writes. Waits until nobody holds the group open, or the time for that is over.
    async fn follow(&self, following: Vec<Following>, began: Time) {
        if following.len() > WAITED_FOR {
            let all = || {
                following
                    .into_iter()
                    .for_each(|follow| guarded(follow, None));
            };
            return self.spawner.spawn(Box::pin(async move { all() }));
        }
        let holds = Arc::<Holds>::default();
        for follow in following {
            guarded(follow, Some(holds.hold()));
        }
        let mut released = std::pin::pin!(holds.released().fuse());
        let mut passed = self.clock.sleep_until(began.after(HOLD)).fuse();
        futures::select_biased! {
            () = released => {}
            () = passed => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that empties the queue. If it panics, another task continues.
struct Draining<B: Backend>(Arc<Writer<B>>);

impl<B: Backend> Draining<B> {
    fn writer(&self) -> &Writer<B> {
        &self.0
    }
}

impl<B: Backend> Drop for Draining<B> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the writer panicked; writes that were under way have failed");
            self.0.lock().busy = false;
            self.0.start();
        }
    }
}

/// Does what follows from a write. If that panics, nothing is lost: a scan of due work finds what follows.
fn guarded(follow: Following, hold: Option<Hold>) {
    if catch_unwind(AssertUnwindSafe(|| follow(hold))).is_err() {
        tracing::error!("the host panicked in a task that follows a committed write");
    }
}

impl Queue {
    /// Takes the next group: the writes whose turn it is, or the writes that the backend's own order chooses.
    fn take(&mut self, capacity: &mut GroupCapacity, backend: &impl Backend) -> Vec<Box<dyn Job>> {
        match backend.order() {
            Some(mut order) => super::order::take(&mut self.jobs, capacity, &mut *order),
            None => self.jobs.take(capacity),
        }
    }
}

/// Applies the jobs of a group from this one on. Jobs that were applied before keep the time that they had.
fn apply_from(
    first: usize,
    group: &mut [Box<dyn Job>],
    write: &mut Write<'_>,
    now: Time,
    following: &mut Vec<Following>,
) -> Result<(), Uncommitted> {
    for (index, job) in group.iter_mut().enumerate().skip(first) {
        // Changes that a panic left incomplete are discarded together with the whole group's changes.
        let applied = catch_unwind(AssertUnwindSafe(|| job.apply(write, now)));
        let applied = applied.map_err(|_| Uncommitted::Job(index, WriteError::Panicked))?;
        following.extend(applied.map_err(Uncommitted::at(index))?);
    }
    Ok(())
}
