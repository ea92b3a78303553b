//! The counters of commits: the groups that became durable, and the writes in them.

use std::sync::{Arc, Mutex};

use crate::on_both_grounds;
use crate::support::{Inline, Machine, StoreKind, run};
use dormouse_journal::RunId;
use dormouse_seams::{Spawner, Task};
use dormouse_store::{Commits, WriteError};
use futures::FutureExt;
use futures::future::join;

on_both_grounds! {
    writes_that_share_a_sync_count_as_one_commit,
    a_write_refused_for_lack_of_space_is_not_counted,
    a_long_read_begins_before_it_is_awaited,
}

/// Keeps tasks that block until it is told to run them, so that writes gather.
#[derive(Default)]
pub(crate) struct Later(Mutex<Vec<Task>>);

impl Later {
    pub(crate) fn now(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        for task in tasks {
            run(task);
        }
    }
}

impl Spawner for Later {
    fn spawn(&self, task: Task) {
        run(task);
    }

    fn spawn_blocking(&self, task: Task) {
        self.0.lock().unwrap().push(task);
    }
}

fn writes_that_share_a_sync_count_as_one_commit(store_kind: StoreKind) {
    let later = Arc::new(Later::default());
    let opened = Machine::new(store_kind).open(Arc::default(), later.clone());
    let store = opened.unwrap().store();
    assert_eq!(store.commits(), Commits::default());

    let mut both = Box::pin(join(store.probe(), store.probe()));
    assert!((&mut both).now_or_never().is_none());
    assert_eq!(
        store.commits(),
        Commits::default(),
        "nothing is durable yet"
    );
    later.now();
    assert!(matches!(run(both), (Ok(()), Ok(()))));
    let commits = store.commits();
    assert_eq!((commits.groups, commits.writes), (1, 2));
}

fn a_write_refused_for_lack_of_space_is_not_counted(store_kind: StoreKind) {
    let machine = Machine::new(store_kind);
    let opened = machine.open(Arc::default(), Arc::new(Inline));
    let store = opened.unwrap().store();
    run(store.probe()).unwrap();
    machine.fill(true);
    assert!(matches!(run(store.probe()), Err(WriteError::Full)));
    let commits = store.commits();
    assert_eq!((commits.groups, commits.writes), (1, 1));
}

fn a_long_read_begins_before_it_is_awaited(store_kind: StoreKind) {
    let later = Arc::new(Later::default());
    let opened = Machine::new(store_kind).open(Arc::default(), later.clone());
    let store = opened.unwrap().store();
    let read = store.journal(RunId([1; 16]), 0, usize::MAX);
    later.now();
    let page = read.now_or_never().expect("it was read meanwhile").unwrap();
    assert!(page.activations.is_empty() && !page.more);
}
