//! Requests: accepted, ordered, repeated, refused, taken.

use crate::on_both_grounds;
use crate::support::storage::check_storage;
use crate::support::{HOOK, StoreKind, World, activation, last_activation, queued, run, wait};
use dormouse_journal::{
    Channel, Kind, OperationNumber, Outcome, Reply, Response, RunId, Source, WebhookNumber,
    WebhookOptions,
};
use dormouse_store::{
    Accept, Accepted, Answer, CommitRefused, Forget, Forgot, NewResponse, OtherBody, RememberedAt,
    RememberedKey, RequestRefused,
};

on_both_grounds! {
    an_early_request_is_kept_and_makes_nobody_due,
    a_request_that_somebody_waits_for_makes_the_run_due_until_it_is_taken,
    a_wait_made_over_a_full_inbox_makes_the_run_due,
    requests_keep_their_order,
    a_repeat_gets_the_first_id_from_a_full_inbox_and_after_the_end,
    a_key_that_was_remembered_in_quotation_marks_is_known,
    the_same_key_with_another_body_is_an_error_or_another_request,
    a_key_is_forgotten_when_its_time_is_over,
    a_request_that_was_forgotten_by_hand_is_a_new_one_for_as_long_as_any,
    an_inbox_is_bounded_by_bytes_as_well,
    a_closed_webhook_takes_nothing_and_keeps_what_it_has,
    a_timeout_is_refused_while_an_earlier_request_is_in_the_inbox,
    a_request_from_after_the_deadline_does_not_hold_up_the_timeout,
    a_dropped_wait_leaves_its_request_in_its_place,
    a_wait_that_was_given_up_and_then_dropped_counts_once,
    all_inboxes_together_are_bounded_and_what_is_taken_or_removed_counts_no_more,
    a_repeat_is_answered_without_a_write_also_after_the_end,
    an_answer_is_kept_with_the_key_of_its_request_and_goes_with_it,
}

fn arrival(place: u64) -> Source {
    Source::Arrival {
        channel: Channel::Webhook(HOOK),
        place,
    }
}

/// Returns a key of this digest for a request with this body, of which the store knows a digest only.
fn key(digest: u8, other_body: OtherBody, body: &str) -> Option<RememberedKey> {
    Some(RememberedKey {
        digest: [digest; 32],
        earlier: Some([digest + 100; 32]),
        body: [body.as_bytes()[0]; 32],
        other_body,
    })
}

fn an_early_request_is_kept_and_makes_nobody_due(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![Kind::Sleep { duration: 10 }]);
    assert_eq!(world.accept(id, "a"), queued(false, 0));
    assert_eq!(world.due(), []);
    let head = world.head(id, &Channel::Webhook(HOOK)).unwrap();
    assert_eq!(head.place, 0);
}

fn a_request_that_somebody_waits_for_makes_the_run_due_until_it_is_taken(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    assert_eq!(world.accept(id, "a"), queued(true, 0));
    assert_eq!(world.due(), [id]);
    world
        .commit(
            id,
            1,
            activation(
                world.now(),
                Some((1, world.delivery(id, 0), arrival(0))),
                vec![],
            ),
        )
        .unwrap();
    assert_eq!(world.due(), []);
    assert_eq!(world.state(id).ready, 0);
}

fn a_wait_made_over_a_full_inbox_makes_the_run_due(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![Kind::Sleep { duration: 10 }]);
    world.accept(id, "a");
    let slept = Some((1, Outcome::Slept, Source::Deadline));
    world
        .commit(id, 1, activation(world.now(), slept, vec![wait(None)]))
        .unwrap();
    assert_eq!(
        world.due(),
        [id],
        "a crash right now must not lose the delivery"
    );
}

fn requests_keep_their_order(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    for body in ["a", "b", "c"] {
        world.accept(id, body);
    }
    for (place, body) in [(0, "a"), (1, "b"), (2, "c")] {
        let Some(Outcome::Delivery(Some(delivery))) =
            world.arrival(id, Channel::Webhook(HOOK), place)
        else {
            panic!("nothing at {place}");
        };
        assert_eq!(delivery.request.body, body);
    }
}

