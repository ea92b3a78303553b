//! Retries of failed runs that have too much open for one commit.

use crate::deferred::{assert_bounded, carry_out, serve_orders};
use crate::on_both_grounds;
use crate::retry::{attempts, call_kind, failing, request, running, slept};
use crate::support::{
    HOOK, RETENTION, StoreKind, World, activation, call, operation, payload, run, wait, wait_event,
};
use bytes::Bytes;
use dormouse_journal::{
    CancelOptions, Channel, Kind, OperationNumber, Outcome, Response, RunId, Source, Status, Time,
};
use dormouse_store::{
    Accepted, AttemptMade, AttemptNoted, Attempts, CallAgain, Carried, CommitRefused, Deleted,
    RetriedFailed, RetryFailed,
};

/// When each timer is due, with its run and its operation.
type Timers = Vec<(u64, RunId, u32)>;

on_both_grounds! {
    everything_waits_again_and_no_commit_is_large,
    nothing_is_executed_before_the_end_and_a_crash_at_any_piece_changes_nothing,
    what_is_done_again_is_the_same_as_in_one_commit,
    an_event_decided_after_the_retry_reaches_its_waits_and_one_decided_before_does_not,
    a_webhook_takes_requests_meanwhile,
    a_cancel_in_the_middle_leaves_nothing,
    a_run_that_fails_in_the_middle_is_retried_with_the_time_that_it_had_left,
    an_attempt_that_ends_meanwhile_counts,
}

/// The tables in which open operations are found.
const TABLES: [&str; 8] = [
    "open",
    "timers",
    "event_waits",
    "mailboxes",
    "results",
    "calls",
    "held_calls",
    "due",
];

fn found(world: &World) -> Vec<Vec<String>> {
    TABLES.iter().map(|table| world.keys(table)).collect()
}

/// Returns a run with so many open operations of each of four kinds: waits for a request, waits for an event, sleeps, and
/// calls. The sleep of its last operation has passed.
fn with_much(world: &World, each: u32) -> RunId {
    let waits = (0..each).map(|_| wait(Some(60_000)));
    let events = (0..each).map(|_| wait_event(Some(60_000)));
    let sleeps = (0..each).map(|number| Kind::Sleep {
        duration: 60_000 + u64::from(number),
    });
    let calls = (0..each).map(|_| call_kind(attempts(3)));
    let kinds = waits.chain(events).chain(sleeps).chain(calls).collect();
    let calls: Vec<_> = (0..each)
        .map(|number| (1 + 3 * each + number, attempts(3)))
        .collect();
    running(world, kinds, &calls)
}

/// Fails the run, because it has slept.
fn fail(world: &World, id: RunId, each: u32) {
    let last = failing(world.now(), slept(4 * each + 1));
    let failed = world.commit(id, 1, last).unwrap();
    assert_eq!(failed.status, Status::Failed);
}

fn retry(world: &World, retry: RetryFailed) {
    let retried = run(world.store.retry_failed(retry)).unwrap();
    let expected = RetriedFailed::Now {
        status: Status::Running,
        calls: Vec::new(),
        ordering: true,
    };
    assert_eq!(retried, expected);
}

fn calls(pieces: &[Carried]) -> Vec<(u32, Attempts)> {
    let calls = pieces.iter().flat_map(|piece| &piece.calls);
    calls
        .map(|call| (call.operation.0, call.attempts))
        .collect()
}

