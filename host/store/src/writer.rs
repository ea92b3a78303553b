//! The writer: gathers what wants to be written into groups, and makes each group durable with one disk sync.
//!
//! While one group is being synced the next one fills, so that the number of syncs does not depend on how much is
//! written. A write is answered only when its group is durable. Writes of one group are applied in the order they came.
//!
//! Damage stays where it is: a write that finds a damaged row fails alone, and the rest of its group is applied again
//! without it. A full disk fails the group, but not the host. Any other failure of the disk is the end: nobody knows
//! what a failed sync left behind.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use dormouse_journal::{Time, encode};
use futures::channel::oneshot;
use redb::{Database, WriteTransaction};

use crate::seams::{Disk, Spawner};
use crate::tables::{Tables, meta};
use crate::{HostClock, Options, ReadError, WriteError};

/// How many writes share a transaction at most. It bounds how long the first of them waits for the last; syncs are so
/// much dearer than rows that a larger group gains nothing.
const GROUP: usize = 1_024;

/// Something to be written, as one.
pub(crate) trait Transaction: Send + 'static {
    /// What comes of it, once durable.
    type Output: Send + 'static;

    /// Checks it against the tables and writes it. It may be called again if the group has to be applied anew. If it
    /// gives `Ok`, then what it wrote is complete: a refusal is an `Ok` that wrote nothing.
    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError>;
}

/// A group in the making.
pub(crate) struct Write<'t> {
    pub(crate) tables: Tables<'t>,
    /// The time of everything in this group.
    pub(crate) now: Time,
    /// The size of all requests in all inboxes.
    pub(crate) inbox_bytes: u64,
    sequence: u64,
}

impl<'t> Write<'t> {
    /// Begins a group.
    pub(crate) fn begin(transaction: &'t WriteTransaction, now: Time) -> Result<Self, ReadError> {
        let tables = Tables::open(transaction)?;
        Ok(Write {
            inbox_bytes: meta::number(&tables.meta, meta::INBOX_BYTES)?,
            sequence: meta::number(&tables.meta, meta::SEQUENCE)?,
            tables,
            now,
        })
    }

    /// The next commit sequence.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn finish(mut self) -> Result<(), ReadError> {
        self.tables
            .meta
            .insert(meta::SEQUENCE, encode(&self.sequence).as_slice())?;
        self.tables
            .meta
            .insert(meta::INBOX_BYTES, encode(&self.inbox_bytes).as_slice())?;
        self.tables
            .meta
            .insert(meta::CLOCK, encode(&self.now).as_slice())?;
        Ok(())
    }
}

/// The database in use. It is exchanged after the disk was full.
pub(crate) struct Handle {
    database: RwLock<Database>,
    pub(crate) disk: Arc<dyn Disk>,
    options: Options,
}

impl Handle {
    pub(crate) fn new(database: Database, disk: Arc<dyn Disk>, options: Options) -> Self {
        Handle {
            database: RwLock::new(database),
            disk,
            options,
        }
    }

    /// The database, for as long as it takes to begin a transaction or to finish one. Nobody may own it: it could not be
    /// exchanged, since its lock on the file goes with the last owner.
    pub(crate) fn database(&self) -> RwLockReadGuard<'_, Database> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file anew: after an I/O error redb refuses everything, reading included.
    fn reopen(&self) -> Result<(), redb::Error> {
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The lock on the file goes with the old handle. Snapshots that are still held do not keep it, and their reads
        // fail; they are short, but for that of a backup, which fails as a whole.
        *current = placeholder()?;
        let backend = self.disk.open().map_err(redb::Error::Io)?;
        *current = crate::store::builder(self.options.cache)
            .create_with_backend(crate::seams::Backend(backend))?;
        Ok(())
    }
}

/// A database in memory, to hold the place of one that is being reopened.
fn placeholder() -> Result<Database, redb::Error> {
    Ok(Database::builder().create_with_backend(redb::backends::InMemoryBackend::new())?)
}

/// The queue in front of the disk.
pub(crate) struct Writer {
    handle: Arc<Handle>,
    clock: HostClock,
    spawner: Arc<dyn Spawner>,
    queue: Mutex<Queue>,
    failed: Mutex<Option<WriteError>>,
    full: AtomicBool,
    reserve: u64,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    /// Whether somebody is emptying the queue.
    busy: bool,
}

impl Writer {
    pub(crate) fn new(
        handle: Arc<Handle>,
        clock: HostClock,
        spawner: Arc<dyn Spawner>,
        reserve: u64,
    ) -> Arc<Self> {
        Arc::new(Writer {
            handle,
            clock,
            spawner,
            queue: Mutex::default(),
            failed: Mutex::new(None),
            full: AtomicBool::new(false),
            reserve,
        })
    }

