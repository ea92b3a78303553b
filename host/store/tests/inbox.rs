//! Requests: accepted, ordered, repeated, refused, taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod support;

use dormouse_journal::{Channel, Kind, OperationNumber, Outcome, Source};
use dormouse_store::{Accepted, DeliveryKey, DeliveryKeyKind, Refused};
use support::{HOOK, World, last_step, run, step, wait};

fn arrival(place: u64) -> Source {
    Source::Arrival {
        channel: Channel::Webhook(HOOK),
        place,
    }
}

fn key(kind: DeliveryKeyKind) -> Option<DeliveryKey> {
    Some(DeliveryKey {
        kind,
        value: "k".into(),
    })
}

#[test]
fn an_early_request_is_kept_and_makes_nobody_due() {
    let world = World::new();
    let id = world.run_with(vec![Kind::Sleep { duration: 10 }]);
    assert_eq!(world.accept(id, "a"), Accepted::Queued { wake: false });
    assert_eq!(world.due(), []);
    let head = world
        .store
        .read()
        .unwrap()
        .head(id, &Channel::Webhook(HOOK), 0)
        .unwrap()
        .unwrap();
    assert_eq!(head.place, 0);
}

#[test]
fn a_request_that_somebody_waits_for_makes_the_run_due_until_it_is_taken() {
    let world = World::new();
    let id = world.run_with(vec![wait(None)]);
    assert_eq!(world.accept(id, "a"), Accepted::Queued { wake: true });
    assert_eq!(world.due(), [id]);
    world
        .commit(
            id,
            1,
            step(
                world.now(),
                Some((1, Outcome::Delivery(None), arrival(0))),
                vec![],
            ),
        )
        .unwrap();
    assert_eq!(world.due(), []);
    assert_eq!(world.state(id).ready, 0);
}

#[test]
fn a_wait_made_over_a_full_inbox_makes_the_run_due() {
    let world = World::new();
    let id = world.run_with(vec![Kind::Sleep { duration: 10 }]);
    world.accept(id, "a");
    let slept = Some((1, Outcome::Slept, Source::Deadline));
    world
        .commit(id, 1, step(world.now(), slept, vec![wait(None)]))
        .unwrap();
    assert_eq!(
        world.due(),
        [id],
        "a crash right now must not lose the delivery"
    );
}

#[test]
fn requests_keep_their_order() {
    let world = World::new();
    let id = world.run_with(vec![wait(None)]);
    for body in ["a", "b", "c"] {
        world.accept(id, body);
    }
    let snapshot = world.store.read().unwrap();
    for (place, body) in [(0, "a"), (1, "b"), (2, "c")] {
        let Some(Outcome::Delivery(Some(delivery))) = snapshot
            .arrival(id, &Channel::Webhook(HOOK), place)
            .unwrap()
        else {
            panic!("nothing at {place}");
        };
        assert_eq!(delivery.request.body, body);
    }
}

#[test]
fn a_repeat_gets_the_first_id_from_a_full_inbox_and_after_the_end() {
    let world = World::new();
    let id = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.key = key(DeliveryKeyKind::IdempotencyKey);
    run(world.store.accept(keyed.clone())).unwrap();
    world.accept(id, "b");
    world.accept(id, "c");
    assert_eq!(world.accept(id, "d"), Accepted::InboxFull);
    keyed.id = "another".into();
    let duplicate = Accepted::Duplicate("request a".into());
    assert_eq!(run(world.store.accept(keyed.clone())).unwrap(), duplicate);
    world
        .commit(
            id,
            1,
            last_step(world.now(), Some((1, Outcome::Delivery(None), arrival(0)))),
        )
        .unwrap();
    assert_eq!(run(world.store.accept(keyed)).unwrap(), duplicate);
    assert_eq!(world.accept(id, "e"), Accepted::Ended);
    assert_eq!(world.state(id).untaken, 2, "what nobody took is counted");
}