fn everything_waits_again_and_no_commit_is_large(store_kind: StoreKind) {
    let each = match store_kind {
        StoreKind::Memory => 2_500,
        StoreKind::Redb => 300,
    };
    let world = World::new(store_kind);
    world.at(1_000);
    let id = with_much(&world, each);
    let before = found(&world);
    fail(&world, id, each);
    world.retire();
    assert_eq!((world.timers(), world.calls()), Default::default());
    retry(&world, request(&world, id));
    let state = world.state(id);
    assert!(state.is_restoring && state.tries == 1 && state.ended.is_none());
    let pieces = carry_out(&world);
    assert!(pieces.len() > 3, "{}", pieces.len());
    assert_eq!(pieces.last().unwrap().woken, [id]);
    assert_eq!(
        pieces.last().unwrap().settled,
        [(id, Status::Running)],
        "as after a small retry"
    );
    assert_eq!(found(&world), before);
    let calls = calls(&pieces);
    assert_eq!(calls.len(), each as usize);
    let next = Attempts {
        scheduled: 2,
        next: Time(1_000),
    };
    assert!(calls.iter().all(|(_, attempts)| *attempts == next));
    assert_bounded(&world);
    for table in ["restores", "unsettled", "orders"] {
        assert_eq!(world.keys(table), [""; 0], "left in {table}");
    }
    // It goes on as if it had not failed.
    let mut on = activation(world.now(), slept(4 * each + 1), Vec::new());
    on.tries = 1;
    assert_eq!(world.commit(id, 1, on).unwrap().status, Status::Running);
}

fn nothing_is_executed_before_the_end_and_a_crash_at_any_piece_changes_nothing(
    store_kind: StoreKind,
) {
    let each = 100;
    // Frozen completely, in part, or only as far as the run's own row goes.
    for retires in [100, 1, 0] {
        let mut world = World::new(store_kind);
        world.at(1_000);
        let id = with_much(&world, each);
        let timers = world.timers();
        fail(&world, id, each);
        for _ in 0..retires {
            run(world.store.retire()).unwrap();
        }
        world.at(101_000);
        retry(&world, request(&world, id));
        let again = run(world.store.retry_failed(request_before(&world, id))).unwrap();
        assert_eq!(again, RetriedFailed::NotFailed(Status::Running));
        let mut pieces = 0;
        while run(world.store.has_orders()).unwrap() {
            let mut on = activation(world.now(), slept(4 * each + 1), Vec::new());
            on.tries = 1;
            let refused = world.commit(id, 1, on);
            assert_eq!(refused.unwrap_err(), CommitRefused::Moved);
            assert!(world.due().is_empty());
            // The time of a piece has no effect.
            world.at(102_000 + pieces);
            world.reopen();
            serve_orders(&world);
            pieces += 1;
        }
        assert!(pieces > 2, "{pieces}");
        assert_eq!(world.timers(), shifted(timers, 4 * each + 1, 100_000));
        assert_eq!(world.calls().len(), each as usize);
        assert_eq!(world.keys("event_waits").len(), each as usize);
        assert_bounded(&world);
    }
}

/// A retry of the run as it was when it had failed.
fn request_before(world: &World, id: RunId) -> RetryFailed {
    let view = world.view(id).unwrap();
    RetryFailed {
        run: id,
        activations: 2,
        tries: 0,
        version: view.run.version,
        limits: view.run.limits,
        calls: Vec::new(),
        waits: Vec::new(),
        records: Vec::new(),
        in_flight: Vec::new(),
        open: 400,
        anyway: false,
        is_of_parent: false,
        dry_run: false,
    }
}

