//! Events: the waits that they reach, once each, also if there are many.

use crate::on_both_grounds;
use crate::support::{MAIL, RETENTION, StoreKind, World, activation, payload, run, wait_event};
use dormouse_journal::{
    CancelOptions, Channel, Kind, OperationNumber, Outcome, RunId, Source, Status,
};
use dormouse_store::{AimedNotified, CommitRefused, NewNotify, Notified, NotifyTarget};

on_both_grounds! {
    an_event_reaches_every_wait_made_before_and_none_after,
    an_event_does_not_reach_a_wait_whose_deadline_has_passed,
    many_waits_are_served_in_pieces_once_each,
    many_events_cost_one_pass,
    a_wait_made_meanwhile_is_left_to_the_next_event,
    a_large_event_is_written_once_for_all,
    an_event_passes_by_a_run_that_has_ended,
    events_of_one_activation_reach_their_own_waits,
    a_wait_does_not_time_out_while_its_event_is_under_way,
    an_event_aimed_at_a_run_is_kept_for_its_next_wait,
    an_event_sent_by_a_run_counts_whom_it_reaches_and_not_its_own_new_wait,
    a_notify_given_up_in_the_activation_that_made_it_is_sent_and_leaves_nothing_due,
    a_wait_reached_by_an_event_to_all_cannot_complete_with_one_aimed_at_its_run,
}

/// More than one batch.
const MANY: usize = 600;

fn notify(world: &World) -> Vec<RunId> {
    world.notify("e", payload("x"))
}

fn result(world: &World, id: RunId, operation: u32) -> Option<Outcome> {
    let channel = Channel::Result(OperationNumber(operation));
    world.arrival(id, channel, 0)
}

/// Returns a run that waits this many times at once.
fn waiting(world: &World, waits: usize, timeout: Option<u64>) -> RunId {
    world.run_with((0..waits).map(|_| wait_event(timeout)).collect())
}

fn an_event_reaches_every_wait_made_before_and_none_after(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let (first, second) = (waiting(&world, 1, None), waiting(&world, 1, None));
    assert_eq!(notify(&world), [first, second]);
    let late = waiting(&world, 1, None);
    assert_eq!(world.due(), [first, second]);
    assert_eq!(
        result(&world, first, 1),
        Some(Outcome::Event(Some(payload("x"))))
    );
    assert_eq!(result(&world, late, 1), None);
    assert_eq!(
        notify(&world),
        [late],
        "a wait that was reached is not reached again"
    );
}

fn an_event_does_not_reach_a_wait_whose_deadline_has_passed(store_kind: StoreKind) {
    let world = World::new(store_kind);
    waiting(&world, 1, Some(50));
    world.at(1_050);
    assert_eq!(notify(&world), []);
}

fn many_waits_are_served_in_pieces_once_each(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world, MANY, None);
    assert!(matches!(
        world.decide("e", payload("x")),
        Notified::Decided(_)
    ));
    // The waits that are spoken for are not for the next one.
    let Notified::Decided(second) = world.decide("e", payload("y")) else {
        panic!("there is no room for it");
    };
    assert_eq!(world.due(), [], "nobody is reached yet");
    let pieces = world.serve();
    assert!(pieces.len() >= MANY / 32, "{} pieces", pieces.len());
    for piece in &pieces {
        assert!(piece.reached.len() <= 32);
    }
    let reached: Vec<_> = pieces.iter().flat_map(|piece| &piece.reached).collect();
    assert_eq!(reached.len(), MANY);
    assert!(
        reached
            .iter()
            .all(|(sequence, run)| *sequence < second && *run == id)
    );
    let finished: Vec<_> = pieces.iter().flat_map(|piece| &piece.finished).collect();
    let waits: Vec<u32> = finished.iter().map(|finished| finished.waits).collect();
    assert_eq!(waits, [0, u32::try_from(MANY).unwrap()]);
    for wait in 1..=u32::try_from(MANY).unwrap() {
        let outcome = Some(Outcome::Event(Some(payload("x"))));
        assert_eq!(result(&world, id, wait), outcome);
    }
    assert_eq!(world.state(id).ready as usize, MANY);
    assert!(!run(world.store.is_broadcasting()).unwrap());
    assert_eq!(world.keys("broadcasts"), [""; 0]);
}

/// The waits of a name are gone through once for all events that were decided before.
fn many_events_cost_one_pass(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world, MANY, None);
    for _ in 0..100 {
        world.decide("e", payload("x"));
    }
    let pieces = world.serve();
    assert!(
        pieces.len() <= MANY / 32 + 100 / 32 + 3,
        "{} pieces",
        pieces.len()
    );
    let finished = pieces.iter().map(|piece| piece.finished.len());
    assert_eq!(finished.sum::<usize>(), 100);
    assert_eq!(world.state(id).ready as usize, MANY);
    assert!(world.store.commits().rows_max <= 4_096);
}

