//! Consequences of a write that is not durable yet: they become durable by the same sync, or not at
//! all.

use std::sync::{Arc, mpsc};
use std::thread;

use crate::on_both_grounds;
use crate::support::{
    HOOK, MAIL, Machine, RETENTION, StoreKind, World, activation, last_activation, run, wait,
};
use dormouse_journal::{Channel, Delivery, Outcome, RunId, Source, Status};
use dormouse_seams::{Spawner, Task};
use dormouse_store::{Accepted, Activated, CommitRefused, Hold, NewActivation, Started, Written};

on_both_grounds! {
    a_request_and_what_its_run_does_with_it_take_one_sync,
    a_start_and_the_first_activation_take_one_sync,
    a_slow_run_does_not_delay_the_other_writes,
    if_many_requests_come_together_no_group_is_held,
    the_activation_of_a_request_that_was_not_stored_is_refused,
}

/// Each task on a thread of its own, so that the writer waits while the test writes.
struct Threads;

impl Spawner for Threads {
    fn spawn(&self, task: Task) {
        thread::spawn(move || pollster::block_on(task));
    }

    fn spawn_blocking(&self, task: Task) {
        thread::spawn(move || pollster::block_on(task));
    }
}

fn world(store_kind: StoreKind) -> World {
    World::on(Machine::new(store_kind), Arc::new(Threads))
}

/// What a run does with a request, and the group that waits for it, if it does.
type Told = (NewActivation, Option<Hold>);

/// Sends a request, and gives what the owner of its run is told of it.
fn send(world: &World, id: RunId, body: &str) -> (Written<Accepted>, mpsc::Receiver<Told>) {
    let accept = world.request(id, body);
    let (tell, told) = mpsc::channel();
    let (delivery, request) = (accept.id.clone(), accept.request.clone());
    let accepted = world.store.accept(
        accept,
        Box::new(move |accepted| {
            let Accepted::Queued { place, time, .. } = *accepted else {
                panic!("{accepted:?}");
            };
            let delivery = Delivery {
                id: delivery,
                accepted: time,
                request,
            };
            let source = Source::Arrival {
                channel: Channel::Webhook(HOOK),
                place,
            };
            let outcome = Outcome::Delivery(Some(delivery));
            let taken = activation(time, Some((1, outcome, source)), vec![wait(None)]);
            Some(Box::new(move |hold| tell.send((taken, hold)).unwrap()))
        }),
    );
    (accepted, told)
}

fn activate(
    world: &World,
    id: RunId,
    new: NewActivation,
) -> Written<Result<Activated, CommitRefused>> {
    world.store.activate(id, 1, new, RETENTION, MAIL)
}

fn a_request_and_what_its_run_does_with_it_take_one_sync(store_kind: StoreKind) {
    let world = world(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let before = world.syncs();
    let (accepted, told) = send(&world, id, "a");
    let (taken, hold) = told.recv().unwrap();
    let activated = activate(&world, id, taken);
    drop(hold);
    run(activated).unwrap().unwrap();
    run(accepted).unwrap();
    assert_eq!(world.syncs() - before, 1);
    assert_eq!(world.state(id).activations, 2);
    assert_eq!(world.due(), []);
}

fn a_start_and_the_first_activation_take_one_sync(store_kind: StoreKind) {
    let world = world(store_kind);
    // The file has grown to its size, which takes a sync of its own.
    world.run_with(vec![wait(None)]);
    let before = world.syncs();
    let start = world.new_start();
    let id = start.run;
    let (tell, told) = mpsc::channel();
    let started = world.store.start_run(
        start,
        Box::new(move |started| {
            assert!(matches!(started, Started::New { .. }), "{started:?}");
            Some(Box::new(move |hold| tell.send(hold).unwrap()))
        }),
    );
    let hold = told.recv().unwrap();
    let ended = last_activation(world.now(), None);
    let activated = world.store.activate(id, 0, ended, RETENTION, MAIL);
    drop(hold);
    run(activated).unwrap().unwrap();
    run(started).unwrap();
    assert_eq!(world.syncs() - before, 1);
    assert_eq!(world.state(id).status, Status::Completed);
}

fn a_slow_run_does_not_delay_the_other_writes(store_kind: StoreKind) {
    let world = world(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let (accepted, told) = send(&world, id, "a");
    let (taken, hold) = told.recv().unwrap();
    world.at(2_000);
    run(accepted).unwrap();
    assert_eq!(world.due(), [id], "it is durable by itself");
    run(activate(&world, id, taken)).unwrap().unwrap();
    drop(hold);
    assert_eq!(world.due(), []);
}

fn if_many_requests_come_together_no_group_is_held(store_kind: StoreKind) {
    let world = world(store_kind);
    let runs: Vec<_> = (0..6).map(|_| world.run_with(vec![wait(None)])).collect();
    let before = world.syncs();
    // They gather while the writer waits for what follows from the first.
    let (first, told) = send(&world, runs[0], "a");
    let (_, hold) = told.recv().unwrap();
    let others: Vec<_> = runs[1..].iter().map(|id| send(&world, *id, "a")).collect();
    drop(hold);
    run(first).unwrap();
    for (accepted, told) in others {
        let (_, hold) = told.recv().unwrap();
        assert!(hold.is_none());
        run(accepted).unwrap();
    }
    assert_eq!(world.syncs() - before, 2);
}

fn the_activation_of_a_request_that_was_not_stored_is_refused(store_kind: StoreKind) {
    let world = world(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let (accepted, told) = send(&world, id, "a");
    let (taken, hold) = told.recv().unwrap();
    world.machine.fill_once();
    drop(hold);
    assert!(matches!(
        run(accepted),
        Err(dormouse_store::WriteError::Full)
    ));
    // Another request lies in its place when the activation comes.
    world.accept(id, "b");
    let refused = run(activate(&world, id, taken)).unwrap();
    assert_eq!(refused, Err(CommitRefused::Stale));
    assert_eq!(world.state(id).activations, 1);
    assert_eq!(world.due(), [id]);
}
