//! Runs: started, activated, ended, cancelled, blocked, listed, removed.

use crate::on_both_grounds;
use crate::support::{
    MAIL, RETENTION, StoreKind, World, activation, last_activation, operation, payload, queued,
    run, wait,
};
use bytes::Bytes;
use dormouse_journal::{
    CallError, CancelOptions, Channel, End, Failure, Kind, OperationNumber, Outcome, Request,
    RetryPolicy, RunId, SecretHeader, Source, Status, Time,
};
use dormouse_store::{
    Accepted, AttemptMade, AttemptNoted, Attempts, Bounds, Call, CallProgress, Cancelled,
    CommitRefused, Deleted, NewCall, RequestRefused, Resumed, RunQuery, Started, WriteError,
};

on_both_grounds! {
    a_call_given_up_in_the_activation_that_made_it_is_not_made,
    a_start_with_a_key_starts_one_run,
    a_deleted_workflow_starts_nothing_until_it_is_deployed_again,
    an_activation_out_of_its_place_is_refused,
    a_cancelled_run_commits_nothing_more_and_leaves_nothing_due,
    a_completed_run_cannot_be_cancelled,
    a_blocked_run_keeps_its_webhooks_and_deadlines_and_goes_on,
    a_call_counts_its_attempts_and_gives_its_result_once,
    why_a_call_is_tried_again_is_shown_until_it_has_its_result,
    a_call_of_a_cancelled_run_is_gone_and_its_result_is_dropped,
    an_abandoned_call_completes_as_given_up,
    the_operations_of_a_last_activation_are_not_performed,
    runs_are_listed_newest_first_by_page,
    runs_are_listed_by_a_range_of_ids_page_by_page,
    a_run_is_deleted_once_it_has_ended_with_all_it_owns,
    lists_cut_long_messages_between_characters,
    an_ended_run_is_removed_when_its_time_is_over_with_all_it_owns,
    a_full_disk_refuses_writes_and_not_reads_and_goes_on_by_itself,
    pending_runs_are_listed_without_others_that_are_due,
}

fn call() -> Call {
    Call {
        request: Request {
            method: "GET".into(),
            url: "http://service.example/".into(),
            headers: Vec::new(),
            body: Bytes::new(),
        },
        retry: RetryPolicy::default(),
        timeout: 1_000,
        redirects: 0,
        idempotency_key: "key".into(),
        secret_headers: vec![SecretHeader::prefixed(
            "authorization",
            "Bearer ",
            "service-token",
        )],
    }
}

fn calling(world: &World) -> RunId {
    let id = world.start();
    let kind = Kind::Call {
        method: "GET".into(),
        url: "http://service.example/".into(),
        retry: call().retry,
    };
    let mut first = activation(world.now(), None, vec![kind]);
    first.calls.push(NewCall {
        operation: OperationNumber(0),
        call: call(),
    });
    assert_eq!(world.commit(id, 0, first).unwrap().status, Status::Running);
    id
}

fn a_call_given_up_in_the_activation_that_made_it_is_not_made(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let kinds = vec![
        Kind::Call {
            method: "GET".into(),
            url: "http://service.example/".into(),
            retry: call().retry,
        },
        Kind::Abandon {
            operations: vec![OperationNumber(0)],
            dropped: true,
        },
        wait(None),
    ];
    let mut first = activation(world.now(), None, kinds);
    first.calls.push(NewCall {
        operation: OperationNumber(0),
        call: call(),
    });
    assert_eq!(
        world.commit(id, 0, first).unwrap().status,
        Status::Suspended
    );
    assert!(world.sending(id, 0).is_none());
}

fn a_start_with_a_key_starts_one_run(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let mut start = world.new_start();
    start.idempotency_key = Some("k".into());
    let id = start.run;
    assert!(matches!(
        world.begin(start.clone()).unwrap(),
        Started::New { .. }
    ));
    start.run = RunId([9; 16]);
    assert_eq!(world.begin(start.clone()).unwrap(), Started::Existing(id));
    // The host of before remembered a key as it was written.
    start.idempotency_key = Some("other".into());
    start.earlier_key = Some("k".into());
    assert_eq!(world.begin(start.clone()).unwrap(), Started::Existing(id));
    start.input.body = Bytes::from_static(b"2");
    assert_eq!(world.begin(start).unwrap(), Started::OtherInput(id));
    assert_eq!(world.due(), [id]);
}

