//! Runs that are taken back to before one of their steps was answered.

use bytes::Bytes;
use dormouse_journal::{
    Channel, End, Failure, GuestLimits, Kind, Open, OperationNumber, Outcome, Response,
    RetryPolicy, Source, Status, Time,
};
use dormouse_store::{AttemptMade, AttemptNoted, Attempts, NewCall, Restore, TakeBack, TakenBack};

use crate::on_both_grounds;
use crate::support::limits;
use crate::support::{
    HOOK, RETENTION, StoreKind, World, activation, call, last_activation, payload, run, wait,
    wait_event,
};

on_both_grounds! {
    an_event_reaches_the_waits_of_a_run_that_is_being_taken_back,
    requests_taken_since_are_in_the_inboxes_again_and_the_journal_continues_in_a_branch,
    an_event_that_the_step_got_in_the_activation_that_failed_comes_again,
    a_deadline_passes_although_there_is_a_result_from_after_it,
    a_late_word_of_a_call_that_is_made_again_changes_nothing,
    unused_preparations_are_removed,
    a_run_that_has_moved_on_or_ended_is_not_taken_back,
}

fn call_kind() -> Kind {
    Kind::Call {
        method: "GET".into(),
        url: "http://service.example/".into(),
        retry: RetryPolicy::default(),
    }
}

fn answer(status: u16) -> AttemptMade {
    AttemptMade::Done(Ok(Response {
        status,
        headers: Vec::new(),
        body: Bytes::new(),
    }))
}

/// Restores all, with the store opened anew before each piece. Returns the calls that are to be made.
pub(crate) fn restore(world: &mut World) -> Vec<(u32, Attempts)> {
    let mut calls = Vec::new();
    while run(world.store.has_orders()).unwrap() {
        world.reopen();
        let carried = run(world.store.serve_orders(None, limits())).unwrap();
        let made = carried.calls.into_iter();
        calls.extend(made.map(|call| (call.operation.0, call.attempts)));
    }
    calls
}

/// Asks for a run to be taken back to the point after this many activations and operations.
pub(crate) fn request(
    world: &World,
    id: dormouse_journal::RunId,
    keep: u32,
    operations: u32,
) -> TakeBack {
    let view = world.view(id).unwrap();
    TakeBack {
        run: id,
        activations: view.state.activations,
        tries: view.state.tries,
        keep,
        operations,
        journal_bytes: 10,
        step: (OperationNumber(1), "step".into()),
        restores: 0,
        version: view.run.version,
        limits: GuestLimits {
            memory: 1,
            stack: 1,
        },
        in_flight: Vec::new(),
        anyway: false,
        dry_run: false,
    }
}

fn an_event_reaches_the_waits_of_a_run_that_is_being_taken_back(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    world.at(1_000);
    let id = world.run_with(vec![wait_event(None), wait(None)]);
    world.notify("e", payload("before"));
    let result = Source::Arrival {
        channel: Channel::Result(OperationNumber(1)),
        place: 0,
    };
    let outcome = Outcome::Event(Some(payload("before")));
    let taken = activation(world.now(), Some((1, outcome, result)), vec![]);
    world.commit(id, 1, taken).unwrap();
    world.at(2_000);
    let rows = vec![Restore::Open {
        operation: OperationNumber(1),
        open: Open {
            step: "step".into(),
            kind: wait_event(None),
            issued: Time(1_000),
            abandoned: false,
        },
        is_done_again: true,
    }];
    assert!(run(world.store.prepare_back(id, 0, 0, rows)).unwrap());
    let back = TakeBack {
        restores: 1,
        ..request(&world, id, 1, 3)
    };
    world.decide("e", payload("before the decision"));
    let taken = run(world.store.take_back(back)).unwrap();
    assert_eq!(taken, TakenBack::Now(Status::Running));
    world.decide("e", payload("after the decision"));
    assert!(world.serve().iter().all(|served| served.reached.is_empty()));
    restore(&mut world);
    let reached = world.serve().into_iter().flat_map(|served| served.reached);
    let reached: Vec<_> = reached.map(|(_, run)| run).collect();
    assert_eq!(reached, [id]);
    let arrived = world.arrival(id, Channel::Result(OperationNumber(1)), 0);
    let expected = Outcome::Event(Some(payload("after the decision")));
    assert_eq!(arrived, Some(expected));
}