fn a_repeat_gets_the_first_id_from_a_full_inbox_and_after_the_end(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.key = key(1, OtherBody::Refuse, "a");
    world.send(keyed.clone()).unwrap();
    world.accept(id, "b");
    world.accept(id, "c");
    assert_eq!(
        world.accept(id, "d"),
        Accepted::Refused(RequestRefused::InboxFull)
    );
    keyed.id = "another".into();
    let duplicate = Accepted::Duplicate {
        id: "request a".into(),
        place: 0,
    };
    assert_eq!(world.send(keyed.clone()).unwrap(), duplicate);
    world
        .commit(
            id,
            1,
            last_activation(world.now(), Some((1, world.delivery(id, 0), arrival(0)))),
        )
        .unwrap();
    assert_eq!(world.send(keyed).unwrap(), duplicate);
    assert_eq!(
        world.accept(id, "e"),
        Accepted::Refused(RequestRefused::Ended)
    );
    assert_eq!(world.state(id).untaken, 2, "what nobody took is counted");
}

fn a_key_that_was_remembered_in_quotation_marks_is_known(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    // As the host of before remembered it.
    keyed.key = key(101, OtherBody::Refuse, "a");
    world.send(keyed.clone()).unwrap();
    let first = keyed.id;
    let mut repeat = world.request(id, "a");
    repeat.id = "another".into();
    repeat.key = key(1, OtherBody::Refuse, "a");
    let duplicate = Accepted::Duplicate {
        id: first,
        place: 0,
    };
    assert_eq!(world.send(repeat).unwrap(), duplicate);
    let known = run(world
        .store
        .repeat(id, HOOK, key(1, OtherBody::Refuse, "a").unwrap()));
    assert_eq!(known.unwrap(), Some(duplicate));
}

fn the_same_key_with_another_body_is_an_error_or_another_request(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let same = Accepted::Duplicate {
        id: "request a".into(),
        place: 1,
    };
    for (digest, other_body, expected) in [
        (
            1,
            OtherBody::Refuse,
            Accepted::Refused(RequestRefused::OtherBody),
        ),
        (2, OtherBody::Same, same),
        (3, OtherBody::Queue, queued(true, 3)),
    ] {
        let mut first = world.request(id, "a");
        first.limits.requests = 9;
        first.key = key(digest, other_body, "a");
        world.send(first.clone()).unwrap();
        let second = Accept {
            request: world.request(id, "b").request,
            id: "request b".into(),
            key: key(digest, other_body, "b"),
            ..first
        };
        assert_eq!(world.send(second).unwrap(), expected);
    }
}

fn a_key_is_forgotten_when_its_time_is_over(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.key = key(1, OtherBody::Refuse, "a");
    world.send(keyed.clone()).unwrap();
    world.at(1_000 + keyed.remember - 1);
    run(world.store.retire()).unwrap();
    assert!(matches!(
        world.send(keyed.clone()).unwrap(),
        Accepted::Duplicate { .. }
    ));
    world.at(1_000 + keyed.remember);
    run(world.store.retire()).unwrap();
    assert_eq!(world.send(keyed).unwrap(), queued(true, 1));
}

fn a_request_that_was_forgotten_by_hand_is_a_new_one_for_as_long_as_any(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.limits.requests = 9;
    keyed.key = key(1, OtherBody::Refuse, "a");
    world.send(keyed.clone()).unwrap();
    let forget = |world: &World, run_id, webhook, digest: u8| {
        let forget = Forget {
            at: RememberedAt::Webhook(run_id, webhook),
            keys: vec![[digest; 32], [digest + 100; 32]],
        };
        run(world.store.forget(forget)).unwrap()
    };
    assert_eq!(forget(&world, id, HOOK, 2), Forgot::Keys(vec![]));
    let other = WebhookNumber(HOOK.0 + 1);
    assert_eq!(forget(&world, id, other, 1), Forgot::Unknown);
    assert_eq!(forget(&world, RunId([0; 16]), HOOK, 1), Forgot::Unknown);
    assert_eq!(forget(&world, id, HOOK, 1), Forgot::Keys(vec![[1; 32]]));
    assert_eq!(forget(&world, id, HOOK, 1), Forgot::Keys(vec![]));
    world.reopen();
    // What is left of the first one in the queue of expiries does not shorten the time of the second.
    let second = 1_000 + keyed.remember / 2;
    world.at(second);
    keyed.id = "second".into();
    assert_eq!(world.send(keyed.clone()).unwrap(), queued(true, 1));
    world.at(second + keyed.remember - 1);
    world.retire();
    let duplicate = Accepted::Duplicate {
        id: "second".into(),
        place: 1,
    };
    assert_eq!(world.send(keyed.clone()).unwrap(), duplicate);
    world.at(second + keyed.remember);
    world.retire();
    assert_eq!(world.keys("duplicates"), [""; 0]);
    assert_eq!(world.send(keyed).unwrap(), queued(true, 2));
    let view = world.view(id).unwrap();
    check_storage(&world.opened.dump(), [(id, &view.state)]);
}