fn a_deleted_workflow_starts_nothing_until_it_is_deployed_again(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    assert!(run(world.store.delete_workflow("w".into())).unwrap());
    assert_eq!(world.begin(world.new_start()).unwrap(), Started::Deleted);
    assert_eq!(world.due(), [id], "those that exist go on");
    assert!(!run(world.store.delete_workflow("other".into())).unwrap());
}

fn an_activation_out_of_its_place_is_refused(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    assert_eq!(
        world.commit(id, 0, activation(world.now(), None, vec![])),
        Err(CommitRefused::Moved)
    );
    assert_eq!(
        world.commit(id, 2, activation(world.now(), None, vec![])),
        Err(CommitRefused::Moved)
    );
}

fn a_cancelled_run_commits_nothing_more_and_leaves_nothing_due(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(Some(50)), Kind::Sleep { duration: 5 }]);
    assert_eq!(world.timers().len(), 2);
    assert_eq!(
        run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap(),
        Cancelled::Now
    );
    assert_eq!(
        run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap(),
        Cancelled::Before
    );
    assert_eq!((world.timers(), world.due()), (vec![], vec![]));
    let slept = Some((2, Outcome::Slept, Source::Deadline));
    assert_eq!(
        world.commit(id, 1, activation(world.now(), slept, vec![])),
        Err(CommitRefused::Ended)
    );
    assert_eq!(
        world.accept(id, "late"),
        Accepted::Refused(RequestRefused::Ended)
    );
}

fn a_completed_run_cannot_be_cancelled(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    world
        .commit(id, 0, last_activation(world.now(), None))
        .unwrap();
    assert_eq!(
        run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap(),
        Cancelled::Ended(Status::Completed)
    );
}

fn a_blocked_run_keeps_its_webhooks_and_deadlines_and_goes_on(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(Some(50))]);
    let reason = Failure {
        code: "c".into(),
        message: "m".into(),
    };
    assert!(run(world.store.block(id, reason.clone(), None)).unwrap());
    assert_eq!(world.state(id).failure, Some(reason));
    assert_eq!(world.accept(id, "a"), queued(true, 0));
    assert_eq!(world.timers().len(), 1);
    assert_eq!(
        world.commit(id, 1, activation(world.now(), None, vec![])),
        Err(CommitRefused::Blocked)
    );
    assert_eq!(run(world.store.resume(id)).unwrap(), Resumed::Now);
    assert_eq!(world.state(id).failure, None);
    assert_eq!(
        run(world.store.resume(id)).unwrap(),
        Resumed::NotBlocked(Status::Running)
    );
}

fn again(next: u64) -> AttemptMade {
    AttemptMade::Again {
        next: Time(next),
        error: None,
    }
}

fn why_a_call_is_tried_again_is_shown_until_it_has_its_result(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = calling(&world);
    let shown = || run(world.store.show(id, 10)).unwrap().unwrap().calls;
    let progress = |scheduled, next, last_error: Option<&str>| {
        let attempts = Attempts {
            scheduled,
            next: Time(next),
        };
        let last_error = last_error.map(str::to_owned);
        let progress = CallProgress {
            attempts,
            bounds: Bounds::new(call().retry, Time(1_000)),
            last_error,
        };
        vec![(OperationNumber(0), progress)]
    };
    assert_eq!(shown(), progress(1, 1_000, None));
    let long = "é".repeat(1_000);
    let failed = |next, error: &str| AttemptMade::Again {
        next: Time(next),
        error: Some(error.into()),
    };
    world.attempt(id, 0, 1, failed(2_000, &long));
    let cut = format!("{}…", "é".repeat(128));
    assert_eq!(shown(), progress(2, 2_000, Some(&cut)));
    world.attempt(id, 0, 2, failed(3_000, "status 503"));
    world.attempt(id, 0, 3, AttemptMade::Withdrawn);
    world.attempt(id, 0, 2, again(4_000));
    assert_eq!(shown(), progress(3, 4_000, Some("status 503")));
    let done = AttemptMade::Done(Err(CallError::TimedOut));
    world.attempt(id, 0, 3, done);
    assert_eq!(shown(), []);
}

