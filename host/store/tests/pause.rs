//! Pauses: requests that are refused or kept, and work of paused runs, which is in no table that is
//! scanned.

use bytes::Bytes;
use dormouse_journal::{
    CancelOptions, Channel, Kind, OperationNumber, Request, RetryPolicy, RunId, Source, Status,
    Time,
};
use dormouse_store::{
    AttemptMade, AttemptNoted, Call, Cancelled, CommitRefused, Due, NewCall, Pausable, Paused,
    PausedBy, PutBack, RunQuery, Unpaused,
};

use crate::on_both_grounds;
use crate::support::{
    RETENTION, StoreKind, World, activation, last_activation, queued, run, wait, wait_event,
};

on_both_grounds! {
    a_paused_run_accepts_and_commits_nothing_until_it_goes_on,
    due_work_of_paused_runs_is_set_aside_and_put_back,
    a_page_of_due_work_says_which_of_its_runs_are_paused,
    a_call_of_a_paused_run_is_set_aside_and_still_recorded,
    a_timeout_and_a_grace_of_a_paused_run_pass_when_it_goes_on,
    putting_back_goes_on_after_a_restart_where_it_was,
    a_run_that_is_paused_itself_stays_paused_when_its_workflow_is_resumed,
    a_cancelled_run_leaves_nothing_of_its_pause,
    pending_runs_that_were_set_aside_are_listed,
}

fn workflow() -> Pausable {
    Pausable::Workflow("w".into())
}

fn pause(world: &World, what: Pausable) -> Paused {
    run(world.store.pause(what)).unwrap()
}

fn unpause(world: &World, what: Pausable) -> Unpaused {
    run(world.store.unpause(what)).unwrap()
}

fn paused(world: &World, id: RunId) -> Option<PausedBy> {
    world.view(id).unwrap().paused.map(|pause| pause.by)
}

fn set_aside(world: &World, works: &[Due]) -> Vec<Due> {
    run(world.store.set_aside(works.to_vec())).unwrap()
}

/// Puts everything back.
fn put_back(world: &World) -> PutBack {
    let mut all = PutBack::default();
    while run(world.store.is_resuming()).unwrap() {
        let piece = run(world.store.put_back(all.last.take())).unwrap();
        all.woken.extend(piece.woken);
        all.calls.extend(piece.calls);
        all.last = piece.last;
    }
    all
}

fn a_paused_run_accepts_and_commits_nothing_until_it_goes_on(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None), wait(None)]);
    for what in [Pausable::Run(id), workflow(), Pausable::Host] {
        let place = world.webhook(id, 0).unwrap().next_place;
        assert_eq!(pause(&world, what.clone()), Paused::Now);
        assert_eq!(pause(&world, what.clone()), Paused::Before);
        assert!(paused(&world, id).is_some());
        assert_eq!(world.accept(id, "kept"), queued(true, place));
        let delivered = world.delivery(id, 0);
        let source = Source::Arrival {
            channel: Channel::Webhook(crate::support::HOOK),
            place: 0,
        };
        let take = || last_activation(world.now(), Some((0, delivered.clone(), source.clone())));
        assert_eq!(world.commit(id, 1, take()), Err(CommitRefused::Paused));
        assert!(matches!(unpause(&world, what.clone()), Unpaused::Now(None)));
        assert!(matches!(unpause(&world, what), Unpaused::WasNot(None)));
        assert_eq!(paused(&world, id), None);
    }
    let delivered = world.delivery(id, 0);
    let source = Source::Arrival {
        channel: Channel::Webhook(crate::support::HOOK),
        place: 0,
    };
    let take = last_activation(world.now(), Some((0, delivered, source)));
    assert_eq!(world.commit(id, 1, take).unwrap().status, Status::Completed);
    let ended = Paused::Ended(Status::Completed);
    assert_eq!(pause(&world, Pausable::Run(id)), ended);
    let nobody = Pausable::Workflow("none".into());
    assert_eq!(pause(&world, nobody.clone()), Paused::Unknown);
    assert_eq!(unpause(&world, nobody), Unpaused::Unknown);
    assert!(run(world.store.pauses()).unwrap().is_empty());
}

fn due_work_of_paused_runs_is_set_aside_and_put_back(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let waiting = world.run_with(vec![wait(None)]);
    let sleeping = world.run_with(vec![Kind::Sleep { duration: 500 }]);
    let other = world.run_with(vec![Kind::Sleep { duration: 500 }]);
    let timers = world.timers();
    pause(&world, workflow());
    world.accept(waiting, "kept");
    assert_eq!(world.due(), [waiting]);
    let works = [
        Due::Run(waiting),
        Due::Timer(sleeping, OperationNumber(1)),
        Due::Timer(other, OperationNumber(1)),
    ];
    assert_eq!(set_aside(&world, &works), []);
    assert_eq!((world.due(), world.timers()), (Vec::new(), Vec::new()));
    // It comes due again, and is found again.
    world.accept(waiting, "kept too");
    assert_eq!(world.due(), []);

    unpause(&world, workflow());
    let back = put_back(&world);
    assert_eq!(back.woken, [waiting, sleeping, other]);
    assert_eq!(world.due(), [waiting]);
    assert_eq!(world.timers(), timers);
    // What is not paused is not set aside.
    assert_eq!(set_aside(&world, &works), works);
    assert_eq!(world.timers(), timers);
}

