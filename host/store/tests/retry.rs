//! Runs that have failed: the parts of them that stay, and how a retry uses these.

use crate::on_both_grounds;
use crate::support::{
    RETENTION, StoreKind, World, activation, call, last_activation, limits, operation, payload,
    queued, run, wait, wait_event,
};
use bytes::Bytes;
use dormouse_journal::{
    CallError, CancelOptions, Channel, End, Failure, GuestLimits, Kind, OperationNumber, Outcome,
    Response, RetryPolicy, RunId, Source, Status, Time, WhenParentEnds,
};
use dormouse_store::{
    Accepted, AimedNotified, AttemptMade, AttemptNoted, Attempts, CallAgain, Cancelled, Deleted,
    FailedRun, NewActivation, NewCall, Parent, RequestRefused, RetriedFailed, RetryFailed, Started,
};

on_both_grounds! {
    a_failed_run_is_out_of_all_queues_and_goes_on_with_the_time_that_it_had_left,
    a_request_that_failed_a_run_is_given_again_and_none_is_taken_meanwhile,
    a_bad_answer_is_asked_again,
    an_attempt_under_way_is_kept_and_one_in_doubt_follows_by_another,
    a_call_allowed_once_is_not_made_again_in_doubt,
    an_event_on_its_way_to_a_run_that_fails_is_kept_and_a_later_one_is_not_for_it,
    a_run_with_much_open_is_set_aside_in_pieces_and_retried_at_any_of_them,
    a_failed_run_is_given_up_with_time_by_a_cancel_and_by_a_delete,
    a_retry_of_another_try_changes_nothing,
    a_child_whose_parent_has_ended_is_retried_only_anyway_and_asking_changes_nothing,
    a_timeout_counts_again_from_a_retry,
}

pub(crate) fn call_kind(policy: RetryPolicy) -> Kind {
    Kind::Call {
        method: "GET".into(),
        url: "http://service.example/".into(),
        retry: policy,
    }
}

pub(crate) fn attempts(attempts: u32) -> RetryPolicy {
    RetryPolicy {
        attempts: Some(attempts),
        ..RetryPolicy::default()
    }
}

pub(crate) fn failing(time: Time, delivered: Option<(u32, Outcome, Source)>) -> NewActivation {
    let mut last = activation(time, delivered, vec![wait(None)]);
    last.activation.end = Some(End::Failed {
        failure: Failure {
            code: "no".into(),
            message: "no".into(),
        },
        backtrace: None,
    });
    last
}

pub(crate) fn slept(operation: u32) -> Option<(u32, Outcome, Source)> {
    Some((operation, Outcome::Slept, Source::Deadline))
}

/// Returns a run that has a webhook, makes these operations and those calls, and sleeps for no time as its last operation. Its
/// failure is that it has slept.
fn fails(world: &World, kinds: Vec<Kind>, calls: &[(u32, RetryPolicy)]) -> RunId {
    let id = running(world, kinds, calls);
    let sleep = u32::try_from(
        run(world.store.run_to_continue(id))
            .unwrap()
            .unwrap()
            .open
            .len(),
    )
    .unwrap();
    let failed = world.commit(id, 1, failing(world.now(), slept(sleep)));
    assert_eq!(failed.unwrap().status, Status::Failed);
    id
}

pub(crate) fn running(world: &World, kinds: Vec<Kind>, calls: &[(u32, RetryPolicy)]) -> RunId {
    let id = world.start();
    let create = Kind::CreateWebhook {
        webhook: crate::support::HOOK,
        url: "http://host/hooks/t".into(),
        options: dormouse_journal::WebhookOptions::default(),
    };
    let sleep = Kind::Sleep { duration: 0 };
    let kinds = [vec![create], kinds, vec![sleep]].concat();
    let mut first = activation(world.now(), None, kinds);
    first.calls = calls
        .iter()
        .map(|(number, policy)| NewCall {
            operation: OperationNumber(*number),
            call: call(*policy),
        })
        .collect();
    world.commit_whole(id, 0, first).unwrap();
    id
}

fn failed(world: &World, id: RunId) -> FailedRun {
    run(world.store.failed(id)).unwrap().unwrap()
}

pub(crate) fn request(world: &World, id: RunId) -> RetryFailed {
    let failed = failed(world, id);
    RetryFailed {
        run: id,
        activations: failed.view.state.activations,
        tries: failed.view.state.tries,
        version: failed.view.run.version,
        limits: GuestLimits {
            memory: 1,
            stack: 1,
        },
        calls: Vec::new(),
        waits: Vec::new(),
        records: Vec::new(),
        in_flight: Vec::new(),
        open: failed.open,
        anyway: false,
        is_of_parent: false,
        dry_run: false,
    }
}

