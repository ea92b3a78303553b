//! Events: whom they reach, once each, also when there are many.

use crate::on_both_grounds;
use crate::support::{Ground, MAIL, World, activation, payload, run, wait_event};
use dormouse_journal::{Channel, Kind, OperationNumber, Outcome, RunId, Source};
use dormouse_store::{AimedNotified, CommitRefused, NewNotify, NotifyTarget};

on_both_grounds! {
    an_event_reaches_every_wait_made_before_and_none_after,
    an_event_does_not_reach_a_wait_whose_deadline_has_passed,
    many_waits_are_served_in_batches_once_each,
    a_wait_does_not_time_out_while_its_event_is_under_way,
    an_event_aimed_at_a_run_is_kept_for_its_next_wait,
    an_event_sent_by_a_run_counts_whom_it_reaches_and_not_its_own_new_wait,
    a_notify_given_up_in_the_activation_that_made_it_is_sent_and_leaves_nothing_due,
    a_wait_reached_by_an_event_to_all_cannot_complete_with_one_aimed_at_its_run,
}

/// More than one batch.
const MANY: usize = 600;

fn notify(world: &World) -> dormouse_store::Notified {
    run(world.store.notify("e".into(), payload("x"))).unwrap()
}

fn result(world: &World, id: RunId, operation: u32) -> Option<Outcome> {
    let channel = Channel::Result(OperationNumber(operation));
    world.arrival(id, channel, 0)
}

/// A run that waits so many times at once.
fn waiting(world: &World, waits: usize, timeout: Option<u64>) -> RunId {
    world.run_with((0..waits).map(|_| wait_event(timeout)).collect())
}

fn an_event_reaches_every_wait_made_before_and_none_after(ground: Ground) {
    let world = World::new(ground);
    let (first, second) = (waiting(&world, 1, None), waiting(&world, 1, None));
    let notified = notify(&world);
    assert_eq!(notified.runs, [first, second]);
    assert!(!notified.broadcasting);
    let late = waiting(&world, 1, None);
    assert_eq!(world.due(), [first, second]);
    assert_eq!(
        result(&world, first, 1),
        Some(Outcome::Event(Some(payload("x"))))
    );
    assert_eq!(result(&world, late, 1), None);
    assert_eq!(
        notify(&world).runs,
        [late],
        "a wait that was reached is not reached again"
    );
}

fn an_event_does_not_reach_a_wait_whose_deadline_has_passed(ground: Ground) {
    let world = World::new(ground);
    waiting(&world, 1, Some(50));
    world.at(1_050);
    assert_eq!(notify(&world).runs, []);
}

fn many_waits_are_served_in_batches_once_each(ground: Ground) {
    let world = World::new(ground);
    let id = waiting(&world, MANY, None);
    let notified = notify(&world);
    assert_eq!((notified.runs, notified.broadcasting), (vec![id], true));
    // The waits that are spoken for are not counted for the next one.
    assert_eq!(notify(&world).runs, []);
    let mut batches = 0;
    while run(world.store.serve_events()).unwrap().more {
        batches += 1;
        assert!(batches < 10, "it does not come to an end");
    }
    let reached = (1..=u32::try_from(MANY).unwrap())
        .filter(|wait| result(&world, id, *wait).is_some())
        .count();
    assert_eq!(reached, MANY);
    assert_eq!(world.state(id).ready as usize, MANY);
    assert!(!run(world.store.is_broadcasting()).unwrap());
}

fn a_wait_does_not_time_out_while_its_event_is_under_way(ground: Ground) {
    let world = World::new(ground);
    let id = waiting(&world, MANY, Some(50));
    notify(&world);
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
    while run(world.store.serve_events()).unwrap().more {}
    assert_eq!(world.commit(id, 1, timed_out()), Err(CommitRefused::Stale));
    assert!(result(&world, id, last).is_some());
}

fn an_event_aimed_at_a_run_is_kept_for_its_next_wait(ground: Ground) {
    let world = World::new(ground);
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
    run(world.store.cancel(id, 1)).unwrap();
    assert_eq!(aimed("e"), AimedNotified::Ended);
}

fn an_event_sent_by_a_run_counts_whom_it_reaches_and_not_its_own_new_wait(ground: Ground) {
    let world = World::new(ground);
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
    assert_eq!(activated.woken, [other, other]);
    assert_eq!(result(&world, id, 1), Some(Outcome::Notified(2)));
    assert_eq!(result(&world, id, 0), None);
}

fn a_notify_given_up_in_the_activation_that_made_it_is_sent_and_leaves_nothing_due(ground: Ground) {
    for dropped in [false, true] {
        let world = World::new(ground);
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
        assert_eq!(world.commit(id, 0, sending).unwrap().woken, [other]);
        assert_eq!(result(&world, id, 0), None);
        // One that was given up, rather than dropped, still has to be told so.
        assert_eq!(world.state(id).ready, u32::from(!dropped));
    }
}

fn a_wait_reached_by_an_event_to_all_cannot_complete_with_one_aimed_at_its_run(ground: Ground) {
    for (waits, refused) in [
        (1, CommitRefused::Stale),
        (MANY, CommitRefused::EventUnderway),
    ] {
        let world = World::new(ground);
        let id = waiting(&world, waits, None);
        let aimed = run(world.store.notify_run(id, "e".into(), payload("a"), MAIL)).unwrap();
        assert_eq!(aimed, AimedNotified::Queued);
        notify(&world);
        let source = Source::Arrival {
            channel: Channel::Event("e".into()),
            place: 0,
        };
        let outcome = Outcome::Event(Some(payload("a")));
        let taken = activation(world.now(), Some((1, outcome, source)), vec![]);
        assert_eq!(world.commit(id, 1, taken), Err(refused));
    }
}