fn a_call_counts_its_attempts_and_gives_its_result_once(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = calling(&world);
    let operation = OperationNumber(0);
    let made = |attempt, made| world.attempt(id, 0, attempt, made) == AttemptNoted::Recorded;
    assert!(made(1, again(2_000)));
    let sending = world.sending(id, 0).unwrap();
    let expected = Attempts {
        scheduled: 2,
        next: Time(2_000),
    };
    assert_eq!((sending.call, sending.attempts), (call(), expected));
    assert!(
        !made(1, AttemptMade::Done(Err(CallError::TimedOut))),
        "an attempt that is over has no say"
    );
    // One that could not be made counts no more, and the next has its number.
    assert!(made(2, AttemptMade::Withdrawn));
    let expected = Attempts {
        scheduled: 1,
        next: Time(0),
    };
    assert_eq!(world.sending(id, 0).unwrap().attempts, expected);
    assert!(made(1, again(3_000)));
    assert!(made(2, AttemptMade::Done(Err(CallError::TimedOut))));
    assert_eq!(world.due(), [id]);
    assert!(!made(2, AttemptMade::Done(Err(CallError::TimedOut))));
    assert_eq!(world.calls(), []);
    let arrived = world.arrival(id, Channel::Result(operation), 0);
    assert_eq!(arrived, Some(Outcome::Response(Err(CallError::TimedOut))));
}

fn a_call_of_a_cancelled_run_is_gone_and_its_result_is_dropped(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = calling(&world);
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert!(world.sending(id, 0).is_none());
    let made = AttemptMade::Done(Err(CallError::TimedOut));
    assert_eq!(world.attempt(id, 0, 1, made), AttemptNoted::Unwanted);
    assert_eq!(world.due(), []);
}

fn an_abandoned_call_completes_as_given_up(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = calling(&world);
    let made = AttemptMade::Done(Err(CallError::TimedOut));
    let abandon = Kind::Abandon {
        operations: vec![OperationNumber(0)],
        dropped: false,
    };
    world
        .commit(id, 1, activation(world.now(), None, vec![abandon]))
        .unwrap();
    assert_eq!(world.due(), [id]);
    assert_eq!(world.attempt(id, 0, 1, made), AttemptNoted::Unwanted);
    let given_up = Some((
        0,
        Outcome::Response(Err(CallError::Abandoned)),
        Source::Abandoned,
    ));
    world
        .commit(id, 2, activation(world.now(), given_up, vec![]))
        .unwrap();
    assert_eq!((world.due(), world.state(id).ready), (vec![], 0));
}

fn the_operations_of_a_last_activation_are_not_performed(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let mut last = last_activation(world.now(), None);
    last.calls.push(NewCall {
        operation: OperationNumber(0),
        call: call(),
    });
    last.activation
        .operations
        .push(operation(Kind::Sleep { duration: 5 }));
    world.commit(id, 0, last).unwrap();
    assert_eq!(world.calls(), []);
    assert_eq!(world.timers(), []);
    assert_eq!(world.journal(id)[0].operations.len(), 1, "and yet shown");
}

fn runs_are_listed_newest_first_by_page(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let ids: Vec<RunId> = (0..5).map(|_| world.start()).collect();
    world
        .commit(ids[1], 0, last_activation(world.now(), None))
        .unwrap();
    let list = |query: &RunQuery| world.list(query);
    let all = RunQuery {
        limit: 2,
        ..RunQuery::default()
    };
    let (first, next) = list(&all);
    assert_eq!((first, next), (vec![ids[4], ids[3]], Some(ids[3])));
    let (second, _) = list(&RunQuery {
        before: next,
        ..all
    });
    assert_eq!(second, [ids[2], ids[1]]);
    let of = |status, workflow: &str| RunQuery {
        status,
        workflow: Some(workflow.into()),
        limit: 10,
        ..RunQuery::default()
    };
    assert_eq!(
        list(&of(Some(Status::Completed), "w")),
        (vec![ids[1]], None)
    );
    assert_eq!(list(&of(Some(Status::Pending), "w")).0.len(), 4);
    assert_eq!(list(&of(None, "w")).0.len(), 5);
    assert_eq!(list(&of(None, "other")).0.len(), 0);
}

