//! What is counted of the commits: the groups that became durable, and the writes in them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use crate::support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dormouse_store::seams::{Spawner, Task};
use dormouse_store::{Commits, WriteError};
use futures::FutureExt;
use futures::future::join;
use support::MemoryDisk;

/// Keeps tasks that block until it is told to run them, so that writes gather.
#[derive(Default)]
struct Later(Mutex<Vec<Task>>);

impl Later {
    fn now(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        for task in tasks {
            support::run(task);
        }
    }
}

impl Spawner for Later {
    fn spawn(&self, task: Task) {
        support::run(task);
    }

    fn spawn_blocking(&self, task: Task) {
        self.0.lock().unwrap().push(task);
    }
}

#[test]
fn writes_that_share_a_sync_count_as_one_commit() {
    let later = Arc::new(Later::default());
    let disk = Arc::new(MemoryDisk(Arc::new(AtomicU64::new(u64::MAX))));
    let store = support::open_with(disk, Arc::default(), later.clone()).unwrap();
    assert_eq!(store.commits(), Commits::default());

    let mut both = Box::pin(join(store.touch(), store.touch()));
    assert!((&mut both).now_or_never().is_none());
    assert_eq!(
        store.commits(),
        Commits::default(),
        "nothing is durable yet"
    );
    later.now();
    assert!(matches!(support::run(both), (Ok(()), Ok(()))));
    let expected = Commits {
        groups: 1,
        writes: 2,
    };
    assert_eq!(store.commits(), expected);
}

#[test]
fn what_the_disk_has_no_room_for_is_not_counted() {
    let space = Arc::new(AtomicU64::new(u64::MAX));
    let store = support::open_on(Arc::new(MemoryDisk(space.clone())), Arc::default()).unwrap();
    support::run(store.touch()).unwrap();
    space.store(0, Ordering::Relaxed);
    assert!(matches!(support::run(store.touch()), Err(WriteError::Full)));
    let expected = Commits {
        groups: 1,
        writes: 1,
    };
    assert_eq!(store.commits(), expected);
}