    /// Writes something. Resolves when it is durable.
    pub(crate) async fn write<T: Transaction>(
        self: &Arc<Self>,
        transaction: T,
    ) -> Result<T::Output, WriteError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let (sender, receiver) = oneshot::channel();
        let job = Typed {
            transaction,
            output: None,
            sender: Some(sender),
        };
        let start = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.jobs.push_back(Box::new(job));
            !std::mem::replace(&mut queue.busy, true)
        };
        if start {
            let writer = self.clone();
            self.spawner
                .spawn_blocking(Box::new(move || writer.drain()));
        }
        receiver.await.unwrap_or(Err(WriteError::Stopped))
    }

    /// Why nothing can be written any more.
    pub(crate) fn failure(&self) -> Option<WriteError> {
        self.failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether writes are refused for want of space: there is too little left, or the last attempt found so (as with a
    /// quota, of which the disk does not speak). [`crate::Store::touch`] tries again.
    pub(crate) fn is_full(&self) -> bool {
        self.lacks_space_for(0) || self.full.load(Ordering::Acquire)
    }

    /// Whether so many bytes would take of what is to be left on the disk. One that does not say how much is left is
    /// taken at its word when it is full.
    pub(crate) fn lacks_space_for(&self, bytes: u64) -> bool {
        self.handle
            .disk
            .available()
            .is_ok_and(|available| available < self.reserve.saturating_add(bytes))
    }

    /// Writes groups until nothing is left to write.
    fn drain(&self) {
        loop {
            let mut group: Vec<Box<dyn Job>> = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                let count = queue.jobs.len().min(GROUP);
                if count == 0 {
                    queue.busy = false;
                    return;
                }
                queue.jobs.drain(..count).collect()
            };
            let result = self.write_group(&mut group);
            for job in group {
                job.answer(result.clone());
            }
        }
    }

    fn write_group(&self, group: &mut Vec<Box<dyn Job>>) -> Result<(), WriteError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        if self.lacks_space_for(0) {
            return Err(WriteError::Full);
        }
        match self.commit(group) {
            Ok(()) => {
                self.full.store(false, Ordering::Release);
                Ok(())
            }
            Err(error) if is_full(&error) => {
                self.full.store(true, Ordering::Release);
                match self.handle.reopen() {
                    Ok(()) => Err(WriteError::Full),
                    Err(error) => Err(self.fail(error)),
                }
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn fail(&self, error: redb::Error) -> WriteError {
        tracing::error!(%error, "the disk failed; the host cannot go on");
        let error = WriteError::Failed(Arc::new(error));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        error
    }

    /// Applies and commits. Jobs that find a damaged row are answered and taken out of the group.
    fn commit(&self, group: &mut Vec<Box<dyn Job>>) -> Result<(), redb::Error> {
        let database = self.handle.database();
        while !group.is_empty() {
            let mut transaction = database.begin_write()?;
            // What is verified at each start is read as a whole then, and need not be kept ready for less.
            transaction.set_quick_repair(!self.handle.options.verify);
            match apply_all(&transaction, self.clock.now(), group) {
                Ok(()) => {
                    transaction.commit()?;
                    return Ok(());
                }
                Err((index, error @ ReadError::Row { .. })) => {
                    transaction.abort()?;
                    tracing::error!(%error, "a damaged row");
                    group.remove(index).answer(Err(WriteError::Row(error)));
                }
                Err((_, ReadError::Storage(error))) => {
                    return Err(Arc::try_unwrap(error)
                        .unwrap_or_else(|shared| redb::Error::Corrupted(shared.to_string())));
                }
            }
        }
        Ok(())
    }
}

/// Applies a group to a transaction; gives the place of the job that failed, and why.
fn apply_all(
    transaction: &WriteTransaction,
    now: Time,
    group: &mut [Box<dyn Job>],
) -> Result<(), (usize, ReadError)> {
    let mut write = Write::begin(transaction, now).map_err(|error| (0, error))?;
    for (index, job) in group.iter_mut().enumerate() {
        job.apply(&mut write).map_err(|error| (index, error))?;
    }
    let last = group.len() - 1;
    write.finish().map_err(|error| (last, error))
}

pub(crate) fn is_full(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => {
            matches!(
                error.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            )
        }
        _ => false,
    }
}

/// A transaction whose type the queue need not know.
trait Job: Send {
    fn apply(&mut self, write: &mut Write<'_>) -> Result<(), ReadError>;
    fn answer(self: Box<Self>, durable: Result<(), WriteError>);
}

struct Typed<T: Transaction> {
    transaction: T,
    output: Option<T::Output>,
    sender: Option<oneshot::Sender<Result<T::Output, WriteError>>>,
}

impl<T: Transaction> Job for Typed<T> {
    fn apply(&mut self, write: &mut Write<'_>) -> Result<(), ReadError> {
        self.output = Some(self.transaction.apply(write)?);
        Ok(())
    }

    fn answer(mut self: Box<Self>, durable: Result<(), WriteError>) {
        let result = match (durable, self.output.take()) {
            (Ok(()), Some(output)) => Ok(output),
            (Ok(()), None) => Err(WriteError::Stopped),
            (Err(error), _) => Err(error),
        };
        if let Some(sender) = self.sender.take() {
            // Whoever asked may have gone away; the write stands all the same.
            let _ = sender.send(result);
        }
    }
}