/// Returns what is left of a retry in which a call and a wait for a run are done again and a record is replaced, of a run
/// with so many other operations.
fn done_again(store_kind: StoreKind, others: u32) -> impl PartialEq + std::fmt::Debug {
    let world = World::new(store_kind);
    world.at(1_000);
    let target = world.run_with(vec![wait(None)]);
    let wait_for_run = |timeout| Kind::WaitForRun {
        run: target.to_string(),
        timeout: Some(timeout),
    };
    let sleeps = (0..others).map(|_| Kind::Sleep { duration: 500_000 });
    let kinds = [call_kind(attempts(1)), wait_for_run(70_000)].into_iter();
    let id = running(&world, kinds.chain(sleeps).collect(), &[(1, attempts(1))]);
    let answer = AttemptMade::Done(Ok(Response {
        status: 422,
        headers: Vec::new(),
        body: Bytes::from(vec![0; 2_000]),
    }));
    assert_eq!(world.attempt(id, 1, 1, answer), AttemptNoted::Recorded);
    let channel = Channel::Result(OperationNumber(1));
    let outcome = world.arrival(id, channel.clone(), 0).unwrap();
    let source = Source::Arrival { channel, place: 0 };
    let last = failing(world.now(), Some((1, outcome, source)));
    world.commit(id, 1, last).unwrap();
    world.retire();
    world.at(31_000);
    let mut again = request(&world, id);
    assert_eq!(again.is_large(), others > 100);
    let new_call = dormouse_store::Call {
        request: dormouse_journal::Request {
            body: Bytes::from(vec![7; 5_000]),
            ..call(attempts(7)).request
        },
        ..call(attempts(7))
    };
    again.calls.push(CallAgain {
        operation: OperationNumber(1),
        kind: call_kind(attempts(7)),
        call: new_call,
        repeats: 1,
    });
    again.waits.push((OperationNumber(2), wait_for_run(80_000)));
    let mut record = world.journal(id)[0].clone();
    record.operations[1] = operation(call_kind(attempts(7)));
    again.records.push((0, record.clone()));
    let retried = run(world.store.retry_failed(again)).unwrap();
    let RetriedFailed::Now { calls, .. } = retried else {
        panic!("{retried:?}");
    };
    let mut calls: Vec<_> = calls
        .into_iter()
        .map(|(operation, attempts)| (operation.0, attempts))
        .collect();
    world.at(31_500);
    for piece in carry_out(&world) {
        calls.extend(self::calls(&[piece]));
    }
    assert_eq!(world.journal(id), [record]);
    let is_mine = |(_, _, number): &(u64, RunId, u32)| *number <= 2;
    let mut timers = world.timers();
    timers.retain(is_mine);
    let mut open = world.open(id, usize::MAX);
    open.retain(|(number, _)| number.0 <= 2);
    let call = world.whole_call(id, 1).map(|call| call.request.body);
    let state = world.state(id);
    assert_bounded(&world);
    (
        (calls, timers, open, call, world.keys("run_waits")),
        (world.keys("repeats"), world.keys("results")),
        (state.ready, state.status, state.is_restoring),
    )
}

fn what_is_done_again_is_the_same_as_in_one_commit(store_kind: StoreKind) {
    assert_eq!(done_again(store_kind, 2), done_again(store_kind, 300));
}

fn an_event_decided_after_the_retry_reaches_its_waits_and_one_decided_before_does_not(
    store_kind: StoreKind,
) {
    let each = 100;
    let mut world = World::new(store_kind);
    world.at(1_000);
    let id = with_much(&world, each);
    fail(&world, id, each);
    world.at(2_000);
    world.decide("e", payload("while it has failed"));
    retry(&world, request(&world, id));
    world.at(3_000);
    world.decide("e", payload("after the retry"));
    serve_orders(&world);
    assert!(world.serve().iter().all(|served| served.reached.is_empty()));
    world.reopen();
    let pieces = carry_out(&world);
    assert!(pieces.last().unwrap().broadcasting);
    let reached = world.serve().into_iter().flat_map(|served| served.reached);
    assert_eq!(reached.count(), each as usize);
    for operation in [1 + each, 2 * each] {
        let arrived = world.arrival(id, Channel::Result(OperationNumber(operation)), 0);
        let expected = Outcome::Event(Some(payload("after the retry")));
        assert_eq!(arrived, Some(expected));
    }
    assert_eq!(world.due(), [id]);
}

fn a_webhook_takes_requests_meanwhile(store_kind: StoreKind) {
    let each = 100;
    let world = World::new(store_kind);
    let id = with_much(&world, each);
    fail(&world, id, each);
    retry(&world, request(&world, id));
    let queued = world.accept(id, "one");
    assert!(matches!(queued, Accepted::Queued { is_due: false, .. }));
    assert!(world.due().is_empty());
    carry_out(&world);
    assert_eq!(world.due(), [id]);
    let source = Source::Arrival {
        channel: Channel::Webhook(HOOK),
        place: 0,
    };
    let delivered = Some((1, world.delivery(id, 0), source));
    let mut on = activation(world.now(), delivered, Vec::new());
    on.tries = 1;
    world.commit(id, 1, on).unwrap();
}

