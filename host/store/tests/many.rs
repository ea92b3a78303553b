//! Runs whose webhooks and open operations are too many or too large for the run's own row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dormouse_journal::{
    CancelOptions, Channel, Kind, OperationNumber, Outcome, RunId, Source, WebhookNumber,
};
use dormouse_seams::{Spawner, Task};
use dormouse_store::{Accept, Accepted, Deleted};

use crate::on_both_grounds;
use crate::support::{
    Inline, Opened, RETENTION, StoreKind, World, activation, create, last_activation, queued, run,
    wait_for,
};

on_both_grounds! {
    all_are_listed_in_their_order_and_can_be_asked_for,
    each_takes_a_request_and_what_follows_comes_in_order,
    an_operation_that_is_given_up_waits_no_more_in_either_table,
    an_end_leaves_nothing_of_them_and_removal_nothing_at_all,
    open_operations_of_a_deleted_run_are_removed_in_pieces,
    a_large_open_operation_is_in_its_own_table,
}

/// More than twice the number that a run's own row holds.
const MANY: u32 = 20;

/// Returns a run with many webhooks, which waits for each of them: operation `MANY + n` for webhook `n`.
fn waiting(world: &World) -> RunId {
    let id = world.start();
    let kinds = (0..MANY)
        .map(create)
        .chain((0..MANY).map(wait_for))
        .collect();
    world
        .commit(id, 0, activation(world.now(), None, kinds))
        .unwrap();
    id
}

fn request(world: &World, id: RunId, webhook: u32) -> Accept {
    Accept {
        webhook: WebhookNumber(webhook),
        ..world.request(id, "a")
    }
}

/// Returns the first request to this webhook, as what its wait gets.
fn delivered(world: &World, id: RunId, webhook: u32) -> (u32, Outcome, Source) {
    let channel = Channel::Webhook(WebhookNumber(webhook));
    let outcome = world.arrival(id, channel.clone(), 0).unwrap();
    (
        MANY + webhook,
        outcome,
        Source::Arrival { channel, place: 0 },
    )
}

fn open(world: &World, id: RunId) -> Vec<u32> {
    let open = world.open(id, usize::MAX);
    open.into_iter().map(|(number, _)| number.0).collect()
}

fn all_are_listed_in_their_order_and_can_be_asked_for(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world);
    assert_eq!(open(&world, id), (MANY..2 * MANY).collect::<Vec<_>>());
    let webhooks = world.webhooks(id, usize::MAX).unwrap();
    let numbers: Vec<u32> = webhooks.iter().map(|view| view.number.0).collect();
    assert_eq!(numbers, (0..MANY).collect::<Vec<_>>());
    for view in webhooks {
        let webhook = world.webhook(id, view.number.0);
        assert_eq!(webhook, Some(view.webhook));
        assert_eq!(view.url, format!("http://host/hooks/{}", view.number.0));
    }
    let few = world.open(id, 3);
    assert_eq!(few.len(), 3);
    assert_eq!(few[2].0, OperationNumber(MANY + 2));
    assert_eq!(world.webhooks(id, 12).unwrap().len(), 12);
}

fn each_takes_a_request_and_what_follows_comes_in_order(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world);
    for webhook in [0, MANY - 1] {
        let accepted = world.send(request(&world, id, webhook)).unwrap();
        assert_eq!(accepted, queued(true, 0));
    }
    // The wait in the run's row makes room for a new one, while older ones lie in the table.
    let completed = delivered(&world, id, 0);
    let next = activation(world.now(), Some(completed), vec![wait_for(0)]);
    let activated = world.commit(id, 1, next).unwrap();
    assert!(activated.is_due, "the other request is not forgotten");
    let completed = delivered(&world, id, MANY - 1);
    let next = activation(world.now(), Some(completed), vec![wait_for(MANY - 1)]);
    let activated = world.commit(id, 2, next).unwrap();
    assert!(!activated.is_due);
    assert_eq!(open(&world, id), {
        let left = MANY + 1..2 * MANY - 1;
        left.chain([2 * MANY, 2 * MANY + 1]).collect::<Vec<_>>()
    });
    assert_eq!(world.timers().len(), MANY as usize);
    for webhook in [0, MANY - 1] {
        let row = world.webhook(id, webhook).unwrap();
        assert_eq!((row.delivered, row.queued, row.waits), (1, 0, 1));
    }
}