fn requests_taken_since_are_in_the_inboxes_again_and_the_journal_continues_in_a_branch(
    store_kind: StoreKind,
) {
    let mut world = World::new(store_kind);
    world.at(1_000);
    // Operation 0 makes the webhook, 1 is a call, 2 a wait for an event.
    let id = world.start();
    let create = Kind::CreateWebhook {
        webhook: HOOK,
        url: "http://host/hooks/t".into(),
        options: dormouse_journal::WebhookOptions::default(),
    };
    let mut first = activation(
        world.now(),
        None,
        vec![create, call_kind(), wait_event(None)],
    );
    first.calls = vec![NewCall {
        operation: OperationNumber(1),
        call: call(RetryPolicy::default()),
    }];
    world.commit(id, 0, first).unwrap();
    world.at(1_010);
    world.attempt(id, 1, 1, answer(200));
    let result = |operation| Source::Arrival {
        channel: Channel::Result(OperationNumber(operation)),
        place: 0,
    };
    let outcome = world
        .arrival(id, Channel::Result(OperationNumber(1)), 0)
        .unwrap();
    let given = Some((1, outcome, result(1)));
    let second = activation(world.now(), given, vec![wait(None), call_kind()]);
    world.commit(id, 1, second).unwrap();
    // A request is taken by what is set aside, an event to all by what was open.
    world.at(1_020);
    world.accept(id, "one");
    world.accept(id, "two");
    let hook = Source::Arrival {
        channel: Channel::Webhook(HOOK),
        place: 0,
    };
    let taken = activation(
        world.now(),
        Some((3, world.delivery(id, 0), hook)),
        vec![wait_event(None)],
    );
    world.commit(id, 2, taken).unwrap();
    world.at(1_030);
    world.notify("e", payload("all"));
    let outcome = Outcome::Event(Some(payload("all")));
    let mut third = activation(world.now(), Some((2, outcome.clone(), result(2))), vec![]);
    let mut origin = third.activation.origin.take().unwrap();
    origin.event = Some("e".into());
    origin.accepted = Time(1_025);
    third.activation.origin = Some(origin.clone());
    world.commit(id, 3, third).unwrap();
    let mut fourth = activation(world.now(), Some((5, outcome, result(5))), vec![]);
    origin.source = result(5);
    fourth.activation.origin = Some(origin);
    world.commit(id, 4, fourth).unwrap();
    let aside = world.journal(id);
    assert_eq!(aside.len(), 5);

    world.at(2_000);
    let now = world.now();
    let reopened = |operation: u32, kind: Kind, issued, is_done_again| Restore::Open {
        operation: OperationNumber(operation),
        open: Open {
            step: "step".into(),
            kind,
            issued,
            abandoned: false,
        },
        is_done_again,
    };
    let rows = vec![
        reopened(1, call_kind(), now, true),
        reopened(2, wait_event(None), Time(1_000), false),
        Restore::Call {
            operation: OperationNumber(1),
            call: call(RetryPolicy::default()),
            repeats: 1,
        },
    ];
    assert!(run(world.store.prepare_back(id, 0, 0, rows)).unwrap());
    let back = TakeBack {
        restores: 3,
        ..request(&world, id, 1, 3)
    };
    let taken = run(world.store.take_back(back)).unwrap();
    assert_eq!(taken, TakenBack::Now(Status::Running));
    assert_eq!(world.due(), [], "nothing is executed meanwhile");
    let calls = restore(&mut world);
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].0, calls[0].1.scheduled), (1, 1));
    let state = world.state(id);
    assert_eq!(
        (state.activations, state.operations, state.tries),
        (1, 3, 1)
    );
    let open: Vec<_> = world
        .open(id, 10)
        .into_iter()
        .map(|(number, _)| number.0)
        .collect();
    assert_eq!(open, [1, 2]);
    let webhook = world.webhook(id, 0).unwrap();
    assert_eq!(
        (webhook.queued, webhook.delivered, webhook.waits),
        (2, 0, 0)
    );
    let Outcome::Delivery(Some(delivery)) = world.delivery(id, 0) else {
        panic!("the request is lost");
    };
    assert_eq!(
        (delivery.id.as_str(), delivery.accepted),
        ("request one", Time(1_020))
    );
    // What was open has its event, and the wait that was made since has left its own in the inbox.
    let event = Outcome::Event(Some(payload("all")));
    let channel = Channel::Result(OperationNumber(2));
    assert_eq!(world.arrival(id, channel.clone(), 0), Some(event.clone()));
    assert_eq!(world.head(id, &channel).unwrap().accepted, Time(1_025));
    let mail = Channel::Event("e".into());
    let head = world.head(id, &mail).unwrap();
    assert_eq!(world.arrival(id, mail, head.place), Some(event));
    assert_eq!(world.calls(), [(id, OperationNumber(1))]);
    assert_eq!(world.keys("restores"), [""; 0]);

    // Its journal goes on, and what was set aside is kept beside it.
    assert_eq!(world.journal(id), aside[..1]);
    world.at(2_010);
    let mut on = activation(world.now(), None, vec![]);
    on.activation.time = Time(2_011);
    on.tries = 1;
    world.commit(id, 1, on.clone()).unwrap();
    assert_eq!(world.journal(id), [aside[0].clone(), on.activation]);
    let tries = run(world.store.tries(id, 10)).unwrap();
    assert_eq!((tries.len(), tries[0].1.from, tries[0].1.until), (1, 1, 5));
    let page = run(world.store.set_aside_journal(id, tries[0].0, 0, 10)).unwrap();
    assert_eq!(page.unwrap().activations, aside[1..]);
}

