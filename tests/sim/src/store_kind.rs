//! The place of a simulated machine's store: a disk for redb, or memory that commits in an order of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use dormouse_seams::{Clock, Entropy, Spawner};
use dormouse_store::{OpenError, Store};
use dormouse_store_memory::Memory;
use dormouse_store_redb::RedbStore;

use crate::reading::{InlineSpawner, Reading};
use crate::{Operation, SeededRng, SimDisk};

/// The store on which a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// redb, on a simulated disk.
    Disk,
    /// The store in memory.
    Memory,
}

/// Makes a test for both stores of each function.
#[macro_export]
macro_rules! on_both {
    ($($name:ident,)*) => {
        mod on_disk {
            $(#[test]
            fn $name() {
                super::$name($crate::StoreKind::Disk);
            })*
        }

        mod in_memory {
            $(#[test]
            fn $name() {
                super::$name($crate::StoreKind::Memory);
            })*
        }
    };
}

/// The approximate number of disk operations of one commit. A fault that comes after this many operations comes after
/// one commit in memory.
const OPERATIONS: usize = 12;

/// The parts of a machine that survive a crash of the host.
#[derive(Default)]
pub(crate) struct DurableParts {
    pub(crate) disk: SimDisk,
    pub(crate) memory: Memory,
}

impl DurableParts {
    pub(crate) async fn open(
        &self,
        store_kind: StoreKind,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        spawner: Arc<dyn Spawner>,
    ) -> Result<(Arc<dyn Store>, Reading), OpenError> {
        match store_kind {
            StoreKind::Disk => {
                let options = dormouse_store_redb::Options {
                    cache: 32 << 20,
                    reserve: 64 << 20,
                    verify: true,
                };
                let disk = Arc::new(self.disk.clone());
                let store = RedbStore::open(disk, clock, entropy, spawner, options).await?;
                Ok((
                    store.store(),
                    Reading(store.reader_on(Arc::new(InlineSpawner))),
                ))
            }
            StoreKind::Memory => {
                let store = self.memory.open(clock, entropy, spawner).await?;
                let reader = Arc::new(store.reading_on(Arc::new(InlineSpawner)));
                Ok((Arc::new(store), Reading(reader)))
            }
        }
    }

    /// Prevents pending writes from becoming durable, as a loss of power does.
    pub(crate) fn cut_off(&self) {
        self.disk.fail_after(0);
        self.memory.faults().fail_after(0);
    }

    pub(crate) fn lose_power(&self) {
        self.disk.lose_power();
        self.memory.lose_power();
    }

    /// Makes writes fail after this many operations of the disk, or after about as many in memory.
    pub(crate) fn fail_after(&self, operations: usize) {
        self.disk.fail_after(operations);
        let commits = operations / OPERATIONS;
        self.memory.faults().fail_after(commits as u64);
    }

    pub(crate) fn fill(&self, full: bool) {
        self.disk.fill(full);
        self.memory.faults().fill(full);
    }

    /// Makes commits in memory take time, and finish in another order.
    pub(crate) fn disorder(&self, seed: u64) {
        let mut rng = SeededRng::new(seed);
        let mut faults = self.memory.faults();
        faults.reorder(seed);
        faults.set_delay(rng.below(3));
    }

    /// Returns a digest of all operations on the disk, and of the content of memory.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.disk.log().hash(&mut hasher);
        self.memory.dump().hash(&mut hasher);
        hasher.finish()
    }

    pub(crate) fn syncs(&self) -> usize {
        let log = self.disk.log();
        let syncs = log
            .iter()
            .filter(|operation| **operation == Operation::Sync);
        syncs.count()
    }
}
