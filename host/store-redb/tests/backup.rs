//! Backups: each has the whole content of one moment and nothing later, is given up if it must be, and is recognised
//! by its content.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use dormouse_journal::RunId;
use dormouse_store::{
    Accept, Accepted, Backup, BackupError, InboxLimits, OpenError, StorageLimits, TableId,
};
use dormouse_store_memory::Dump;
use dormouse_store_redb::{BackupInfo, RedbStore, examine};
use redb::{Database, ReadableDatabase, TableDefinition, TableHandle};

use crate::support::disk::TestDisk;
use crate::support::{Machine, Opened, StoreKind, World, open_on, run, wait, wait_event};

/// Returns the names of all tables on a disk that nobody has open.
fn tables(disk: &TestDisk) -> Vec<String> {
    let database = database(disk);
    let transaction = database.begin_read().unwrap();
    let tables = transaction.list_tables().unwrap();
    tables.map(|table| table.name().to_owned()).collect()
}

fn database(disk: &TestDisk) -> Database {
    let builder = Database::builder();
    builder.create_with_backend(disk.clone()).unwrap()
}

/// Returns the rows without what no backup has.
fn without_code(mut rows: Dump) -> Dump {
    let before = rows.len();
    rows.retain(|(table, ..)| *table != TableId::Code.name());
    assert_eq!(rows.len(), before - 1);
    rows
}

/// Returns how many rows a table has.
fn count(rows: &Dump, table: TableId) -> usize {
    rows.iter()
        .filter(|(name, ..)| *name == table.name())
        .count()
}

/// Returns a request that is far larger than what a test sends otherwise: two of them are more than a batch.
fn large(world: &World, id: RunId) -> Accept {
    let mut accept = world.request(id, "large");
    accept.request.body = Bytes::from(vec![7; 5 << 20]);
    accept.limits = InboxLimits {
        requests: 10,
        bytes: 1 << 30,
        host_bytes: 1 << 30,
        storage: StorageLimits::NONE,
    };
    accept
}

/// Returns a store with something in most tables, and the disk that it is on.
fn filled() -> (World, TestDisk, Vec<RunId>) {
    let world = World::new(StoreKind::Redb);
    let Machine::Redb(disk) = world.machine.clone() else {
        panic!("it is on a disk");
    };
    let runs: Vec<_> = (0..5)
        .map(|_| world.run_with(vec![wait_event(Some(60_000)), wait(None)]))
        .collect();
    for &id in &runs {
        let accepted = world.send(large(&world, id)).unwrap();
        assert!(matches!(accepted, Accepted::Queued { .. }), "{accepted:?}");
    }
    world.start();
    (world, disk, runs)
}

fn redb_store(world: &World) -> &RedbStore {
    match &world.opened {
        Opened::Redb(store) => store,
        Opened::Memory(..) => panic!("it is on a disk"),
    }
}

fn try_back_up(world: &World, is_wanted: &dyn Fn() -> bool) -> Result<TestDisk, BackupError> {
    let mut file = tempfile::tempfile().unwrap();
    redb_store(world).back_up(file.try_clone().unwrap(), is_wanted)?;
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    Ok(TestDisk::with(&bytes))
}

fn back_up(world: &World) -> TestDisk {
    try_back_up(world, &|| true).unwrap()
}

fn open(disk: &TestDisk) -> RedbStore {
    open_on(Arc::new(disk.clone()), Arc::default()).unwrap()
}

#[test]
fn a_backup_is_one_moment_whatever_is_written_meanwhile() {
    let (world, _, runs) = filled();
    let before = world.opened.dump();
    let batches = AtomicU64::new(0);
    let meanwhile = || {
        batches.fetch_add(1, Ordering::Relaxed);
        world.start();
        world.accept(runs[0], "meanwhile");
        true
    };
    let copy = try_back_up(&world, &meanwhile).unwrap();
    assert!(
        batches.load(Ordering::Relaxed) > tables(&copy).len() as u64,
        "no table took a second batch"
    );
    let after = world.opened.dump();
    assert!(count(&after, TableId::Runs) > count(&before, TableId::Runs));
    assert!(
        open(&copy).dump().unwrap() == without_code(before),
        "it is another moment's"
    );
}

#[test]
fn every_table_that_there_is_is_in_it() {
    let (world, disk, _) = filled();
    let copy = back_up(&world);
    drop(world);
    assert_eq!(tables(&copy), tables(&disk));
}

#[test]
fn a_host_opens_it_as_its_own_store() {
    let (world, _, runs) = filled();
    let copy = back_up(&world);
    let restored = open(&copy).store();
    assert_eq!(restored.token_keys().keys, world.store.token_keys().keys);
    assert_eq!(restored.code_key(), world.store.code_key());
    assert_eq!(restored.clock().now(), world.store.clock().now());
    let state = |id| run(restored.state(id)).unwrap();
    assert!(runs.iter().all(|&id| state(id).is_some()));
}

#[test]
fn it_stops_when_it_is_not_wanted_or_has_no_room() {
    let (world, disk, _) = filled();
    let calls = AtomicU64::new(0);
    let is_wanted = || calls.fetch_add(1, Ordering::Relaxed) < 3;
    let given_up = try_back_up(&world, &is_wanted).unwrap_err();
    assert!(matches!(given_up, BackupError::GivenUp), "{given_up}");
    assert_eq!(calls.load(Ordering::Relaxed), 4);

    disk.space.store(64 << 20, Ordering::Relaxed);
    let full = try_back_up(&world, &|| true).unwrap_err();
    assert!(matches!(full, BackupError::Full), "{full}");
    // It gives up while the host itself can still write.
    world.start();
}

#[test]
fn a_backup_is_known_by_what_it_holds() {
    let (world, _, runs) = filled();
    let copy = back_up(&world);
    let backup = examine(Box::new(copy.clone())).unwrap();
    let expected = BackupInfo {
        schema: dormouse_store::SCHEMA,
        runs: runs.len() as u64 + 1,
    };
    assert_eq!(backup, expected);

    let bytes = copy.contents();
    let cut = TestDisk::with(&bytes[..bytes.len() / 2]);
    assert!(examine(Box::new(cut)).is_err());

    let mut page = vec![0; 4096];
    page[..6].copy_from_slice(b"<html>");
    assert!(examine(Box::new(TestDisk::with(&page))).is_err());

    let database = database(&copy);
    let write = database.begin_write().unwrap();
    let definition: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
    let mut meta = write.open_table(definition).unwrap();
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