/// A wait that is made while an event is on its way is not reached by it, and by the next one all the same.
fn a_wait_made_meanwhile_is_left_to_the_next_event(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let first = waiting(&world, 40, None);
    world.decide("e", payload("x"));
    run(world.store.serve_events(None)).unwrap();
    let late = waiting(&world, 1, None);
    world.decide("e", payload("y"));
    world.serve();
    for wait in 1..=40 {
        let outcome = Some(Outcome::Event(Some(payload("x"))));
        assert_eq!(result(&world, first, wait), outcome);
    }
    let outcome = Some(Outcome::Event(Some(payload("y"))));
    assert_eq!(result(&world, late, 1), outcome);
}

/// A large payload is written once, read by each wait, and gone with the last of them.
fn a_large_event_is_written_once_for_all(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let large = payload(&"x".repeat(100_000));
    let id = waiting(&world, 50, None);
    let other = waiting(&world, 1, None);
    assert_eq!(world.notify("e", large.clone()).len(), 51);
    assert!(world.store.commits().bytes_max < 200_000);
    assert_eq!(world.keys("event_payloads").len(), 1);
    assert_eq!(world.keys("result_outcomes"), [""; 0]);
    let before = world.state(id).storage_bytes;
    assert!(before < 50 * 1_000, "{before}");
    for (number, wait) in (1..).zip(1..=50) {
        let outcome = result(&world, id, wait).unwrap();
        assert_eq!(outcome, Outcome::Event(Some(large.clone())));
        let channel = Channel::Result(OperationNumber(wait));
        let source = Source::Arrival { channel, place: 0 };
        let taken = activation(world.now(), Some((wait, outcome, source)), vec![]);
        world.commit(id, number, taken).unwrap();
    }
    assert_eq!(world.keys("event_payloads").len(), 1);
    run(world.store.cancel(other, CancelOptions::default(), 0)).unwrap();
    assert_eq!(world.keys("event_payloads"), [""; 0]);
    assert_eq!(world.keys("broadcasts"), [""; 0]);
}

/// A run that has ended is passed by, although what it had open is not cleared yet.
fn an_event_passes_by_a_run_that_has_ended(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let ended = waiting(&world, 100, None);
    let other = waiting(&world, 1, None);
    run(world
        .store
        .cancel(ended, CancelOptions::default(), RETENTION))
    .unwrap();
    assert_eq!(world.keys("event_waits").len(), 100 - 8 + 1);
    assert_eq!(notify(&world), [other]);
    assert_eq!(world.state(ended).ready, 0);
    assert_eq!(world.due(), [other]);
    world.retire();
    for table in ["event_waits", "open", "results"] {
        let left = world.keys(table).len();
        assert_eq!(left, usize::from(table == "results"), "{table}");
    }
}

fn a_wait_does_not_time_out_while_its_event_is_under_way(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = waiting(&world, MANY, Some(50));
    world.decide("e", payload("x"));
    world.at(1_060);
    let last = u32::try_from(MANY).unwrap();
    let timed_out = || {
        activation(
            world.now(),
            Some((last, Outcome::Event(None), Source::Deadline)),
            vec![],
        )
    };
    assert_eq!(
        world.commit(id, 1, timed_out()),
        Err(CommitRefused::EventUnderway)
    );
    world.serve();
    assert_eq!(world.commit(id, 1, timed_out()), Err(CommitRefused::Stale));
    assert!(result(&world, id, last).is_some());
}

fn an_event_aimed_at_a_run_is_kept_for_its_next_wait(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![Kind::Sleep { duration: 5 }]);
    let aimed = |text| run(world.store.notify_run(id, "e".into(), payload(text), MAIL)).unwrap();
    assert_eq!(aimed("a"), AimedNotified::Queued);
    assert_eq!(world.due(), []);
    let slept = Some((1, Outcome::Slept, Source::Deadline));
    world
        .commit(
            id,
            1,
            activation(world.now(), slept, vec![wait_event(None)]),
        )
        .unwrap();
    assert_eq!(world.due(), [id]);
    assert_eq!(
        (aimed("b"), aimed("c"), aimed("d")),
        (
            AimedNotified::Queued,
            AimedNotified::Queued,
            AimedNotified::Full
        )
    );
    assert_eq!(
        run(world
            .store
            .notify_run(RunId([99; 16]), "e".into(), payload("x"), MAIL))
        .unwrap(),
        AimedNotified::Unknown
    );
    run(world.store.cancel(id, CancelOptions::default(), 1)).unwrap();
    assert_eq!(aimed("e"), AimedNotified::Ended);
}

