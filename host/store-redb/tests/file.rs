//! The store in a real file, which only one process at a time can open.

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dormouse_store::{OpenError, SCHEMA, WriteError};
use dormouse_store_redb::{Disk, FileDisk};
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend, TableDefinition};

use crate::support;
use crate::support::disk::TestDisk;

/// A file on a disk that is too full for one write when the test says so.
struct File {
    directory: PathBuf,
    is_full: Arc<AtomicBool>,
}

impl File {
    fn new(name: &str) -> Arc<Self> {
        let name = format!("dormouse-store-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Arc::new(File {
            directory,
            is_full: Arc::default(),
        })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.directory).unwrap();
    }
}

impl Disk for File {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.directory.join("store"))?;
        Ok(Box::new(Backend {
            file: FileBackend::new(file).map_err(io::Error::other)?,
            is_full: self.is_full.clone(),
        }))
    }

    fn available(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

#[derive(Debug)]
struct Backend {
    file: FileBackend,
    is_full: Arc<AtomicBool>,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.is_full.swap(false, Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}

/// Each tries to be the host of a new directory. Whoever is counts on in the store, so that a store which another one
/// replaced or shared would show a lower count.
#[test]
fn only_one_of_many_hosts_opens_a_new_directory_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let opened = std::sync::atomic::AtomicUsize::new(0);
    let is_open = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while opened.load(Ordering::SeqCst) < 20 {
                    let disk = match FileDisk::new(&directory) {
                        Ok(disk) => disk,
                        Err(OpenError::InUse) => {
                            thread::yield_now();
                            continue;
                        }
                        Err(error) => panic!("{error}"),
                    };
                    assert!(!is_open.swap(true, Ordering::SeqCst), "two have it");
                    let store = support::open_on(Arc::new(disk), Arc::default()).unwrap();
                    support::run(store.store().probe()).unwrap();
                    opened.fetch_add(1, Ordering::SeqCst);
                    is_open.store(false, Ordering::SeqCst);
                    drop(store);
                }
            });
        }
    });
}

#[test]
fn a_file_is_not_taken_for_a_data_directory() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = FileDisk::new(file.path()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the store cannot be opened: the data directory cannot be used: not a directory"
    );
}

#[test]
fn a_store_that_is_open_is_not_opened_again() {
    let disk = File::new("once");
    let first = support::open_on(disk.clone(), Arc::default()).unwrap();
    let second = support::open_on(disk.clone(), Arc::default());
    assert!(matches!(second, Err(OpenError::InUse)));
    drop(first);
    support::open_on(disk, Arc::default()).unwrap();
}

#[test]
fn a_file_is_reopened_after_the_disk_was_full_despite_concurrent_reads() {
    let disk = File::new("full");
    let store = support::open_on(disk.clone(), Arc::default()).unwrap();
    let store = store.store();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    // A snapshot of a database that is being exchanged cannot be had, and that is all.
                    drop(support::run(store.workflow("w".into())));
                }
            });
        }
        for _ in 0..20 {
            disk.is_full.store(true, Ordering::Relaxed);
            let refused = support::run(store.probe());
            let again = support::run(store.probe());
            if !matches!((&refused, &again), (Err(WriteError::Full), Ok(()))) {
                is_done.store(true, Ordering::Relaxed);
                panic!("full: {refused:?}, with room again: {again:?}");
            }
        }
        is_done.store(true, Ordering::Relaxed);
    });
}

/// A newer version may keep other keys in a table than this one.
#[test]
fn a_newer_store_is_refused_whatever_its_tables_are() {
    let disk = TestDisk::default();
    drop(support::open_on(Arc::new(disk.clone()), Arc::default()).unwrap());
    let builder = redb::Database::builder();
    let database = builder.create_with_backend(disk.clone()).unwrap();
    let write = database.begin_write().unwrap();
    let old: TableDefinition<'_, (u64, [u8; 16], u32), ()> = TableDefinition::new("timers");
    write.delete_table(old).unwrap();
    let new: TableDefinition<'_, u64, u64> = TableDefinition::new("timers");
    drop(write.open_table(new).unwrap());
    let meta: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let mut meta = write.open_table(meta).unwrap();
    meta.insert("format", [SCHEMA + 1].as_slice()).unwrap();
    drop(meta);
    write.commit().unwrap();
    drop(database);
    let refused = support::open_on(Arc::new(disk), Arc::default());
    assert!(matches!(refused, Err(OpenError::Newer { .. })));
}