fn an_event_that_the_step_got_in_the_activation_that_failed_comes_again(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    let id = world.run_with(vec![wait_event(None)]);
    let issued = world.now();
    world.notify("e", payload("all"));
    let channel = Channel::Result(OperationNumber(1));
    let event = world.arrival(id, channel.clone(), 0).unwrap();
    let source = Source::Arrival { channel, place: 0 };
    let mut last = activation(world.now(), Some((1, event.clone(), source)), Vec::new());
    last.activation.end = Some(End::Failed {
        failure: Failure {
            code: "once".into(),
            message: String::new(),
        },
        backtrace: None,
    });
    world.commit(id, 1, last).unwrap();

    let again = Restore::Open {
        operation: OperationNumber(1),
        open: Open {
            step: "step".into(),
            kind: wait_event(None),
            issued,
            abandoned: false,
        },
        is_done_again: true,
    };
    assert!(run(world.store.prepare_back(id, 0, 0, vec![again])).unwrap());
    let back = TakeBack {
        restores: 1,
        ..request(&world, id, 1, 2)
    };
    let taken = run(world.store.take_back(back)).unwrap();
    assert!(matches!(taken, TakenBack::Now(_)), "{taken:?}");
    restore(&mut world);
    let mail = Channel::Event("e".into());
    let head = world.head(id, &mail).expect("the event is lost");
    assert_eq!(world.arrival(id, mail, head.place), Some(event));
}