fn an_event_sent_by_a_run_counts_whom_it_reaches_and_not_its_own_new_wait(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let other = waiting(&world, 2, None);
    let id = world.start();
    let kinds = vec![
        wait_event(None),
        Kind::Notify {
            event: "e".into(),
            run: None,
        },
    ];
    let mut sending = activation(world.now(), None, kinds);
    let (event, payload) = ("e".into(), payload("x"));
    let to = NotifyTarget::Everyone;
    sending.notifies.push(NewNotify {
        operation: OperationNumber(1),
        event,
        to,
        payload,
    });
    let activated = world.commit(id, 0, sending).unwrap();
    assert!(activated.broadcasting);
    assert_eq!(activated.status, Status::Running, "the host works for it");
    assert_eq!(result(&world, id, 1), None);
    let pieces = world.serve();
    let [piece] = pieces.as_slice() else {
        panic!("{pieces:?}");
    };
    assert_eq!(
        piece
            .reached
            .iter()
            .map(|(_, run)| *run)
            .collect::<Vec<_>>(),
        [other, other]
    );
    assert_eq!(piece.finished[0].told, Some(id));
    assert_eq!(result(&world, id, 1), Some(Outcome::Notified(2)));
    assert_eq!(result(&world, id, 0), None);
    // Told, it waits for the event alone.
    let outcome = Outcome::Notified(2);
    let channel = Channel::Result(OperationNumber(1));
    let source = Source::Arrival { channel, place: 0 };
    let taken = activation(world.now(), Some((1, outcome, source)), vec![]);
    assert_eq!(
        world.commit(id, 1, taken).unwrap().status,
        Status::Suspended
    );
}

/// Each of several events of one activation is decided for itself.
fn events_of_one_activation_reach_their_own_waits(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let waits = ["e", "f"].map(|event| Kind::WaitForEvent {
        event: event.into(),
        timeout: None,
    });
    let other = world.run_with(waits.to_vec());
    let id = world.start();
    let mut sending = activation(world.now(), None, Vec::new());
    for (operation, event) in (0..).zip(["e", "f", "e"]) {
        let kind = Kind::Notify {
            event: event.into(),
            run: None,
        };
        sending
            .activation
            .operations
            .push(crate::support::operation(kind));
        sending.notifies.push(NewNotify {
            operation: OperationNumber(operation),
            event: event.into(),
            to: NotifyTarget::Everyone,
            payload: payload(&format!("{event}{operation}")),
        });
    }
    world.commit(id, 0, sending).unwrap();
    world.serve();
    let told = (0..3).map(|operation| result(&world, id, operation));
    let expected = [1, 1, 0].map(|reached| Some(Outcome::Notified(reached)));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    for (wait, text) in [(1, "e0"), (2, "f1")] {
        let outcome = Some(Outcome::Event(Some(payload(text))));
        assert_eq!(result(&world, other, wait), outcome);
    }
}

fn a_notify_given_up_in_the_activation_that_made_it_is_sent_and_leaves_nothing_due(
    store_kind: StoreKind,
) {
    for dropped in [false, true] {
        let world = World::new(store_kind);
        let other = waiting(&world, 1, None);
        let id = world.start();
        let kinds = vec![
            Kind::Notify {
                event: "e".into(),
                run: None,
            },
            Kind::Abandon {
                operations: vec![OperationNumber(0)],
                dropped,
            },
            wait_event(None),
        ];
        let mut sending = activation(world.now(), None, kinds);
        sending.notifies.push(NewNotify {
            operation: OperationNumber(0),
            event: "e".into(),
            to: NotifyTarget::Everyone,
            payload: payload("x"),
        });
        let activated = world.commit(id, 0, sending).unwrap();
        assert_eq!(
            activated.status,
            Status::Suspended,
            "nobody waits to hear of it"
        );
        let pieces = world.serve();
        assert_eq!(pieces[0].reached.len(), 1);
        assert_eq!(pieces[0].finished[0].told, None);
        assert_eq!(world.due().contains(&id), !dropped);
        assert!(world.due().contains(&other));
        assert_eq!(result(&world, id, 0), None);
        // One that was given up, rather than dropped, still has to be told so.
        assert_eq!(world.state(id).ready, u32::from(!dropped));
    }
}

fn a_wait_reached_by_an_event_to_all_cannot_complete_with_one_aimed_at_its_run(
    store_kind: StoreKind,
) {
    for (waits, refused) in [
        (1, CommitRefused::Stale),
        (MANY, CommitRefused::EventUnderway),
    ] {
        let world = World::new(store_kind);
        let id = waiting(&world, waits, None);
        let aimed = run(world.store.notify_run(id, "e".into(), payload("a"), MAIL)).unwrap();
        assert_eq!(aimed, AimedNotified::Queued);
        world.decide("e", payload("x"));
        if waits == 1 {
            world.serve();
        }
        let source = Source::Arrival {
            channel: Channel::Event("e".into()),
            place: 1 << 32,
        };
        let outcome = Outcome::Event(Some(payload("a")));
        let taken = activation(world.now(), Some((1, outcome, source)), vec![]);
        assert_eq!(world.commit(id, 1, taken), Err(refused));
    }
}
