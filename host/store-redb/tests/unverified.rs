//! A store that is not verified when it is opened. The time to open it does not grow with its size.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::{Payload, RunId, json_payload};
use dormouse_store::{Accepted, OpenError, RunQuery, Started};
use dormouse_store_redb::RedbStore;
use redb::DatabaseError;

use crate::support::disk::TestDisk;
use crate::support::{Inline, Machine, Opened, World, open_as, run, wait};

/// What each run is started with: a digit, again and again.
const INPUT: usize = 64 << 10;

fn open(disk: &TestDisk, verify: bool) -> Result<RedbStore, OpenError> {
    open_as(
        Arc::new(disk.clone()),
        Arc::default(),
        Arc::new(Inline),
        verify,
    )
}

/// Returns a store with some runs, on a disk as a host leaves it that is killed.
fn killed(verify: bool) -> (TestDisk, Vec<RunId>) {
    let disk = TestDisk::default();
    let opened = Opened::Redb(open(&disk, verify).unwrap());
    let world = World::of(opened, Arc::default(), Machine::Redb(disk.clone()));
    for _ in 0..4 {
        let mut start = world.new_start();
        start.input = input();
        assert!(matches!(world.begin(start).unwrap(), Started::New { .. }));
    }
    let waiting = world.run_with(vec![wait(None)]);
    let accepted = world.accept(waiting, "a");
    assert!(matches!(accepted, Accepted::Queued { .. }), "{accepted:?}");
    let query = RunQuery {
        limit: 100,
        ..RunQuery::default()
    };
    let (runs, _) = world.list(&query);
    (disk.copy(), runs)
}

fn input() -> Payload {
    json_payload(Bytes::from(vec![b'1'; INPUT]))
}

/// Returns true if a store can be opened without a walk through all of it.
fn is_ready(disk: &TestDisk) -> bool {
    let opened = redb::Database::builder()
        .set_repair_callback(redb::RepairSession::abort)
        .create_with_backend(disk.copy());
    match opened {
        Ok(_) => true,
        Err(DatabaseError::RepairAborted) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn after_a_kill_it_is_opened_without_a_repair() {
    let (disk, _) = killed(false);
    assert!(is_ready(&disk));
    let opened = open(&disk, false).unwrap();
    assert!(is_ready(&disk), "killed before it wrote anything");
    drop(opened);
    assert!(is_ready(&disk), "closed");
}

#[test]
fn a_verified_store_is_not_prepared_for_a_quick_repair() {
    let (disk, _) = killed(true);
    assert!(!is_ready(&disk));
}

#[test]
fn all_that_was_acknowledged_is_there_after_a_kill() {
    for kept_verified in [true, false] {
        let (disk, runs) = killed(kept_verified);
        assert_eq!(runs.len(), 5);
        let store = open(&disk, false).unwrap().store();
        let (waiting, others) = runs.split_first().unwrap();
        let webhooks = run(store.webhooks(*waiting, 10)).unwrap().unwrap();
        assert_eq!(webhooks[0].webhook.queued, 1);
        for id in others {
            assert_eq!(run(store.input(*id)).unwrap(), Some(input()));
        }
    }
}

#[test]
fn a_bit_that_flipped_is_served_where_it_would_be_found_otherwise() {
    let (disk, runs) = killed(false);
    let contents = disk.contents();
    let place = contents
        .windows(4096)
        .position(|window| window.iter().all(|&byte| byte == b'1'));
    disk.change(place.unwrap() as u64 + 2048, b"3");
    let verified = open(&disk.copy(), true);
    assert!(matches!(verified, Err(OpenError::Damaged(_))));
    let store = open(&disk, false).unwrap().store();
    let changed = runs
        .iter()
        .filter(|id| {
            let input = run(store.input(**id)).unwrap().unwrap();
            input.body.contains(&b'3')
        })
        .count();
    assert_eq!(changed, 1);
}