fn an_inbox_is_bounded_by_bytes_as_well(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    assert_eq!(world.accept(id, &"x".repeat(900)), queued(true, 0));
    assert_eq!(
        world.accept(id, &"x".repeat(900)),
        Accepted::Refused(RequestRefused::InboxFull)
    );
    assert_eq!(world.accept(id, "small"), queued(true, 1));
}

fn a_closed_webhook_takes_nothing_and_keeps_what_it_has(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![Kind::Sleep { duration: 10 }]);
    world.accept(id, "a");
    let slept = Some((1, Outcome::Slept, Source::Deadline));
    world
        .commit(
            id,
            1,
            activation(
                world.now(),
                slept,
                vec![Kind::CloseWebhook { webhook: HOOK }, wait(None)],
            ),
        )
        .unwrap();
    assert_eq!(
        world.accept(id, "b"),
        Accepted::Refused(RequestRefused::Closed)
    );
    assert_eq!(world.due(), [id], "what is queued can still be waited for");
}

fn a_timeout_is_refused_while_an_earlier_request_is_in_the_inbox(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(Some(50))]);
    world.at(1_049);
    world.accept(id, "in time");
    world.at(1_060);
    let timed_out = || {
        activation(
            world.now(),
            Some((1, Outcome::Delivery(None), Source::Deadline)),
            vec![],
        )
    };
    assert_eq!(world.commit(id, 1, timed_out()), Err(CommitRefused::Stale));
    assert_eq!(world.state(id).activations, 1, "nothing of it was written");
}

fn a_request_from_after_the_deadline_does_not_hold_up_the_timeout(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(Some(50))]);
    world.at(1_050);
    world.accept(id, "too late");
    let timed_out = activation(
        world.now(),
        Some((1, Outcome::Delivery(None), Source::Deadline)),
        vec![wait(None)],
    );
    world.commit(id, 1, timed_out).unwrap();
    assert_eq!(world.due(), [id], "the next wait has it");
    assert_eq!(world.timers(), []);
}

fn a_dropped_wait_leaves_its_request_in_its_place(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None), Kind::Sleep { duration: 5 }]);
    world.accept(id, "a");
    assert_eq!(world.due(), [id]);
    let dropped = Kind::Abandon {
        operations: vec![OperationNumber(1)],
        dropped: true,
    };
    let slept = Some((2, Outcome::Slept, Source::Deadline));
    world
        .commit(id, 1, activation(world.now(), slept, vec![dropped]))
        .unwrap();
    assert_eq!(world.due(), [], "nobody waits for it");
    assert!(world.head(id, &Channel::Webhook(HOOK)).is_some());
}

fn a_wait_that_was_given_up_and_then_dropped_counts_once(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None), wait(None)]);
    let give_up = |dropped| Kind::Abandon {
        operations: vec![OperationNumber(1)],
        dropped,
    };
    world
        .commit(
            id,
            1,
            activation(world.now(), None, vec![give_up(false), give_up(true)]),
        )
        .unwrap();
    assert_eq!((world.due(), world.state(id).ready), (vec![], 0));
    world.accept(id, "a");
    assert_eq!(world.due(), [id], "the other wait has it");
}

/// Returns a request of some 100 bytes, where all inboxes together may hold 250.
fn of_100_bytes(world: &World, id: RunId, name: &str) -> Accept {
    let mut accept = world.request(id, name);
    accept.request.body = vec![b'x'; 100 - accept.request.url.len()].into();
    accept.limits.host_bytes = 250;
    accept
}

