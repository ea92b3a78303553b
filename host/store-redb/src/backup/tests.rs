//! Backups: all of a moment and nothing of what came after, given up when they must be, and known by what they hold.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use dormouse_journal::RunId;
use redb::backends::InMemoryBackend;

use super::*;
use crate::seams::Disk;
use crate::support::{TestClock, World, open_on, wait, wait_event};
use crate::{Accept, Accepted, InboxLimits};

/// All rows of one table.
type Table = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads every row of every table.
struct Rows {
    snapshot: Snapshot,
    tables: BTreeMap<String, Table>,
}

impl Visitor for Rows {
    type Error = ReadError;

    fn table<K: Key + 'static, V: Value + 'static>(
        &mut self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), ReadError> {
        let table = self.snapshot.table(definition)?;
        let rows = table.iter()?.map(|row| {
            let (key, value) = row.unwrap();
            let (key, value) = (key.value(), value.value());
            (
                K::as_bytes(&key).as_ref().to_vec(),
                V::as_bytes(&value).as_ref().to_vec(),
            )
        });
        self.tables
            .insert(definition.name().to_owned(), rows.collect());
        Ok(())
    }
}

fn rows(snapshot: Snapshot) -> BTreeMap<String, Table> {
    let mut rows = Rows {
        snapshot,
        tables: BTreeMap::new(),
    };
    visit(&mut rows).unwrap();
    rows.tables
}

/// Bytes that can be looked at when the store that wrote them is gone.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<InMemoryBackend>);

impl StorageBackend for Shared {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.0.len().unwrap()).unwrap()];
        self.0.read(0, &mut bytes).unwrap();
        bytes
    }

    fn database(&self) -> Database {
        builder(CACHE).create_with_backend(self.clone()).unwrap()
    }

    /// The rows of all tables that the program knows.
    fn rows(&self) -> BTreeMap<String, Table> {
        rows(Snapshot::new(self.database().begin_read().unwrap()))
    }

    /// The names of all tables that there are.
    fn tables(&self) -> Vec<String> {
        let database = self.database();
        let transaction = database.begin_read().unwrap();
        let tables = transaction.list_tables().unwrap();
        tables.map(|table| table.name().to_owned()).collect()
    }
}

/// The same without what no backup has.
fn without_code(mut rows: BTreeMap<String, Table>) -> BTreeMap<String, Table> {
    assert_eq!(rows.insert("code".into(), Table::new()).unwrap().len(), 1);
    rows
}

struct SharedDisk(Shared, Arc<AtomicU64>);

impl Disk for SharedDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.0.clone()))
    }

    fn available(&self) -> io::Result<u64> {
        Ok(self.1.load(Ordering::Relaxed))
    }
}

fn space() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(u64::MAX))
}

/// A request that is far larger than what a test sends otherwise: two of them are more than a batch.
fn large(world: &World, id: RunId) -> Accept {
    let mut accept = world.request(id, "large");
    accept.request.body = Bytes::from(vec![7; 5 << 20]);
    accept.limits = InboxLimits {
        requests: 10,
        bytes: 1 << 30,
        host_bytes: 1 << 30,
    };
    accept
}

/// A store with something in most tables.
fn filled(disk: &Shared) -> (World, Vec<RunId>) {
    let space = space();
    let world = World::on(Arc::new(SharedDisk(disk.clone(), space.clone())), space);
    let runs: Vec<_> = (0..5)
        .map(|_| world.run_with(vec![wait_event(Some(60_000)), wait(None)]))
        .collect();
    for &id in &runs {
        let accepted = world.send(large(&world, id)).unwrap();
        assert!(matches!(accepted, Accepted::Queued { .. }), "{accepted:?}");
    }
    world.start();
    (world, runs)
}

fn back_up(world: &World) -> Shared {
    let copy = Shared::default();
    world
        .store
        .back_up(Box::new(copy.clone()), &|| true)
        .unwrap();
    copy
}

