//! What a simulated machine keeps the store on: a disk for redb, or memory that commits in an order of its own.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use dormouse_seams::{Clock, Entropy, Spawner};
use dormouse_store::{OpenError, Store};
use dormouse_store_memory::Memory;
use dormouse_store_redb::RedbStore;

use crate::reading::{Here, Reading};
use crate::{Dice, Operation, SimDisk};

/// Which of the two stores a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// redb, on a simulated disk.
    Disk,
    /// The store in memory.
    Memory,
}

/// Makes a test of each function for both grounds.
#[macro_export]
macro_rules! on_both {
    ($($name:ident,)*) => {
        mod on_disk {
            $(#[test]
            fn $name() {
                super::$name($crate::Ground::Disk);
            })*
        }

        mod in_memory {
            $(#[test]
            fn $name() {
                super::$name($crate::Ground::Memory);
            })*
        }
    };
}

/// Operations of a disk that one commit takes, about: a fault that comes after so many of them comes after one commit in
/// memory.
const OPERATIONS: usize = 12;

/// What outlives a host.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) disk: SimDisk,
    pub(crate) memory: Memory,
}

impl Kept {
    pub(crate) async fn open(
        &self,
        ground: Ground,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        spawner: Arc<dyn Spawner>,
    ) -> Result<(Arc<dyn Store>, Reading), OpenError> {
        match ground {
            Ground::Disk => {
                let options = dormouse_store_redb::Options {
                    cache: 32 << 20,
                    reserve: 64 << 20,
                    verify: true,
                };
                let disk = Arc::new(self.disk.clone());
                let store = RedbStore::open(disk, clock, entropy, spawner, options).await?;
                Ok((store.store(), Reading(store.reader_on(Arc::new(Here)))))
            }
            Ground::Memory => {
                let store = self.memory.open(clock, entropy, spawner).await?;
                let reader = Arc::new(store.reading_on(Arc::new(Here)));
                Ok((Arc::new(store), Reading(reader)))
            }
        }
    }

    /// Keeps whatever is still under way from becoming durable, as a loss of power does.
    pub(crate) fn cut_off(&self) {
        self.disk.fail_after(0);
        self.memory.faults().fail_after(0);
    }

    pub(crate) fn lose_power(&self) {
        self.disk.lose_power();
        self.memory.lose_power();
    }

    /// Fails after so many operations of the disk, or about as many in memory.
    pub(crate) fn fail_after(&self, operations: usize) {
        self.disk.fail_after(operations);
        let commits = operations / OPERATIONS;
        self.memory.faults().fail_after(commits as u64);
    }

    pub(crate) fn fill(&self, full: bool) {
        self.disk.fill(full);
        self.memory.faults().fill(full);
    }

    /// Has commits in memory take time, and an order of their own.
    pub(crate) fn disorder(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        let mut faults = self.memory.faults();
        faults.reorder(seed);
        faults.set_delay(dice.below(3));
    }

    /// Returns a digest of everything that was done to the disk, and of what is kept in memory.
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