#[test]
fn the_same_key_with_another_body_is_an_error_or_another_request() {
    let world = World::new();
    let id = world.run_with(vec![wait(None)]);
    for (kind, expected) in [
        (DeliveryKeyKind::IdempotencyKey, Accepted::OtherBody),
        (DeliveryKeyKind::WebhookId, Accepted::Queued { wake: true }),
    ] {
        let mut first = world.request(id, "a");
        first.key = key(kind);
        run(world.store.accept(first)).unwrap();
        let mut second = world.request(id, "b");
        second.key = key(kind);
        assert_eq!(run(world.store.accept(second)).unwrap(), expected);
    }
}

#[test]
fn a_key_is_forgotten_when_its_time_is_over() {
    let world = World::new();
    let id = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.key = key(DeliveryKeyKind::IdempotencyKey);
    run(world.store.accept(keyed.clone())).unwrap();
    world.at(1_000 + keyed.remember - 1);
    run(world.store.retire()).unwrap();
    assert!(matches!(
        run(world.store.accept(keyed.clone())).unwrap(),
        Accepted::Duplicate(_)
    ));
    world.at(1_000 + keyed.remember);
    run(world.store.retire()).unwrap();
    assert_eq!(
        run(world.store.accept(keyed)).unwrap(),
        Accepted::Queued { wake: true }
    );
}

#[test]
fn an_inbox_is_bounded_by_bytes_as_well() {
    let world = World::new();
    let id = world.run_with(vec![wait(None)]);
    assert_eq!(
        world.accept(id, &"x".repeat(900)),
        Accepted::Queued { wake: true }
    );
    assert_eq!(world.accept(id, &"x".repeat(900)), Accepted::InboxFull);
    assert_eq!(world.accept(id, "small"), Accepted::Queued { wake: true });
}

#[test]
fn a_closed_webhook_takes_nothing_and_keeps_what_it_has() {
    let world = World::new();
    let id = world.run_with(vec![Kind::Sleep { duration: 10 }]);
    world.accept(id, "a");
    let slept = Some((1, Outcome::Slept, Source::Deadline));
    world
        .commit(
            id,
            1,
            step(
                world.now(),
                slept,
                vec![Kind::CloseWebhook { webhook: HOOK }, wait(None)],
            ),
        )
        .unwrap();
    assert_eq!(world.accept(id, "b"), Accepted::Closed);
    assert_eq!(world.due(), [id], "what is queued can still be waited for");
}

#[test]
fn a_timeout_is_refused_while_a_request_from_before_it_lies_there() {
    let world = World::new();
    let id = world.run_with(vec![wait(Some(50))]);
    world.at(1_049);
    world.accept(id, "in time");
    world.at(1_060);
    let timed_out = || {
        step(
            world.now(),
            Some((1, Outcome::Delivery(None), Source::Deadline)),
            vec![],
        )
    };
    assert_eq!(world.commit(id, 1, timed_out()), Err(Refused::Stale));
    assert_eq!(world.state(id).activations, 1, "nothing of it was written");
}

#[test]
fn a_request_from_after_the_deadline_does_not_hold_up_the_timeout() {
    let world = World::new();
    let id = world.run_with(vec![wait(Some(50))]);
    world.at(1_050);
    world.accept(id, "too late");
    let timed_out = step(
        world.now(),
        Some((1, Outcome::Delivery(None), Source::Deadline)),
        vec![wait(None)],
    );
    world.commit(id, 1, timed_out).unwrap();
    assert_eq!(world.due(), [id], "the next wait has it");
    assert_eq!(world.timers(), []);
}

#[test]
fn a_dropped_wait_leaves_its_request_in_its_place() {
    let world = World::new();
    let id = world.run_with(vec![wait(None), Kind::Sleep { duration: 5 }]);
    world.accept(id, "a");
    assert_eq!(world.due(), [id]);
    let dropped = Kind::Abandon {
        operations: vec![OperationNumber(1)],
        dropped: true,
    };
    let slept = Some((2, Outcome::Slept, Source::Deadline));
    world
        .commit(id, 1, step(world.now(), slept, vec![dropped]))
        .unwrap();
    assert_eq!(world.due(), [], "nobody waits for it");
    assert!(
        world
            .store
            .read()
            .unwrap()
            .head(id, &Channel::Webhook(HOOK), 0)
            .unwrap()
            .is_some()
    );
}