#[test]
fn a_backup_is_one_moment_whatever_is_written_meanwhile() {
    let disk = Shared::default();
    let (world, runs) = filled(&disk);
    let before = rows(world.store.read().unwrap());
    let copy = Shared::default();
    let batches = AtomicU64::new(0);
    let meanwhile = || {
        batches.fetch_add(1, Ordering::Relaxed);
        world.start();
        world.accept(runs[0], "meanwhile");
        true
    };
    world
        .store
        .back_up(Box::new(copy.clone()), &meanwhile)
        .unwrap();
    assert!(
        batches.load(Ordering::Relaxed) > before.len() as u64,
        "no table took a second batch"
    );
    assert!(rows(world.store.read().unwrap())["runs"].len() > before["runs"].len());
    assert!(
        copy.rows() == without_code(before),
        "it is another moment's"
    );
}

#[test]
fn every_table_that_there_is_is_in_it() {
    let disk = Shared::default();
    let (world, _) = filled(&disk);
    let copy = back_up(&world);
    drop(world);
    assert_eq!(copy.tables(), disk.tables());
}

#[test]
fn a_host_opens_it_as_its_own_store() {
    let disk = Shared::default();
    let (world, runs) = filled(&disk);
    let copy = back_up(&world);
    let clock = Arc::new(TestClock::default());
    let restored = open_on(Arc::new(SharedDisk(copy, space())), clock).unwrap();
    assert_eq!(restored.token_keys().keys, world.store.token_keys().keys);
    assert_eq!(restored.code_key(), world.store.code_key());
    assert_eq!(restored.clock().now(), world.store.clock().now());
    let snapshot = restored.read().unwrap();
    assert!(runs.iter().all(|&id| snapshot.state(id).unwrap().is_some()));
}

#[test]
fn it_stops_when_it_is_not_wanted_or_has_no_room() {
    let disk = Shared::default();
    let (world, _) = filled(&disk);
    let calls = AtomicU64::new(0);
    let given_up = world
        .store
        .back_up(Box::new(Shared::default()), &|| {
            calls.fetch_add(1, Ordering::Relaxed) < 3
        })
        .unwrap_err();
    assert!(matches!(given_up, BackupError::GivenUp), "{given_up}");
    assert_eq!(calls.load(Ordering::Relaxed), 4);

    world.space.store(64 << 20, Ordering::Relaxed);
    let full = world
        .store
        .back_up(Box::new(Shared::default()), &|| true)
        .unwrap_err();
    assert!(matches!(full, BackupError::Full), "{full}");
    // It gives up while the host itself can still write.
    world.start();
}

#[test]
fn a_backup_is_known_by_what_it_holds() {
    let disk = Shared::default();
    let (world, runs) = filled(&disk);
    let copy = back_up(&world);
    let backup = examine(Box::new(copy.clone())).unwrap();
    let expected = Backup {
        format: 1,
        runs: runs.len() as u64 + 1,
    };
    assert_eq!(backup, expected);

    let cut = Shared::default();
    let bytes = copy.bytes();
    cut.set_len(bytes.len() as u64 / 2).unwrap();
    cut.write(0, &bytes[..bytes.len() / 2]).unwrap();
    assert!(examine(Box::new(cut)).is_err());

    let text = Shared::default();
    text.set_len(4096).unwrap();
    text.write(0, b"<html>").unwrap();
    assert!(examine(Box::new(text)).is_err());

    let database = copy.database();
    let write = database.begin_write().unwrap();
    let mut meta = write.open_table(meta::TABLE).unwrap();
    meta.insert("format", [200].as_slice()).unwrap();
    drop(meta);
    write.commit().unwrap();
    drop(database);
    let newer = examine(Box::new(copy)).unwrap_err();
    assert!(
        matches!(newer, OpenError::Newer { found: 200, .. }),
        "{newer}"
    );
}
