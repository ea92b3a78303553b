//! The space that can still be written.
//!
//! It is the sum of three amounts, minus the configured reserve: the free space of the disk, the free pages of the
//! store's own file (redb uses pages again, and seldom returns any), and the space that the reserve keeps. Everybody
//! may write that much. Housekeeping may use the whole sum.
//!
//! Counting redb's free pages is expensive. They are counted only when a write would be refused, and not often: redb
//! reads the store for it, in the thread that writes, while nothing else can be written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_seams::Clock;

use crate::disk::Disk;

/// The least space with which writes are accepted.
const LEAST: u64 = 1 << 20;

/// The shortest time between two counts of free pages, in milliseconds.
const COUNT_EVERY: u64 = 10_000;

/// Counting takes at most one part in this many of the time.
const SHARE: u64 = 20;

/// The space of a store.
pub(crate) struct Space {
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    /// The number of bytes that are kept for housekeeping.
    reserve: u64,
    in_file: Mutex<FreeSpace>,
}

/// The free space in the store's file.
#[derive(Default)]
struct FreeSpace {
    /// The bytes of the pages that were free at the last count, minus what was written since.
    free: u64,
    /// The time, in milliseconds since the machine's boot, after which they may be counted again.
    again: Option<u64>,
}

impl Space {
    pub(crate) fn new(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, reserve: u64) -> Self {
        Space {
            disk,
            clock,
            reserve,
            in_file: Mutex::default(),
        }
    }

    /// Returns how many bytes everybody may write. If the disk does not tell how much is free, only its error for a
    /// full disk counts.
    pub(crate) fn room(&self) -> u64 {
        self.beyond_reserve(self.lock().free)
    }

    /// Returns how many bytes may be written to another file.
    pub(crate) fn room_beside(&self) -> u64 {
        self.beyond_reserve(0)
    }

    /// Returns true if so little is free that only housekeeping may write.
    pub(crate) fn is_short(&self) -> bool {
        self.room() < LEAST
    }

    fn beyond_reserve(&self, own: u64) -> u64 {
        self.disk
            .available()
            .unwrap_or(u64::MAX)
            .saturating_add(own)
            .saturating_add(self.disk.reserved())
            .saturating_sub(self.reserve)
    }

    /// Subtracts what was written from the free space in the file.
    pub(crate) fn spend(&self, bytes: u64) {
        let mut own = self.lock();
        own.free = own.free.saturating_sub(bytes);
    }

    /// Counts the free pages, with a function that returns how many bytes are in use, unless they were counted
    /// recently. Returns true if there are more than was known.
    pub(crate) fn count<E>(&self, in_use: impl FnOnce() -> Result<u64, E>) -> Result<bool, E> {
        let Ok(occupied) = self.disk.occupied() else {
            return Ok(false);
        };
        let began = self.clock.elapsed();
        if self.lock().again.is_some_and(|again| began < again) {
            return Ok(false);
        }
        let in_use = in_use()?;
        let ended = self.clock.elapsed();
        let took = ended.saturating_sub(began);
        let pause = COUNT_EVERY.max(took.saturating_mul(SHARE));
        let free = occupied.saturating_sub(in_use);
        let mut own = self.lock();
        own.again = Some(ended.saturating_add(pause));
        let found = free > own.free;
        own.free = free;
        tracing::info!(
            occupied,
            in_use,
            "the disk is nearly full; the free pages of the store were counted"
        );
        Ok(found)
    }

    /// Returns true if the reserve is smaller than configured.
    pub(crate) fn is_reserve_touched(&self) -> bool {
        self.disk.reserved() < self.reserve
    }

    /// Restores the reserve, as far as there is room. Returns true if it is complete.
    pub(crate) fn restore_reserve(&self) -> bool {
        let has = self.disk.reserved();
        if has == self.reserve {
            return true;
        }
        let missing = self.reserve.saturating_sub(has);
        if missing > 0 && self.is_short() {
            return false;
        }
        let available = self.disk.available().unwrap_or(u64::MAX);
        let more = missing.min(available.saturating_sub(LEAST));
        let wanted = (has + more).min(self.reserve);
        if missing > 0 && more == 0 {
            return false;
        }
        if let Err(error) = self.disk.make_reserve(wanted) {
            tracing::debug!(%error, wanted, "the reserve of the disk could not be made again yet");
        }
        self.disk.reserved() >= self.reserve
    }