/// Returns what each look at due work says of the runs that are paused, in the order of runs, timers, calls.
fn told(world: &World) -> [Vec<(RunId, PausedBy)>; 3] {
    let due = run(world.store.due_runs(None, 100)).unwrap();
    let timers = run(world.store.timers(None, Time(u64::MAX).into(), 100)).unwrap();
    let calls = run(world.store.calls(None, 100)).unwrap();
    [due.paused, timers.paused, calls.paused]
        .map(|paused| paused.into_iter().map(|(id, by)| (id, by.by)).collect())
}

fn a_page_of_due_work_says_which_of_its_runs_are_paused(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let waiting = world.run_with(vec![wait(None)]);
    let others = [(); 2].map(|()| world.run_with(vec![Kind::Sleep { duration: 500 }]));
    let calls = [(); 2].map(|()| call(&world));
    world.accept(waiting, "kept");
    assert_eq!(told(&world), [vec![], vec![], vec![]]);
    for id in [waiting, others[1], calls[1]] {
        pause(&world, Pausable::Run(id));
    }
    let by = PausedBy::Run;
    let expected = [(waiting, by), (others[1], by), (calls[1], by)];
    assert_eq!(told(&world), expected.map(|one| vec![one]));
    pause(&world, Pausable::Host);
    let [due, timers, called] = told(&world);
    assert_eq!(due, [(waiting, by)]);
    assert_eq!(timers, [(others[0], PausedBy::Host), (others[1], by)]);
    assert_eq!(called, [(calls[0], PausedBy::Host), (calls[1], by)]);
}

fn call(world: &World) -> RunId {
    let id = world.start();
    let retry = RetryPolicy::default();
    let kind = Kind::Call {
        method: "GET".into(),
        url: "http://service.example/".into(),
        retry,
    };
    let mut first = activation(world.now(), None, vec![kind]);
    first.calls.push(NewCall {
        operation: OperationNumber(0),
        call: Call {
            request: Request {
                method: "GET".into(),
                url: "http://service.example/".into(),
                headers: Vec::new(),
                body: Bytes::from(vec![b'x'; 2_000]),
            },
            retry,
            timeout: 1_000,
            redirects: 0,
            idempotency_key: "key".into(),
            secret_headers: Vec::new(),
        },
    });
    world.commit(id, 0, first).unwrap();
    id
}

fn a_call_of_a_paused_run_is_set_aside_and_still_recorded(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let (first, second) = (call(&world), call(&world));
    let calls = world.calls();
    assert!(!world.sending(first, 0).unwrap().is_paused);
    pause(&world, Pausable::Host);
    assert!(world.sending(first, 0).unwrap().is_paused);
    let works: Vec<_> = calls.iter().map(|call| Due::Call(call.0, call.1)).collect();
    assert_eq!(set_aside(&world, &works), []);
    assert_eq!(world.calls(), []);
    assert!(world.sending(first, 0).is_none());
    // It is still seen as something that the run waits for.
    let shown = run(world.store.show(first, 5)).unwrap().unwrap();
    assert_eq!(shown.calls[0].1.attempts.scheduled, 1);
    // An attempt that was under way is kept.
    let again = AttemptMade::Again {
        next: Time(9_000),
        error: Some("status 503".into()),
    };
    assert_eq!(world.attempt(second, 0, 1, again), AttemptNoted::Recorded);
    let done = AttemptMade::Done(Err(dormouse_journal::CallError::TimedOut));
    assert_eq!(world.attempt(first, 0, 1, done), AttemptNoted::Recorded);
    assert_eq!(world.due(), [first]);

    unpause(&world, Pausable::Host);
    let back = put_back(&world);
    assert_eq!(back.calls.len(), 1);
    assert_eq!(back.calls[0].attempts.scheduled, 2);
    assert_eq!(world.calls(), [(second, OperationNumber(0))]);
    assert_eq!(world.keys("calls_aside"), [""; 0]);
    assert_eq!(world.keys("set_aside"), [""; 0]);
    let sending = world.sending(second, 0).unwrap();
    assert_eq!(sending.call.request.body.len(), 2_000);
}