fn retry(world: &World, retry: RetryFailed) -> Vec<(u32, Attempts)> {
    match run(world.store.retry_failed(retry)).unwrap() {
        RetriedFailed::Now { calls, .. } => calls
            .into_iter()
            .map(|(operation, attempts)| (operation.0, attempts))
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn a_failed_run_is_out_of_all_queues_and_goes_on_with_the_time_that_it_had_left(
    store_kind: StoreKind,
) {
    let world = World::new(store_kind);
    world.at(1_000);
    let kinds = vec![
        wait(Some(500)),
        wait_event(Some(700)),
        Kind::Sleep { duration: 60_000 },
        call_kind(attempts(3)),
    ];
    let id = running(&world, kinds, &[(4, attempts(3))]);
    let again = AttemptMade::Again {
        next: Time(5_000),
        error: None,
    };
    world.attempt(id, 4, 1, again);
    world.at(1_200);
    let before = world.state(id);
    let timers = world.timers();
    world.commit(id, 1, failing(world.now(), slept(5))).unwrap();
    let state = world.state(id);
    assert_eq!((state.status, state.is_frozen()), (Status::Failed, true));
    assert_eq!(
        (world.timers(), world.due(), world.calls()),
        Default::default()
    );
    assert_eq!(world.keys("event_waits"), [""; 0]);
    assert_eq!(world.journal(id).len(), 2, "the activation is shown");

    world.at(101_200);
    let calls = retry(&world, request(&world, id));
    let next = Attempts {
        scheduled: 2,
        next: Time(105_000),
    };
    assert_eq!(calls, [(4, next)]);
    let after = world.state(id);
    assert_eq!(after.status, Status::Running);
    assert_eq!((after.tries, after.failure, after.ended), (1, None, None));
    let counted = |state: &dormouse_store::State| {
        (
            state.activations,
            state.operations,
            state.journal_bytes,
            state.time,
        )
    };
    assert_eq!(counted(&world.state(id)), counted(&before));
    let shifted = timers.into_iter().map(|(due, id, number)| match number {
        5 => (due, id, number),
        _ => (due + 100_000, id, number),
    });
    let mut shifted: Vec<_> = shifted.collect();
    shifted.sort_unstable();
    assert_eq!(world.timers(), shifted);
    assert_eq!(world.journal(id).len(), 1);
    assert_eq!(world.calls(), [(id, OperationNumber(4))]);
    let reached = world.notify("e", payload("1"));
    assert_eq!(reached, [id]);
    // It goes on as if it had not failed.
    let mut on = activation(world.now(), slept(5), Vec::new());
    on.tries = 1;
    assert_eq!(world.commit(id, 1, on).unwrap().status, Status::Running);
}

fn a_request_that_failed_a_run_is_given_again_and_none_is_taken_meanwhile(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    world.accept(id, "one");
    let source = || Source::Arrival {
        channel: Channel::Webhook(crate::support::HOOK),
        place: 0,
    };
    let delivered = Some((1, world.delivery(id, 0), source()));
    world
        .commit(id, 1, failing(world.now(), delivered))
        .unwrap();
    assert_eq!(world.state(id).untaken, 0, "it was given to the run");
    let refused = Accepted::Refused(RequestRefused::RunFailed);
    assert_eq!(world.accept(id, "two"), refused);
    let mail = run(world
        .store
        .notify_run(id, "e".into(), payload("1"), crate::support::MAIL));
    assert_eq!(mail.unwrap(), AimedNotified::RunFailed);
    assert_eq!(world.due(), []);

    retry(&world, request(&world, id));
    assert_eq!(world.due(), [id]);
    assert_eq!(world.accept(id, "two"), queued(true, 1));
    let delivered = Some((1, world.delivery(id, 0), source()));
    let mut on = activation(world.now(), delivered, vec![wait(None)]);
    on.tries = 1;
    world.commit(id, 1, on).unwrap();
    let Outcome::Delivery(Some(next)) = world.delivery(id, 1) else {
        panic!("the second is lost");
    };
    assert_eq!(next.id, "request two");
}

fn a_bad_answer_is_asked_again(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let policy = attempts(1);
    let id = running(
        &world,
        vec![call_kind(policy), call_kind(policy)],
        &[(1, policy), (2, policy)],
    );
    let answer = |status| {
        AttemptMade::Done(Ok(Response {
            status,
            headers: Vec::new(),
            body: Bytes::from(vec![0; 2_000]),
        }))
    };
    world.attempt(id, 1, 1, answer(422));
    world.attempt(id, 2, 1, answer(200));
    let channel = Channel::Result(OperationNumber(1));
    let outcome = world.arrival(id, channel.clone(), 0).unwrap();
    let source = Source::Arrival { channel, place: 0 };
    world
        .commit(id, 1, failing(world.now(), Some((1, outcome, source))))
        .unwrap();
    let view = failed(&world, id);
    let bad: Vec<_> = view.bad.iter().collect();
    assert_eq!(bad.len(), 1, "what went well is not done again");
    assert_eq!((bad[0].operation.0, bad[0].was_given), (1, true));
    assert!(bad[0].outcome.is_definite());

    let mut again = request(&world, id);
    again.calls.push(CallAgain {
        operation: OperationNumber(1),
        kind: call_kind(attempts(7)),
        call: call(attempts(7)),
        repeats: 1,
    });
    // What the journal says of it now.
    let mut record = world.journal(id)[0].clone();
    record.operations[1] = operation(call_kind(attempts(7)));
    again.records.push((0, record.clone()));
    let calls = retry(&world, again);
    let now = world.now();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0].1,
        Attempts {
            scheduled: 1,
            next: now
        }
    );
    assert_eq!(world.journal(id), [record]);
    assert!(world.sending(id, 1).is_some() && world.sending(id, 2).is_none());
    assert!(
        world
            .arrival(id, Channel::Result(OperationNumber(1)), 0)
            .is_none()
    );
    assert!(
        world
            .arrival(id, Channel::Result(OperationNumber(2)), 0)
            .is_some()
    );
    // It is answered in the same way, and knows how often that was.
    world.attempt(id, 1, 1, answer(422));
    let channel = Channel::Result(OperationNumber(1));
    let outcome = world.arrival(id, channel.clone(), 0).unwrap();
    let source = Source::Arrival { channel, place: 0 };
    let mut last = failing(world.now(), Some((1, outcome, source)));
    last.tries = 1;
    world.commit(id, 1, last).unwrap();
    assert_eq!(failed(&world, id).bad[0].repeats, 1);
    assert_eq!(failed(&world, id).view.state.tries, 1);
}