    fn lock(&self) -> MutexGuard<'_, FreeSpace> {
        self.in_file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use dormouse_journal::Time;
    use dormouse_seams::Task;
    use redb::StorageBackend;

    use super::*;

    /// A disk that only has numbers.
    #[derive(Default)]
    struct Numbers {
        available: AtomicU64,
        reserved: AtomicU64,
        occupied: AtomicU64,
    }

    impl Disk for Numbers {
        fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn available(&self) -> io::Result<u64> {
            Ok(self.available.load(Ordering::SeqCst))
        }

        fn occupied(&self) -> io::Result<u64> {
            Ok(self.occupied.load(Ordering::SeqCst))
        }

        fn reserved(&self) -> u64 {
            self.reserved.load(Ordering::SeqCst)
        }

        fn make_reserve(&self, bytes: u64) -> io::Result<()> {
            let had = self.reserved.swap(bytes, Ordering::SeqCst);
            self.available.fetch_sub(bytes - had, Ordering::SeqCst);
            Ok(())
        }
    }

    struct Noon;

    impl Clock for Noon {
        fn date(&self) -> Time {
            Time(1_000)
        }

        fn elapsed(&self) -> u64 {
            1_000
        }

        fn boot(&self) -> Option<[u8; 16]> {
            None
        }

        fn sleep_until(&self, _: u64) -> Task {
            Box::pin(std::future::pending())
        }

        fn thread_time(&self) -> Duration {
            Duration::ZERO
        }
    }

    const RESERVE: u64 = 64 << 20;
    const MIB: u64 = 1 << 20;

    fn space(available: u64, reserved: u64, occupied: u64) -> (Arc<Numbers>, Space) {
        let disk = Arc::new(Numbers {
            available: available.into(),
            reserved: reserved.into(),
            occupied: occupied.into(),
        });
        (disk.clone(), Space::new(disk, Arc::new(Noon), RESERVE))
    }

    #[test]
    fn the_reserve_is_not_available_and_its_missing_part_is_subtracted() {
        let (_, whole) = space(10 * MIB, RESERVE, 0);
        assert_eq!(whole.room(), 10 * MIB);
        let (_, given_up) = space(RESERVE + 10 * MIB, 0, 0);
        assert_eq!(given_up.room(), 10 * MIB);
        let (_, full) = space(RESERVE / 2, 0, 0);
        assert_eq!(full.room(), 0);
        assert!(full.is_short());
    }

    #[test]
    fn free_pages_of_the_store_count_until_they_are_written_and_not_for_other_files() {
        let (_, space) = space(0, RESERVE, 500 * MIB);
        assert!(space.is_short());
        assert!(space.count(|| Ok::<_, ()>(100 * MIB)).unwrap());
        assert_eq!(space.room(), 400 * MIB);
        assert_eq!(space.room_beside(), 0);
        space.spend(390 * MIB);
        assert_eq!(space.room(), 10 * MIB);
        let again = space.count(|| -> Result<u64, ()> { panic!("counted too often") });
        assert!(!again.unwrap());
    }

    #[test]
    fn the_reserve_is_made_again_when_there_is_room() {
        let (disk, space) = space(0, 0, 0);
        assert!(!space.restore_reserve());
        disk.available.store(RESERVE + 10 * MIB, Ordering::SeqCst);
        assert!(space.is_reserve_touched());
        assert!(space.restore_reserve());
        assert_eq!(disk.reserved(), RESERVE);
        assert_eq!(space.room(), 10 * MIB);
    }

    #[test]
    fn free_pages_can_stand_in_for_the_reserve() {
        let (disk, space) = space(10 * MIB, 0, 500 * MIB);
        assert!(!space.restore_reserve(), "there is no room for it");
        space.count(|| Ok::<_, ()>(100 * MIB)).unwrap();
        assert!(!space.is_short());
        assert!(!space.restore_reserve());
        assert_eq!(disk.reserved(), 9 * MIB, "as much as there is");
    }
}