/// A retry gives the waits of a run more time, and the run may be taken back to before that.
fn a_deadline_passes_although_there_is_a_result_from_after_it(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    let other = world.start();
    let waiting = Kind::WaitForRun {
        run: other.to_string(),
        timeout: Some(10),
    };
    let issued = world.now();
    let id = world.run_with(vec![waiting.clone()]);
    world
        .commit(other, 0, last_activation(world.now(), None))
        .unwrap();
    while run(world.store.has_orders()).unwrap() {
        run(world.store.serve_orders(None, limits())).unwrap();
    }
    let channel = Channel::Result(OperationNumber(1));
    let ended = world.arrival(id, channel.clone(), 0).unwrap();
    let source = Source::Arrival {
        channel: channel.clone(),
        place: 0,
    };
    let mut taken = activation(world.now(), Some((1, ended, source)), vec![wait(None)]);
    if let Some(origin) = &mut taken.activation.origin {
        origin.accepted = issued.after(50);
    }
    world.commit(id, 1, taken).unwrap();

    world.at(issued.after(100).0);
    let again = Restore::Open {
        operation: OperationNumber(1),
        open: Open {
            step: "step".into(),
            kind: waiting,
            issued,
            abandoned: false,
        },
        is_done_again: false,
    };
    assert!(run(world.store.prepare_back(id, 0, 0, vec![again])).unwrap());
    let back = TakeBack {
        restores: 1,
        step: (OperationNumber(2), "step".into()),
        ..request(&world, id, 1, 2)
    };
    let taken = run(world.store.take_back(back)).unwrap();
    assert!(matches!(taken, TakenBack::Now(_)), "{taken:?}");
    restore(&mut world);
    assert_eq!(world.head(id, &channel).unwrap().accepted, issued.after(50));
    let timed_out = Some((1, Outcome::RunEnded(Ok(None)), Source::Deadline));
    let mut next = activation(world.now(), timed_out, Vec::new());
    next.tries = 1;
    world.commit(id, 1, next).unwrap();
    assert!(world.head(id, &channel).is_none());
}

fn a_late_word_of_a_call_that_is_made_again_changes_nothing(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let slept = |number| Some((number, Outcome::Slept, Source::Deadline));
    let calling = |number, tries| {
        let mut calling = activation(world.now(), slept(1), vec![call_kind()]);
        calling.tries = tries;
        calling.calls = vec![NewCall {
            operation: OperationNumber(number),
            call: call(RetryPolicy::default()),
        }];
        calling
    };
    world.commit(id, 1, calling(2, 0)).unwrap();
    let first = run(world.store.calls(None, 10)).unwrap().calls[0].attempts;
    let taken = run(world.store.take_back(request(&world, id, 1, 2))).unwrap();
    assert_eq!(taken, TakenBack::Now(Status::Running));
    restore(&mut world);
    assert_eq!(world.calls(), []);
    let mut again = activation(Time(world.state(id).time.0), slept(1), vec![call_kind()]);
    again.tries = 1;
    again.calls = vec![NewCall {
        operation: OperationNumber(2),
        call: call(RetryPolicy::default()),
    }];
    world.commit(id, 1, again).unwrap();
    let over = crate::support::no_limit();
    let late = run(world
        .store
        .attempt_made(id, OperationNumber(2), first, answer(200), over));
    assert_eq!(late.unwrap(), AttemptNoted::Unwanted);
    assert_eq!(world.attempt(id, 2, 1, answer(201)), AttemptNoted::Recorded);
}

fn unused_preparations_are_removed(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let row = Restore::Open {
        operation: OperationNumber(1),
        open: world.open(id, 1)[0].1.clone(),
        is_done_again: false,
    };
    assert!(run(world.store.prepare_back(id, 0, 0, vec![row])).unwrap());
    assert_eq!(world.keys("restores").len(), 1);
    world.at(600_000 + world.now().0);
    world.retire();
    assert_eq!(world.keys("restores"), [""; 0]);
}

fn a_run_that_has_moved_on_or_ended_is_not_taken_back(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let ask = |back: TakeBack| run(world.store.take_back(back)).unwrap();
    let asked = request(&world, id, 0, 0);
    for moved in [
        TakeBack {
            tries: 1,
            ..asked.clone()
        },
        TakeBack {
            activations: 2,
            ..asked.clone()
        },
        // What was prepared is gone.
        TakeBack {
            restores: 1,
            ..asked.clone()
        },
    ] {
        assert_eq!(ask(moved), TakenBack::Moved);
    }
    let dry_run = TakeBack {
        dry_run: true,
        ..asked.clone()
    };
    assert_eq!(ask(dry_run), TakenBack::Could);
    let options = dormouse_journal::CancelOptions::default();
    run(world.store.cancel(id, options, RETENTION)).unwrap();
    assert_eq!(ask(asked), TakenBack::Ended(Status::Cancelled));
}