fn runs_are_listed_by_a_range_of_ids_page_by_page(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let ids: Vec<RunId> = (0..6).map(|_| world.start()).collect();
    world
        .commit(ids[2], 0, last_activation(world.now(), None))
        .unwrap();
    let check = |status, workflow: Option<&str>, limit, expected: &[&[RunId]]| {
        let mut query = RunQuery {
            ids: Some((ids[1], ids[4])),
            status,
            workflow: workflow.map(Into::into),
            limit,
            ..RunQuery::default()
        };
        for page in expected {
            let (found, next) = world.list(&query);
            assert_eq!(found, *page, "{query:?}");
            query.before = next;
        }
        assert_eq!(query.before, None, "{query:?}");
    };
    check(None, None, 10, &[&[ids[4], ids[3], ids[2], ids[1]]]);
    check(None, None, 3, &[&[ids[4], ids[3], ids[2]], &[ids[1]]]);
    check(None, Some("w"), 3, &[&[ids[4], ids[3], ids[2]], &[ids[1]]]);
    check(
        Some(Status::Pending),
        None,
        2,
        &[&[ids[4], ids[3]], &[ids[1]]],
    );
    check(Some(Status::Completed), Some("w"), 2, &[&[ids[2]]]);
    check(Some(Status::Failed), None, 2, &[&[]]);
    let one = RunQuery {
        ids: Some((ids[3], ids[3])),
        limit: 2,
        ..RunQuery::default()
    };
    assert_eq!(world.list(&one), (vec![ids[3]], None));
}

fn a_run_is_deleted_once_it_has_ended_with_all_it_owns(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    world.accept(id, "a");
    let delete = || run(world.store.delete_run(id)).unwrap();
    assert_eq!(delete(), Deleted::Alive(Status::Suspended));
    assert!(world.view(id).is_some());
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert_eq!(delete(), Deleted::Now(Status::Cancelled));
    assert!(world.view(id).is_none());
    assert_eq!(delete(), Deleted::Unknown);
    world.retire();
    assert_eq!(world.journal(id), []);
    assert_eq!(run(world.store.inbox_bytes()).unwrap(), 0);
    world.at(1_000 + RETENTION);
    world.retire();
    assert_eq!(run(world.store.next_expiry()).unwrap(), None);
}

/// A page holds many runs at once, and an author can make a message as large as a body.
fn lists_cut_long_messages_between_characters(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let mut new = activation(world.now(), None, vec![]);
    let message = "é".repeat(1_000_000);
    let failure = Failure {
        code: "author".into(),
        message: message.clone(),
    };
    new.activation.end = Some(End::Failed {
        failure,
        backtrace: None,
    });
    world.commit(id, 0, new).unwrap();
    let all = RunQuery {
        limit: 10,
        ..RunQuery::default()
    };
    let page = run(world.store.runs(all)).unwrap();
    let listed = page.runs[0].state.failure.clone().unwrap().message;
    assert_eq!(listed, format!("{}…", "é".repeat(512)));
    assert_eq!(
        world.state(id).failure.unwrap().message,
        message,
        "the run has it whole"
    );
}

fn an_ended_run_is_removed_when_its_time_is_over_with_all_it_owns(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    world.accept(id, "a");
    run(world.store.notify_run(id, "e".into(), payload("x"), MAIL)).unwrap();
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert_eq!(world.state(id).untaken, 2);
    world.at(1_000 + RETENTION - 1);
    assert!(!run(world.store.retire()).unwrap());
    assert!(world.view(id).is_some());
    world.at(1_000 + RETENTION);
    world.retire();
    assert!(world.view(id).is_none());
    assert_eq!(world.journal(id), []);
    assert!(world.webhooks(id, 10).is_none());
    let all = RunQuery {
        limit: 10,
        ..RunQuery::default()
    };
    assert_eq!(world.list(&all), (vec![], None));
    assert_eq!(
        world.accept(id, "b"),
        Accepted::Refused(RequestRefused::Ended),
        "its token proves that it was"
    );
}

fn a_full_disk_refuses_writes_and_not_reads_and_goes_on_by_itself(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    world.machine.fill(true);
    let refused = world.send(world.request(id, "a"));
    assert!(matches!(refused, Err(WriteError::Full)), "{refused:?}");
    assert!(world.store.is_full());
    assert!(world.view(id).is_some());
    world.machine.fill(false);
    assert!(
        !world.store.is_full(),
        "nobody has to write for that to be seen"
    );
    run(world.store.probe()).unwrap();
    assert_eq!(world.accept(id, "a"), queued(true, 0));
    assert!(!world.store.is_full());
}

/// They are in no index of their own, but among those that are due.
fn pending_runs_are_listed_without_others_that_are_due(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let pending = world.start();
    let due = world.run_with(vec![wait(None)]);
    world.accept(due, "a");
    assert_eq!(world.due(), [pending, due]);
    let list = |status| {
        let query = RunQuery {
            status: Some(status),
            limit: 10,
            ..RunQuery::default()
        };
        world.list(&query).0
    };
    assert_eq!(list(Status::Pending), [pending]);
    assert_eq!(list(Status::Suspended), [due]);
}
