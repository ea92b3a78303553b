//! A disk in memory that counts its operations, fails when the test says so, and can be read by the
//! test.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dormouse_store_redb::Disk;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

/// The disk. Clones share it.
#[derive(Debug, Clone)]
pub struct TestDisk {
    bytes: Arc<InMemoryBackend>,
    /// How often it was synced.
    pub syncs: Arc<AtomicU64>,
    /// How many bytes were written to it.
    pub written: Arc<AtomicU64>,
    /// True if it is too full for one write.
    pub is_full: Arc<AtomicBool>,
    /// How many bytes it says are left.
    pub space: Arc<AtomicU64>,
}

impl Default for TestDisk {
    fn default() -> Self {
        TestDisk {
            bytes: Arc::default(),
            syncs: Arc::default(),
            written: Arc::default(),
            is_full: Arc::default(),
            space: Arc::new(AtomicU64::new(u64::MAX)),
        }
    }
}

impl TestDisk {
    /// Returns a disk with these bytes.
    pub fn with(bytes: &[u8]) -> Self {
        let disk = TestDisk::default();
        disk.bytes.set_len(bytes.len() as u64).unwrap();
        disk.bytes.write(0, bytes).unwrap();
        disk
    }

    /// Returns a disk with what is on this one, as a host leaves it that is killed now.
    pub fn copy(&self) -> Self {
        TestDisk::with(&self.contents())
    }

    /// Returns what is on it.
    pub fn contents(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.bytes.len().unwrap()).unwrap()];
        self.bytes.read(0, &mut bytes).unwrap();
        bytes
    }

    /// Puts something in the place of what is there.
    pub fn change(&self, offset: u64, data: &[u8]) {
        self.bytes.write(offset, data).unwrap();
    }
}

impl Disk for TestDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.clone()))
    }

    fn available(&self) -> io::Result<u64> {
        Ok(self.space.load(Ordering::SeqCst))
    }
}

impl StorageBackend for TestDisk {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.is_full.swap(false, Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.fetch_add(data.len() as u64, Ordering::SeqCst);
        self.bytes.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}