fn a_cancel_in_the_middle_leaves_nothing(store_kind: StoreKind) {
    let each = 100;
    let world = World::new(store_kind);
    let id = with_much(&world, each);
    fail(&world, id, each);
    retry(&world, request(&world, id));
    serve_orders(&world);
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert_eq!(world.state(id).status, Status::Cancelled);
    let pieces = carry_out(&world);
    assert!(pieces.iter().all(|piece| piece.woken.is_empty()));
    world.retire();
    assert!(world.open(id, 1).is_empty());
    assert_eq!(world.keys("unsettled"), [""; 0]);
    while run(world.store.delete_run(id)).unwrap() == Deleted::InPart {}
    world.retire();
    for table in TABLES.into_iter().chain(["restores", "journal", "orders"]) {
        assert_eq!(world.keys(table), [""; 0], "left in {table}");
    }
    assert_bounded(&world);
}

fn a_run_that_fails_in_the_middle_is_retried_with_the_time_that_it_had_left(store_kind: StoreKind) {
    let each = 200;
    let world = World::new(store_kind);
    world.at(1_000);
    let id = with_much(&world, each);
    let timers = world.timers();
    fail(&world, id, each);
    world.retire();
    world.at(101_000);
    let first_call = OperationNumber(1 + 3 * each);
    retry(&world, request(&world, id));
    // As far as the first call.
    let attempt = loop {
        if let Some(call) = serve_orders(&world).calls.first() {
            assert_eq!(call.operation, first_call);
            break call.attempts;
        }
    };
    world.fail_by_response(id, first_call, attempt);
    let refused = run(world.store.retry_failed(request(&world, id))).unwrap();
    assert_eq!(refused, RetriedFailed::Moved, "it is being written");
    carry_out(&world);
    world.retire();
    assert_eq!((world.timers(), world.calls()), Default::default());
    world.at(301_000);
    retry(&world, request(&world, id));
    carry_out(&world);
    assert_eq!(world.timers(), shifted(timers, 4 * each + 1, 300_000));
    let state = world.state(id);
    assert_eq!((state.tries, state.is_restoring), (2, false));
    assert_eq!(world.keys("calls").len(), each as usize);
}

/// Returns these timers later by this much, except for that of the operation that had passed.
fn shifted(timers: Timers, passed: u32, by: u64) -> Timers {
    let shifted = timers.into_iter().map(|(due, id, number)| match number {
        number if number == passed => (due, id, number),
        _ => (due + by, id, number),
    });
    let mut shifted: Vec<_> = shifted.collect();
    shifted.sort_unstable();
    shifted
}

fn an_attempt_that_ends_meanwhile_counts(store_kind: StoreKind) {
    let each = 100;
    let world = World::new(store_kind);
    world.at(1_000);
    let id = with_much(&world, each);
    fail(&world, id, each);
    world.at(500_000);
    let last = OperationNumber(4 * each);
    let mut again = request(&world, id);
    again.in_flight.push(last);
    retry(&world, again);
    let attempt = Attempts {
        scheduled: 1,
        next: Time(1_000),
    };
    let made = AttemptMade::Again {
        next: Time(505_000),
        error: None,
    };
    let over = crate::support::no_limit();
    let noted = run(world.store.attempt_made(id, last, attempt, made, over)).unwrap();
    assert_eq!(noted, AttemptNoted::Recorded);
    let pieces = carry_out(&world);
    let next = Attempts {
        scheduled: 2,
        next: Time(505_000),
    };
    assert_eq!(calls(&pieces).last(), Some(&(last.0, next)));
}
