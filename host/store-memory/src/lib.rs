//! A store in memory, for tests of the host and of workflows: a map for each table, and a machine that can fail.
//!
//! [`Memory`] is what outlives a host: the rows that are durable, and the faults that it is told to have. A test opens a
//! store on it, lets the power fail, and opens another. The rules, the queue and the reads are those of every
//! [`Embedded`] store; this crate keeps the rows, and decides when commits become durable, in which order, and whether.

mod faults;
mod rows;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use dormouse_seams::{Clock, Entropy, Spawner};
use dormouse_store::rows::RowsMut;
use dormouse_store::{
    Backend, BackendTransaction, Embedded, OpenError, Order, ReadError, StorageError,
};

pub use faults::{Faults, Full, PowerLost};
pub use rows::{Dump, MemoryRows, Snapshot};

use rows::Changes;

/// A store in memory.
pub type MemoryStore = Embedded<MemoryBackend>;

/// A machine's memory that stores are opened on. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// What is durable.
    rows: RwLock<Arc<MemoryRows>>,
    faults: Mutex<Faults>,
    /// How many rows were looked for or found outside of transactions.
    reads: Arc<AtomicU64>,
    /// How many questions were asked outside of transactions.
    questions: AtomicU64,
}

impl Memory {
    /// Opens a store on what is durable here.
    ///
    /// # Errors
    /// When the rows are not those of a store, or a fault is met.
    pub async fn open(
        &self,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        spawner: Arc<dyn Spawner>,
    ) -> Result<MemoryStore, OpenError> {
        let backend = MemoryBackend {
            memory: self.clone(),
            clock: clock.clone(),
            incarnation: self.faults().begin(),
        };
        Embedded::open(backend, clock, entropy, spawner).await
    }

    /// Returns the faults, to be changed.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses power and has it again: what was not durable is gone, and a store that was open is cut off.
    pub fn lose_power(&self) {
        self.faults().lose_power();
    }

    /// Returns how many rows were looked for, or found by a scan, by reads that are not part of a write.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Returns how many questions the store was asked: each is one read, however many rows it looks for.
    #[must_use]
    pub fn questions(&self) -> u64 {
        self.0.questions.load(Ordering::Relaxed)
    }

    /// Returns every row of every table, in the order of their keys.
    #[must_use]
    pub fn dump(&self) -> Dump {
        self.rows().dump()
    }

    /// Changes what is durable as no store would: damage, or rows as an earlier version wrote them.
    pub fn change(&self, change: impl FnOnce(&mut dyn RowsMut)) {
        let mut rows = self.0.rows.write().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::over(&rows);
        change(&mut rows::Changing(&mut changes));
        *rows = Arc::new(changes.into_rows());
    }

    fn rows(&self) -> RwLockReadGuard<'_, Arc<MemoryRows>> {
        self.0.rows.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the rows of one store that is open.
pub struct MemoryBackend {
    memory: Memory,
    clock: Arc<dyn Clock>,
    /// Which opening of the memory this is. One that lost power is over.
    incarnation: u64,
}

impl Backend for MemoryBackend {
    type Snapshot = Snapshot;
    type Transaction = Transaction;

    fn snapshot(&self) -> Result<Snapshot, ReadError> {
        self.memory.faults().check(self.incarnation)?;
        self.memory.0.questions.fetch_add(1, Ordering::Relaxed);
        Ok(Snapshot {
            rows: self.memory.rows().clone(),
            reads: self.memory.0.reads.clone(),
        })
    }

    fn begin(&self) -> Result<Transaction, StorageError> {
        self.transaction(false)
    }

    fn begin_housekeeping(&self) -> Result<Transaction, StorageError> {
        self.transaction(true)
    }

    fn recover(&self) -> Result<(), StorageError> {
        self.memory.faults().check(self.incarnation)
    }

    fn lacks_space(&self) -> bool {
        self.memory.faults().is_full()
    }

    fn order(&self) -> Option<Box<dyn Order + '_>> {
        self.memory.faults().order()
    }
}

impl MemoryBackend {
    fn transaction(&self, is_housekeeping: bool) -> Result<Transaction, StorageError> {
        self.memory.faults().check(self.incarnation)?;
        Ok(Transaction {
            is_housekeeping,
            memory: self.memory.clone(),
            clock: self.clock.clone(),
            incarnation: self.incarnation,
            changes: Changes::over(&self.memory.rows()),
        })
    }
}

/// Changes that become durable together.
pub struct Transaction {
    memory: Memory,
    clock: Arc<dyn Clock>,
    incarnation: u64,
    changes: Changes,
    /// True if it may be committed on a disk that is full.
    is_housekeeping: bool,
}

impl BackendTransaction for Transaction {
    type Rows<'t> = rows::Changing<'t>;

    fn rows(&mut self) -> Result<rows::Changing<'_>, StorageError> {
        Ok(rows::Changing(&mut self.changes))
    }

    async fn commit(self) -> Result<(), StorageError> {
        let Transaction {
            memory,
            clock,
            incarnation,
            changes,
            is_housekeeping,
        } = self;
        let delay = memory.faults().delay();
        if delay > 0 {
            clock
                .sleep_until(clock.elapsed().saturating_add(delay))
                .await;
        }
        // Whether it counts and what it changes are decided under one lock: no power is lost in between.
        let mut faults = memory.faults();
        faults.count_commit(incarnation, is_housekeeping)?;
        let mut rows = memory
            .0
            .rows
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *rows = Arc::new(changes.into_rows());
        Ok(())
    }

    fn abort(self) -> Result<(), StorageError> {
        Ok(())
    }
}