fn a_timeout_and_a_grace_of_a_paused_run_pass_when_it_goes_on(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None), Kind::WaitForCancel { timeout: None }]);
    pause(&world, Pausable::Run(id));
    let options = CancelOptions {
        grace: Some(1_000),
        reason: None,
    };
    let asked = run(world.store.cancel(id, options, RETENTION)).unwrap();
    assert_eq!(asked, Cancelled::Asked);
    let asked_at = world.now().0;
    world.at(asked_at + 50_000);
    world.retire();
    assert!(!run(world.store.has_orders()).unwrap());
    assert_eq!(world.state(id).status, Status::Suspended);

    // It has all of its grace from here on.
    unpause(&world, Pausable::Run(id));
    put_back(&world);
    let until = world.state(id).cancel.unwrap().until;
    assert!(until.0 >= asked_at + 51_000, "{until:?}");
    world.retire();
    assert!(!run(world.store.has_orders()).unwrap());
    world.at(until.0 + 1);
    world.retire();
    assert!(run(world.store.has_orders()).unwrap());
}

fn putting_back_goes_on_after_a_restart_where_it_was(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    let runs: Vec<_> = (0..200)
        .map(|_| world.run_with(vec![Kind::Sleep { duration: 500 }]))
        .collect();
    let timers = world.timers();
    pause(&world, workflow());
    let work = |id: &RunId| Due::Timer(*id, OperationNumber(1));
    for runs in runs.chunks(64) {
        set_aside(&world, &runs.iter().map(work).collect::<Vec<_>>());
    }
    assert_eq!(world.timers(), []);
    unpause(&world, workflow());
    let first = run(world.store.put_back(None)).unwrap();
    assert!(first.more && first.woken.len() < runs.len());
    world.reopen();
    let rest = put_back(&world);
    // None is put back twice.
    assert_eq!(first.woken.len() + rest.woken.len(), runs.len());
    assert_eq!(world.timers(), timers);
    assert_eq!(world.keys("resuming"), [""; 0]);
}

fn a_run_that_is_paused_itself_stays_paused_when_its_workflow_is_resumed(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let (alone, other) = (
        world.run_with(vec![wait(None)]),
        world.run_with(vec![wait(None)]),
    );
    for what in [Pausable::Run(alone), workflow(), Pausable::Host] {
        pause(&world, what);
    }
    for id in [alone, other] {
        world.accept(id, "kept");
        set_aside(&world, &[Due::Run(id)]);
    }
    assert_eq!(paused(&world, other), Some(PausedBy::Workflow));
    assert!(matches!(unpause(&world, workflow()), Unpaused::Now(None)));
    assert_eq!(put_back(&world).woken, []);
    assert_eq!(paused(&world, other), Some(PausedBy::Host));
    unpause(&world, Pausable::Host);
    assert_eq!(put_back(&world).woken, [other]);
    assert_eq!(paused(&world, alone), Some(PausedBy::Run));
    pause(&world, workflow());
    let still = Unpaused::Now(Some(PausedBy::Workflow));
    assert_eq!(unpause(&world, Pausable::Run(alone)), still);
    assert_eq!(put_back(&world).woken, []);
    unpause(&world, workflow());
    assert_eq!(put_back(&world).woken, [alone]);
    assert_eq!(world.keys("set_aside"), [""; 0]);
}

fn a_cancelled_run_leaves_nothing_of_its_pause(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait_event(Some(500)), wait(None)]);
    pause(&world, Pausable::Run(id));
    world.accept(id, "kept");
    let works = [Due::Run(id), Due::Timer(id, OperationNumber(1))];
    set_aside(&world, &works);
    let cancelled = run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    assert_eq!(cancelled, Cancelled::Now);
    assert_eq!(paused(&world, id), None);
    assert!(run(world.store.pauses()).unwrap().is_empty());
    world.retire();
    assert_eq!(world.keys("set_aside"), [""; 0]);
    assert_eq!(world.keys("paused_runs"), [""; 0]);
    assert_eq!((world.due(), world.timers()), (Vec::new(), Vec::new()));
}

fn pending_runs_that_were_set_aside_are_listed(store_kind: StoreKind) {
    let world = World::new(store_kind);
    pause(&world, workflow());
    let (first, second) = (world.start(), world.start());
    set_aside(&world, &[Due::Run(first)]);
    assert_eq!(world.due(), [second]);
    let query = RunQuery {
        status: Some(Status::Pending),
        limit: 10,
        ..RunQuery::default()
    };
    assert_eq!(world.list(&query).0, [second, first]);
    unpause(&world, workflow());
    assert_eq!(put_back(&world).woken, [first]);
    assert_eq!(world.due(), [first, second]);
    assert_eq!(world.list(&query).0, [second, first]);
    // One that is cancelled while it lies aside is in no list of pending ones.
    pause(&world, workflow());
    set_aside(&world, &[Due::Run(first)]);
    run(world
        .store
        .cancel(first, CancelOptions::default(), RETENTION))
    .unwrap();
    assert_eq!(world.list(&query).0, [second]);
}