fn all_inboxes_together_are_bounded_and_what_is_taken_or_removed_counts_no_more(
    store_kind: StoreKind,
) {
    let world = World::new(store_kind);
    let one = world.run_with(vec![wait(None)]);
    let two = world.run_with(vec![wait(None)]);
    let accept = |id| world.send(of_100_bytes(&world, id, "a")).unwrap();
    assert_eq!(accept(one), queued(true, 0));
    assert_eq!(accept(two), queued(true, 0));
    assert_eq!(accept(two), Accepted::Refused(RequestRefused::HostFull));

    let taken = Some((1, world.delivery(one, 0), arrival(0)));
    world
        .commit(one, 1, activation(world.now(), taken, vec![]))
        .unwrap();
    assert_eq!(accept(two), queued(true, 1));
    assert_eq!(accept(one), Accepted::Refused(RequestRefused::HostFull));

    let taken = Some((1, world.delivery(two, 0), arrival(0)));
    world
        .commit(two, 1, last_activation(world.now(), taken))
        .unwrap();
    assert_eq!(accept(one), queued(false, 1));
    assert_eq!(
        accept(one),
        Accepted::Refused(RequestRefused::HostFull),
        "what an ended run left counts"
    );
    world.at(u64::MAX / 2);
    world.retire();
    assert_eq!(accept(one), queued(false, 2), "until it is removed");
}

fn a_repeat_is_answered_without_a_write_also_after_the_end(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let other = world.run_with(vec![wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.key = key(1, OtherBody::Refuse, "a");
    let repeat = |id, which| run(world.store.repeat(id, HOOK, which)).unwrap();
    let remembers = |id, digest| run(world.store.remembers(id, HOOK, digest)).unwrap();
    let this = keyed.key.unwrap();
    assert_eq!(repeat(id, this), None);
    assert!(!remembers(id, None));

    world.send(keyed).unwrap();
    let duplicate = Accepted::Duplicate {
        id: "request a".into(),
        place: 0,
    };
    let check = || {
        assert_eq!(repeat(id, this), Some(duplicate.clone()));
        let other_body = key(1, OtherBody::Refuse, "b").unwrap();
        assert_eq!(
            repeat(id, other_body),
            Some(Accepted::Refused(RequestRefused::OtherBody))
        );
        assert_eq!(repeat(id, key(2, OtherBody::Refuse, "a").unwrap()), None);
        assert!(remembers(id, Some(this.digest)) && remembers(id, None));
        assert!(!remembers(id, Some([9; 32])));
        assert!(!remembers(other, Some(this.digest)) && !remembers(other, None));
    };
    check();
    let ended = |id| {
        run(world.store.incoming(id, HOOK))
            .unwrap()
            .known()
            .unwrap()
            .has_ended
    };
    assert!(!ended(id));
    world
        .commit(id, 1, last_activation(world.now(), None))
        .unwrap();
    assert!(ended(id));
    check();
}

fn an_answer_is_kept_with_the_key_of_its_request_and_goes_with_it(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let replies = WebhookOptions {
        reply: Reply::FromWorkflow(1_000),
        ..WebhookOptions::default()
    };
    let id = world.run_with_webhook(replies, vec![wait(None), wait(None)]);
    let mut keyed = world.request(id, "a");
    keyed.key = key(1, OtherBody::Refuse, "a");
    world.send(keyed.clone()).unwrap();
    world.accept(id, "b");
    let answer =
        |delivery: &str, place| run(world.store.answer(id, HOOK, delivery.into(), place)).unwrap();
    // Which deliveries have a row.
    let kept = || world.keys("replies");
    let only_a = |kept: &[String]| kept.len() == 1 && kept[0].contains("request a");
    assert_eq!(answer("request a", 0), Answer::Open);
    assert!(only_a(&kept()), "the caller of b cannot ask again");

    let response = |status| Response {
        status,
        headers: Vec::new(),
        body: Default::default(),
    };
    let answers = |delivery: &str, status| NewResponse {
        delivery: delivery.into(),
        response: response(status),
    };
    let mut last = last_activation(world.now(), Some((1, world.delivery(id, 0), arrival(0))));
    last.responses = vec![answers("request a", 201), answers("request b", 202)];
    world.commit(id, 1, last).unwrap();
    assert_eq!(answer("request a", 0), Answer::Decided(response(201)));
    assert_eq!(answer("request b", 1), Answer::Ended { was_taken: false });
    assert!(only_a(&kept()));
    world.at(1_000 + keyed.remember);
    run(world.store.retire()).unwrap();
    assert_eq!(answer("request a", 0), Answer::Ended { was_taken: true });
    assert_eq!(kept(), [""; 0]);
}