fn an_operation_that_is_given_up_waits_no_more_in_either_table(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world);
    let give_up = |number, dropped| Kind::Abandon {
        operations: vec![OperationNumber(MANY + number)],
        dropped,
    };
    let kinds = vec![
        give_up(0, true),
        give_up(MANY - 1, true),
        give_up(1, false),
        give_up(MANY - 2, false),
    ];
    let activated = world
        .commit(id, 1, activation(world.now(), None, kinds))
        .unwrap();
    assert!(activated.is_due, "two are to complete as given up");
    assert_eq!(world.timers().len(), MANY as usize - 4);
    let open = world.open(id, usize::MAX);
    let abandoned: Vec<u32> = open
        .iter()
        .filter(|(_, open)| open.abandoned)
        .map(|(number, _)| number.0)
        .collect();
    assert_eq!(abandoned, [MANY + 1, 2 * MANY - 2]);
    assert_eq!(open.len(), MANY as usize - 2);
    for webhook in [0, 1, MANY - 2, MANY - 1] {
        let accepted = run(world
            .store
            .accept(request(&world, id, webhook), Box::new(|_| None)));
        assert!(matches!(accepted.unwrap(), Accepted::Queued { .. }));
    }
    assert_eq!(world.state(id).ready, 2, "nobody waits for those requests");
}

fn an_end_leaves_nothing_of_them_and_removal_nothing_at_all(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world);
    for webhook in [0, 1, MANY - 1] {
        world.send(request(&world, id, webhook)).unwrap();
    }
    let completed = delivered(&world, id, 0);
    world
        .commit(id, 1, last_activation(world.now(), Some(completed)))
        .unwrap();
    assert_eq!(world.state(id).untaken, 2);
    assert_eq!(open(&world, id), [0_u32; 0]);
    assert_eq!(world.due(), []);
    assert_eq!(world.timers().len(), MANY as usize - 8, "they wake nobody");
    assert!(run(world.store.retire()).is_ok());
    assert_eq!(world.timers(), []);
    assert_eq!(world.keys("open"), [""; 0]);
    let bytes = || run(world.store.inbox_bytes()).unwrap();
    assert!(bytes() > 0);
    world.at(1_000 + RETENTION);
    world.retire();
    assert_eq!(bytes(), 0);
    assert!(world.view(id).is_none());
}

/// No transaction grows with what a run has open.
fn open_operations_of_a_deleted_run_are_removed_in_pieces(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let kinds = (0..1_000).map(|_| Kind::Sleep { duration: 5_000 });
    world
        .commit_whole(id, 0, activation(world.now(), None, kinds.collect()))
        .unwrap();
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    let mut pieces = 0;
    while run(world.store.delete_run(id)).unwrap() == Deleted::InPart {
        pieces += 1;
        assert!(world.view(id).is_some());
    }
    assert!(pieces > 0);
    assert!(world.view(id).is_none());
    assert_eq!(world.timers(), []);
    world.retire();
    assert_eq!(world.keys("open"), [""; 0]);
}

/// What is large would be written with every change of the run, and with those of its neighbours.
fn a_large_open_operation_is_in_its_own_table(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let kinds = vec![create(0), wait_for(0), create(1), wait_for(1)];
    let mut first = activation(world.now(), None, kinds);
    for operation in &mut first.activation.operations[..2] {
        operation.step = "long ".repeat(1_000);
    }
    world.commit(id, 0, first).unwrap();
    assert_eq!(open(&world, id), [1, 3]);
    world.send(request(&world, id, 0)).unwrap();
    assert_eq!(world.due(), [id]);
    let webhooks = world.webhooks(id, usize::MAX).unwrap();
    assert_eq!(webhooks[0].webhook.step, "long ".repeat(1_000));
    assert_eq!(webhooks[0].webhook.queued, 1);
    assert_eq!(webhooks[1].webhook.queued, 0);
}

/// Counts the reads that are passed to another thread.
#[derive(Default)]
struct CountedReads(AtomicUsize);

impl Spawner for CountedReads {
    fn spawn(&self, task: Task) {
        Inline.spawn(task);
    }

    fn spawn_blocking(&self, task: Task) {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inline.spawn_blocking(task);
    }
}

/// A read of thousands of rows takes tens of milliseconds. On the thread of a run, it would stop other runs for as long.
#[test]
fn a_run_with_many_open_operations_is_read_on_another_thread() {
    let world = World::new(StoreKind::Redb);
    let Opened::Redb(store) = &world.opened else {
        panic!("it is in redb");
    };
    let counted = Arc::new(CountedReads::default());
    let reader = store.reader_on(counted.clone());
    let elsewhere = || counted.0.load(Ordering::Relaxed);

    let few = waiting(&world);
    let read = run(reader.run_to_continue(few)).unwrap().unwrap();
    assert_eq!((read.open.len(), elsewhere()), (MANY as usize, 0));

    let many = world.start();
    let kinds = (0..15 * MANY).map(create);
    let kinds = kinds.chain((0..15 * MANY).map(wait_for)).collect();
    world
        .commit(many, 0, activation(world.now(), None, kinds))
        .unwrap();
    let read = run(reader.run_to_continue(many)).unwrap().unwrap();
    assert_eq!((read.open.len(), elsewhere()), (15 * MANY as usize, 1));
    let channels = |count| (0..count).map(|n| Channel::Webhook(WebhookNumber(n)));
    run(reader.heads(many, channels(MANY).collect())).unwrap();
    assert_eq!(elsewhere(), 1);
    run(reader.heads(many, channels(15 * MANY).collect())).unwrap();
    assert_eq!(elsewhere(), 2);
}
