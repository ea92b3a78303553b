//! A store in memory, for tests of the host and of workflows: a map for each table, and a machine that can fail.
//!
//! [`Memory`] is the part that outlives a host: the durable rows, and the faults that a test sets. A test opens a store
//! on it, lets the power fail, and opens another store. The rules, the queue and the reads are those of every
//! [`Embedded`] store. This crate only keeps the rows, and decides whether, when and in which order commits become
//! durable.

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

/// The memory of a machine, on which stores are opened. It is cheap to clone, and all clones share the same rows.
#[derive(Clone, Default)]
pub struct Memory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The durable rows.
    rows: RwLock<Arc<MemoryRows>>,
    faults: Mutex<Faults>,
    /// The number of rows that were looked for or found outside of transactions.
    reads: Arc<AtomicU64>,
    /// The number of reads outside of transactions.
    questions: AtomicU64,
}

impl Memory {
    /// Opens a store on the durable rows.
    ///
    /// # Errors
    /// If the rows are not those of a store, or if a fault was set.
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

    /// Returns the faults, so that a test can change them.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loses power and restores it: changes that were not durable are lost, and a store that was open fails from now
    /// on.
    pub fn lose_power(&self) {
        self.faults().lose_power();
    }

    /// Returns how many rows were looked for, or found by a scan, by reads outside of transactions.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Returns how many times the store was read. A read counts once, however many rows it looks for.
    #[must_use]
    pub fn questions(&self) -> u64 {
        self.0.questions.load(Ordering::Relaxed)
    }

    /// Returns every row of every table, in the order of their keys.
    #[must_use]
    pub fn dump(&self) -> Dump {
        self.rows().dump()
    }

    /// Changes the durable rows in a way that no store would: damage, or rows of an earlier version.
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

/// The backend of one open store.
pub struct MemoryBackend {
    memory: Memory,
    clock: Arc<dyn Clock>,
    /// The number of losses of power before this store was opened. After another loss, the store fails.
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
    /// True if the changes may be committed although the disk is full.
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
        // The lock is held from the count of the commit to the change of the rows, so that power is not lost in
        // between.
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