fn an_attempt_under_way_is_kept_and_one_in_doubt_follows_by_another(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let policy = attempts(3);
    let kinds = vec![call_kind(policy); 3];
    let id = fails(&world, kinds, &[(1, policy), (2, policy), (3, policy)]);
    let done = AttemptMade::Done(Err(CallError::Invalid("no".into())));
    assert_eq!(
        world.attempt(id, 1, 1, done.clone()),
        AttemptNoted::Recorded
    );
    assert_eq!(failed(&world, id).bad.len(), 1);
    world.at(10_000);
    let mut again = request(&world, id);
    again.in_flight.push(OperationNumber(3));
    let calls = retry(&world, again);
    let numbers: Vec<_> = calls
        .iter()
        .map(|(number, attempts)| (*number, attempts.scheduled))
        .collect();
    assert_eq!(numbers, [(2, 2), (3, 1)]);
    // A late word of the attempt that was in doubt changes nothing, and that of the other one is heard.
    assert_eq!(
        world.attempt(id, 2, 1, done.clone()),
        AttemptNoted::Unwanted
    );
    assert_eq!(world.attempt(id, 3, 1, done), AttemptNoted::Recorded);
}

fn a_call_allowed_once_is_not_made_again_in_doubt(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let policy = attempts(1);
    let id = fails(&world, vec![call_kind(policy)], &[(1, policy)]);
    let mut again = request(&world, id);
    let refused = run(world.store.retry_failed(again.clone())).unwrap();
    assert_eq!(refused, RetriedFailed::AtMostOnce(OperationNumber(1)));
    assert_eq!(world.state(id).status, Status::Failed);
    again.in_flight.push(OperationNumber(1));
    retry(&world, again);
}

fn an_event_on_its_way_to_a_run_that_fails_is_kept_and_a_later_one_is_not_for_it(
    store_kind: StoreKind,
) {
    let world = World::new(store_kind);
    world.at(10);
    let id = running(&world, vec![wait_event(None)], &[]);
    world.decide("e", payload("first"));
    world.at(20);
    world.commit(id, 1, failing(world.now(), slept(2))).unwrap();
    world.at(30);
    assert_eq!(world.notify("e", payload("second")), []);
    retry(&world, request(&world, id));
    let arrived = world.arrival(id, Channel::Result(OperationNumber(1)), 0);
    assert_eq!(arrived, Some(Outcome::Event(Some(payload("first")))));
    assert_eq!(world.due(), [id]);
}

fn a_run_with_much_open_is_set_aside_in_pieces_and_retried_at_any_of_them(store_kind: StoreKind) {
    for retires in [0, 1, 100] {
        let world = World::new(store_kind);
        world.at(1_000);
        let kinds = vec![Kind::Sleep { duration: 60_000 }; 1_500];
        let id = fails(&world, kinds, &[]);
        for _ in 0..retires {
            run(world.store.retire()).unwrap();
        }
        if retires == 100 {
            assert_eq!(world.timers(), []);
        }
        world.at(2_000);
        retry(&world, request(&world, id));
        crate::deferred::carry_out(&world);
        let all = || world.keys("timers").len();
        assert_eq!(all(), 1_501);
        let page = run(world.store.timers(None, Time(61_999).into(), 5)).unwrap();
        assert_eq!((page.due.len(), page.next), (1, Some(Time(62_000))));
        world.retire();
        assert_eq!(all(), 1_501, "nothing is set aside of a run that goes on");
    }
}

fn a_failed_run_is_given_up_with_time_by_a_cancel_and_by_a_delete(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let kinds = || vec![wait(None), call_kind(attempts(1))];
    let fails = |world: &World| fails(world, kinds(), &[(2, attempts(1))]);
    let gone = Accepted::Refused(RequestRefused::Ended);

    let id = fails(&world);
    let cancelled = run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert_eq!(cancelled, Cancelled::GivenUp);
    assert_eq!(world.state(id).status, Status::Failed);
    assert_eq!(world.accept(id, "late"), gone);
    assert!(run(world.store.failed(id)).unwrap().is_none());
    let cancelled = run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert_eq!(cancelled, Cancelled::Ended(Status::Failed));

    let deleted = fails(&world);
    let done = run(world.store.delete_run(deleted)).unwrap();
    assert_eq!(done, Deleted::Now(Status::Failed));

    let late = fails(&world);
    world.at(world.now().0 + RETENTION);
    world.retire();
    run(world.store.serve_orders(None, limits())).unwrap();
    assert_eq!(world.state(late).status, Status::Failed);
    assert_eq!(world.accept(late, "late"), gone);
    world.at(world.now().0 + RETENTION);
    world.retire();
    assert!(world.view(late).is_none() && world.view(id).is_none());
    for table in [
        "held_calls",
        "call_requests",
        "call_bodies",
        "open",
        "timers",
        "repeats",
        "journal",
    ] {
        assert_eq!(world.keys(table), [""; 0], "left in {table}");
    }
}

fn a_retry_of_another_try_changes_nothing(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = fails(&world, vec![wait(None)], &[]);
    let first = request(&world, id);
    retry(&world, first.clone());
    let again = run(world.store.retry_failed(first.clone())).unwrap();
    assert_eq!(again, RetriedFailed::NotFailed(Status::Running));
    // An activation that was executed before the retry.
    assert!(world.commit(id, 1, failing(world.now(), slept(2))).is_err());
    let mut last = failing(world.now(), slept(2));
    last.tries = 1;
    world.commit(id, 1, last).unwrap();
    let again = run(world.store.retry_failed(first)).unwrap();
    assert_eq!(again, RetriedFailed::Moved);
}

/// Returns a run that another started, with this timeout, and that has failed.
fn failed_child(world: &World, parent: RunId, timeout: Option<u64>) -> RunId {
    let mut start = world.new_start();
    start.parent = Some(Parent {
        run: parent,
        operation: OperationNumber(0),
        depth: 1,
        when_parent_ends: WhenParentEnds::Cancel,
        timeout,
    });
    let id = start.run;
    assert!(matches!(world.begin(start).unwrap(), Started::New { .. }));
    world.commit(id, 0, failing(world.now(), None)).unwrap();
    id
}

fn a_child_whose_parent_has_ended_is_retried_only_anyway_and_asking_changes_nothing(
    store_kind: StoreKind,
) {
    let world = World::new(store_kind);
    let parent = world.run_with(vec![wait(None)]);
    let child = failed_child(&world, parent, None);
    let ask = |request: RetryFailed| run(world.store.retry_failed(request)).unwrap();
    let asked = RetryFailed {
        dry_run: true,
        ..request(&world, child)
    };
    assert_eq!(ask(asked.clone()), RetriedFailed::Could);
    assert_eq!(world.state(child).status, Status::Failed);
    world
        .commit(parent, 1, last_activation(world.now(), None))
        .unwrap();
    assert_eq!(ask(asked), RetriedFailed::FailureTold(parent));
    let refused = ask(request(&world, child));
    assert_eq!(refused, RetriedFailed::FailureTold(parent));
    let anyway = RetryFailed {
        anyway: true,
        ..request(&world, child)
    };
    retry(&world, anyway);
    assert!(!world.state(child).status.has_ended());
}

fn a_timeout_counts_again_from_a_retry(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let parent = world.run_with(vec![wait(None)]);
    let child = failed_child(&world, parent, Some(2_000));
    world.at(50_000);
    retry(&world, request(&world, child));
    let orders = world.keys("orders").len();
    world.at(51_999);
    world.retire();
    assert_eq!(world.keys("orders").len(), orders);
    world.at(52_000);
    world.retire();
    assert_eq!(world.keys("orders").len(), orders + 1);
}
