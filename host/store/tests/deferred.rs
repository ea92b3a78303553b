//! Activations with more rows than one commit may write.

use crate::on_both_grounds;
use crate::support::limits;
use crate::support::{
    HOOK, RETENTION, StoreKind, World, activation, call, create, last_activation, payload, run,
    wait, wait_for,
};
use bytes::Bytes;
use dormouse_journal::{
    CancelOptions, Channel, End, Failure, Kind, Level, LogLine, NextGeneration, OperationNumber,
    Outcome, Payload, Reply, Response, RetryPolicy, RunId, Status, Time, WebhookNumber,
    WebhookOptions, WhenParentEnds,
};
use dormouse_store::{
    Accept, Accepted, Attempts, Broke, Carried, ChildStart, CommitRefused, Deleted, Incoming,
    NewActivation, NewCall, NewGeneration, NewNotify, NewOrder, NewResponse, NotifyTarget,
    RequestRefused, RetriedFailed, Served,
};

on_both_grounds! {
    everything_that_it_opens_is_there_at_the_end_and_no_commit_is_large,
    nothing_is_executed_before_the_end_and_a_crash_at_any_piece_changes_nothing,
    calls_events_and_starts_come_after_everything_that_was_opened,
    an_event_does_not_reach_the_waits_of_its_own_activation,
    an_event_that_is_added_behind_a_pass_costs_no_wait_its_event,
    an_event_reaches_the_waits_that_are_being_written_and_is_not_delayed_by_later_ones,
    a_webhook_that_is_being_written_is_to_come,
    a_run_that_fails_while_it_is_written_has_everything_when_it_is_retried,
    callers_are_answered_when_the_webhooks_are_there,
    a_cancel_in_the_middle_leaves_nothing,
    a_generation_with_much_open_ends_in_pieces,
    an_end_with_many_orders_and_lines_is_written_in_pieces,
    a_failed_run_is_retried_when_everything_is_written,
    many_futures_are_dropped_in_pieces,
    a_broken_activation_keeps_many_lines_in_small_commits,
}

/// The most rows of one commit.
const MOST: u64 = 4_096;

/// The number of operations of each kind.
const EACH: u32 = 1_500;

fn start_run() -> Kind {
    Kind::StartRun {
        workflow: "w".into(),
        version: None,
        when_parent_ends: WhenParentEnds::Leave,
    }
}

/// A call, as the operation of this number.
fn make_call(new: &mut NewActivation, operation: u32) {
    new.calls.push(NewCall {
        operation: OperationNumber(operation),
        call: call(RetryPolicy::default()),
    });
}

fn call_kind() -> Kind {
    Kind::Call {
        method: "GET".into(),
        url: "http://service.example/".into(),
        retry: RetryPolicy::default(),
    }
}

/// The start of a run, as the operation of this number.
fn start(operation: u32) -> NewOrder {
    let mut run = [0xEE; 16];
    run[12..].copy_from_slice(&operation.to_be_bytes());
    let child = ChildStart {
        operation: OperationNumber(operation),
        run: RunId(run),
        key: [1; 32],
        workflow: "w".into(),
        version: None,
        input: Payload::default(),
        when_parent_ends: WhenParentEnds::Leave,
        timeout: None,
        labels: Vec::new(),
    };
    NewOrder::Start(child, Vec::new())
}

fn notify(operation: u32) -> NewNotify {
    NewNotify {
        operation: OperationNumber(operation),
        event: "e".into(),
        to: NotifyTarget::Everyone,
        payload: payload("of its own"),
    }
}

fn line(number: u32) -> LogLine {
    LogLine {
        time: Time(1_000),
        level: Level::Info,
        message: number.to_string(),
    }
}

pub(crate) fn serve_orders(world: &World) -> Carried {
    let mut limits = limits();
    (limits.children.0, limits.body) = (u32::MAX, 1 << 20);
    run(world.store.serve_orders(None, limits)).unwrap()
}

/// Carries out all orders, and returns what each piece did.
pub(crate) fn carry_out(world: &World) -> Vec<Carried> {
    let mut pieces = Vec::new();
    while run(world.store.has_orders()).unwrap() {
        pieces.push(serve_orders(world));
        assert!(pieces.len() < 10_000, "it does not come to an end");
    }
    pieces
}

pub(crate) fn assert_bounded(world: &World) {
    let commits = world.store.commits();
    assert!(commits.rows_max <= MOST, "{commits:?}");
    assert!(world.keys("deferred").is_empty());
}

/// The operations of a run that makes webhooks, waits for them, sleeps, and waits for an event and for a run.
fn kinds() -> Vec<Kind> {
    let sleeps = (0..EACH).map(|number| Kind::Sleep {
        duration: 10_000 + u64::from(number),
    });
    let waits = (0..EACH).map(wait_for);
    let others = [
        Kind::WaitForEvent {
            event: "e".into(),
            timeout: None,
        },
        Kind::WaitForRun {
            run: RunId([0xAA; 16]).to_string(),
            timeout: None,
        },
        Kind::CloseWebhook {
            webhook: WebhookNumber(7),
        },
    ];
    let kinds = (0..EACH).map(create).chain(waits).chain(sleeps);
    kinds.chain(others).collect()
}

/// The tables in which operations and webhooks are found.
const TABLES: [&str; 8] = [
    "open",
    "timers",
    "webhooks",
    "event_waits",
    "mailboxes",
    "results",
    "calls",
    "due",
];

fn found(world: &World) -> Vec<Vec<String>> {
    TABLES.iter().map(|table| world.keys(table)).collect()
}

fn everything_that_it_opens_is_there_at_the_end_and_no_commit_is_large(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let activated = world
        .commit(id, 0, activation(world.now(), None, kinds()))
        .unwrap();
    assert!(activated.is_deferred && activated.ordering && !activated.is_due);
    assert_eq!(activated.status, Status::Running);
    let pieces = carry_out(&world);
    assert!(pieces.len() > 3, "{}", pieces.len());
    let last = pieces.last().unwrap();
    // It has the outcome of the wait for an unknown run.
    assert_eq!(
        (&last.woken, &last.settled),
        (&vec![id], &vec![(id, Status::Running)])
    );
    assert_bounded(&world);

    // The same operations, in activations that are written at once.
    let few = World::new(store_kind);
    let same = few.start();
    assert_eq!(same, id);
    for (number, kinds) in (0..).zip(kinds().chunks(100)) {
        let new = activation(few.now(), None, kinds.to_vec());
        let activated = few.commit(id, number, new).unwrap();
        assert!(!activated.is_deferred);
    }
    assert_eq!(found(&world), found(&few));
    let open = |world: &World| world.open(id, usize::MAX);
    assert_eq!(open(&world), open(&few));
    let state = |world: &World| {
        let state = world.state(id);
        (
            state.operations,
            state.ready,
            state.is_restoring,
            state.is_due(),
            state.time,
        )
    };
    assert_eq!(state(&world), state(&few));
    for number in [0, 7, EACH - 1] {
        let webhook = world.webhook(id, number).unwrap();
        assert_eq!((webhook.waits, webhook.closed), (1, number == 7));
    }
    let urls = world.webhooks(id, usize::MAX).unwrap();
    assert!(urls.iter().all(|view| !view.url.is_empty()));
    assert_eq!(world.journal(id).len(), 1, "it is one activation");
}

fn nothing_is_executed_before_the_end_and_a_crash_at_any_piece_changes_nothing(
    store_kind: StoreKind,
) {
    let mut world = World::new(store_kind);
    let id = world.start();
    world
        .commit(id, 0, activation(world.now(), None, kinds()))
        .unwrap();
    let mut pieces = 0;
    while run(world.store.has_orders()).unwrap() {
        let refused = world.commit(id, 1, activation(world.now(), None, Vec::new()));
        assert_eq!(refused.unwrap_err(), CommitRefused::Moved);
        assert!(world.due().is_empty());
        world.reopen();
        serve_orders(&world);
        pieces += 1;
    }
    assert!(pieces > 3);
    assert_bounded(&world);
    assert_eq!(world.due(), [id], "the wait for a run has its outcome");
    let whole = World::new(store_kind);
    assert_eq!(whole.start(), id);
    whole
        .commit(id, 0, activation(whole.now(), None, kinds()))
        .unwrap();
    carry_out(&whole);
    assert_eq!(found(&world), found(&whole));
}

fn calls_events_and_starts_come_after_everything_that_was_opened(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let other = world.run_with(vec![crate::support::wait_event(None)]);
    let id = world.start();
    let kinds = [
        call_kind(),
        Kind::Notify {
            event: "e".into(),
            run: None,
        },
        start_run(),
    ];
    let kinds = kinds
        .into_iter()
        .chain((0..EACH).map(create))
        .chain((0..EACH).map(wait_for));
    let mut new = activation(world.now(), None, kinds.collect());
    make_call(&mut new, 0);
    new.notifies.push(notify(1));
    new.orders.push(start(2));
    world.commit(id, 0, new).unwrap();
    let mut asked = false;
    while run(world.store.has_orders()).unwrap() {
        let carried = serve_orders(&world);
        let waits = world.open(id, usize::MAX).len();
        let asks = !carried.calls.is_empty() || carried.broadcasting || !carried.told.is_empty();
        asked |= asks;
        assert!(!asks || waits >= EACH as usize, "{waits} are open");
        let started = run(world.store.state(RunId(start_id(2)))).unwrap();
        assert!(started.is_none() || waits >= EACH as usize);
    }
    assert!(asked);
    assert_eq!(world.calls(), [(id, OperationNumber(0))]);
    let reached: Vec<RunId> = world.serve().into_iter().flat_map(reached).collect();
    assert_eq!(reached, [other]);
    assert_eq!(
        world.arrival(id, Channel::Result(OperationNumber(1)), 0),
        Some(Outcome::Notified(1))
    );
    let Some(Outcome::Started(Ok(child))) =
        world.arrival(id, Channel::Result(OperationNumber(2)), 0)
    else {
        panic!("it was told of no start");
    };
    assert_eq!(child.parse(), Ok(RunId(start_id(2))));
    assert_eq!(world.state(id).notifying, 0);
    assert_bounded(&world);
}

fn start_id(operation: u32) -> [u8; 16] {
    match start(operation) {
        NewOrder::Start(child, _) => child.run.0,
        NewOrder::Cancel { .. } => [0; 16],
    }
}

pub(crate) fn reached(served: Served) -> impl Iterator<Item = RunId> {
    served.reached.into_iter().map(|(_, run)| run)
}

fn an_event_does_not_reach_the_waits_of_its_own_activation(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let sends = |number: u32| number.is_multiple_of(2);
    let kinds = (0..2 * EACH).map(|number| match sends(number) {
        true => Kind::Notify {
            event: "e".into(),
            run: None,
        },
        false => crate::support::wait_event(None),
    });
    let mut new = activation(world.now(), None, kinds.collect());
    new.notifies = (0..2 * EACH)
        .filter(|number| sends(*number))
        .map(notify)
        .collect();
    world.commit(id, 0, new).unwrap();
    // Somebody else's events are for these waits, also those that come between two pieces.
    serve_orders(&world);
    world.decide("other", payload("x"));
    carry_out(&world);
    assert!(world.serve().into_iter().flat_map(reached).next().is_none());
    let told = world.arrival(id, Channel::Result(OperationNumber(0)), 0);
    assert_eq!(told, Some(Outcome::Notified(0)));
    assert_eq!(world.state(id).notifying, 0);
    assert_eq!(world.notify("e", payload("x")).len(), EACH as usize);
    assert_bounded(&world);
}

fn an_event_that_is_added_behind_a_pass_costs_no_wait_its_event(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let sender = world.start();
    let kinds = (0..EACH).map(create).chain((0..EACH).map(wait_for));
    let kinds = kinds.chain([Kind::Notify {
        event: "e".into(),
        run: None,
    }]);
    let mut new = activation(world.now(), None, kinds.collect());
    new.notifies.push(notify(2 * EACH));
    world.decide("e", payload("before everything"));
    let waiter = world.run_with(vec![crate::support::wait_event(None)]);
    // More than one piece, so that the pass goes by the first.
    let others: Vec<RunId> = (0..80)
        .map(|_| world.run_with(vec![crate::support::wait_event(None)]))
        .collect();
    world.commit(sender, 0, new).unwrap();
    let later = world.decide("e", payload("after the activation"));
    let served = run(world.store.serve_events(None)).unwrap();
    assert!(served.more);
    carry_out(&world);
    let all: Vec<_> = std::iter::once(served).chain(world.serve()).collect();
    let mut runs: Vec<RunId> = all
        .iter()
        .flat_map(|served| &served.reached)
        .map(|(_, run)| *run)
        .collect();
    runs.sort_unstable();
    let mut expected: Vec<RunId> = others.into_iter().chain([waiter]).collect();
    expected.sort_unstable();
    assert_eq!(runs, expected, "{later:?}");
    let outcome = world.arrival(waiter, Channel::Result(OperationNumber(1)), 0);
    assert!(
        matches!(outcome, Some(Outcome::Event(Some(_)))),
        "{outcome:?}"
    );
}

fn an_event_reaches_the_waits_that_are_being_written_and_is_not_delayed_by_later_ones(
    store_kind: StoreKind,
) {
    let world = World::new(store_kind);
    let waits = |many: u32| -> Vec<Kind> {
        let creates = (0..many).map(create);
        let waits = (0..EACH).map(|_| crate::support::wait_event(None));
        creates.chain(waits).collect()
    };
    let other = world.run_with(vec![crate::support::wait_event(None)]);
    let first = world.start();
    let new = activation(world.now(), None, waits(EACH));
    assert!(world.commit(first, 0, new).unwrap().is_deferred);
    serve_orders(&world);
    let event = world.decide("e", payload("in the middle"));
    let later = world.start();
    let new = activation(world.now(), None, waits(3 * EACH));
    assert!(world.commit(later, 0, new).unwrap().is_deferred);
    let served = world.serve();
    assert_eq!(served.len(), 1, "it waits without being asked again");
    assert!(served[0].reached.is_empty() && served[0].finished.is_empty());
    // An event that was decided after all commits does not overtake it.
    world.decide("e", payload("last"));
    loop {
        let carried = serve_orders(&world);
        if carried.broadcasting {
            break;
        }
    }
    assert!(world.state(later).is_restoring, "this one goes on");
    let reached: Vec<_> = world.serve().into_iter().flat_map(reached).collect();
    let of = |run| reached.iter().filter(|reached| **reached == run).count();
    assert_eq!((of(other), of(first), of(later)), (1, EACH as usize, 0));
    let number = |operation| Channel::Result(OperationNumber(operation));
    for operation in [EACH, 2 * EACH - 1] {
        let arrived = world.arrival(first, number(operation), 0);
        let expected = Outcome::Event(Some(payload("in the middle")));
        assert_eq!(arrived, Some(expected), "{event:?}");
    }
    carry_out(&world);
    let reached: Vec<_> = world
        .serve()
        .into_iter()
        .flat_map(|served| served.reached)
        .collect();
    assert_eq!(reached.len(), EACH as usize);
    let arrived = world.arrival(later, number(4 * EACH - 1), 0);
    assert_eq!(arrived, Some(Outcome::Event(Some(payload("last")))));
    assert!(!run(world.store.is_broadcasting()).unwrap());
    assert!(world.keys("unsettled").is_empty());
    assert_bounded(&world);
}

fn a_webhook_that_is_being_written_is_to_come(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let last = 2 * EACH - 1;
    let kinds = (0..=last).map(create).collect();
    world
        .commit(id, 0, activation(world.now(), None, kinds))
        .unwrap();
    serve_orders(&world);
    let incoming = |webhook| run(world.store.incoming(id, WebhookNumber(webhook))).unwrap();
    let send = |webhook| {
        let webhook = WebhookNumber(webhook);
        let request = Accept {
            webhook,
            ..world.request(id, "a")
        };
        world.send(request).unwrap()
    };
    assert!(matches!(incoming(0), Incoming::Known(_)));
    assert!(matches!(incoming(last), Incoming::ToCome));
    assert!(matches!(send(0), Accepted::Queued { is_due: false, .. }));
    let to_come = Accepted::Refused(RequestRefused::WebhookToCome);
    assert_eq!(send(last), to_come);
    carry_out(&world);
    assert!(matches!(incoming(last), Incoming::Known(_)));
    assert!(matches!(send(last), Accepted::Queued { .. }));
    assert!(matches!(incoming(last + 1), Incoming::Unknown));
    let unknown = Accepted::Refused(RequestRefused::UnknownWebhook);
    assert_eq!(send(last + 1), unknown);
    // A webhook that the next generation keeps is written in pieces, too.
    let all: Vec<_> = (0..=last).map(|number| create(last + 1 + number)).collect();
    let mut new = activation(world.now(), None, all);
    let kept = WebhookNumber(2 * last + 1);
    new.next = Some(NewGeneration {
        next: NextGeneration {
            input: payload("again"),
            keep: (last + 1..=kept.0).map(WebhookNumber).collect(),
            first_webhook: WebhookNumber(kept.0 + 1),
            webhooks: kept.0 + 1,
            on_current_version: false,
        },
        outstanding: 10_000,
    });
    assert!(world.commit(id, 1, new).unwrap().is_deferred);
    assert_eq!(send(kept.0), to_come);
    carry_out(&world);
    assert!(matches!(send(kept.0), Accepted::Queued { .. }));
    assert_eq!(send(0), Accepted::Refused(RequestRefused::Closed));
}

fn a_run_that_fails_while_it_is_written_has_everything_when_it_is_retried(store_kind: StoreKind) {
    let world = World::new(store_kind);
    world.at(1_000);
    let id = world.start();
    let starts = (0..EACH).map(|_| start_run());
    let waits = (0..EACH).map(|_| crate::support::wait_event(Some(60_000)));
    let kinds = [call_kind(), create(0), wait_for(0)].into_iter();
    let mut new = activation(
        world.now(),
        None,
        kinds.chain(waits).chain(starts).collect(),
    );
    make_call(&mut new, 0);
    new.orders = (0..EACH).map(|number| start(3 + EACH + number)).collect();
    assert!(world.commit(id, 0, new).unwrap().is_deferred);
    while serve_orders(&world).calls.is_empty() {}
    assert!(world.state(id).is_restoring);
    let attempt = Attempts {
        scheduled: 1,
        next: Time(1_000),
    };
    world.fail_by_response(id, OperationNumber(0), attempt);
    let retry = || run(world.store.retry_failed(crate::retry::request(&world, id))).unwrap();
    assert_eq!(retry(), RetriedFailed::Moved);
    carry_out(&world);
    world.retire();
    assert_eq!(world.keys("event_waits"), [""; 0], "it has failed");
    world.at(2_000);
    assert!(matches!(retry(), RetriedFailed::Now { .. }));
    carry_out(&world);
    assert_eq!(world.keys("event_waits").len(), EACH as usize);
    let state = world.state(id);
    assert_eq!(
        (state.is_restoring, state.notifying, state.ready),
        (false, 0, EACH)
    );
    for operation in [3 + EACH, 2 + 2 * EACH] {
        let told = world.arrival(id, Channel::Result(OperationNumber(operation)), 0);
        assert!(matches!(told, Some(Outcome::Started(Ok(_)))), "{told:?}");
    }
}

fn callers_are_answered_when_the_webhooks_are_there(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let options = WebhookOptions {
        reply: Reply::FromWorkflow(5_000),
        ..WebhookOptions::default()
    };
    let id = world.run_with_webhook(options, vec![wait(None)]);
    let kinds = (1..4 * EACH).map(create).collect();
    let mut new = activation(world.now(), None, kinds);
    let response = Response {
        status: 200,
        headers: Vec::new(),
        body: Bytes::from_static(b"http://host/hooks/1499"),
    };
    new.responses.push(NewResponse {
        delivery: "d".into(),
        response: response.clone(),
    });
    new.logs = (0..EACH).map(line).collect();
    world.commit(id, 1, new).unwrap();
    let pieces = carry_out(&world);
    let answered: Vec<_> = pieces.iter().flat_map(|piece| &piece.answered).collect();
    assert_eq!(answered, [&(id, "d".to_owned(), response)]);
    let at = pieces.iter().position(|piece| !piece.answered.is_empty());
    assert!(at > Some(0), "the webhooks come first");
    let logs = run(world.store.logs(id, (0, 0), usize::MAX)).unwrap();
    let lines: Vec<_> = logs
        .lines
        .iter()
        .map(|(_, line)| line.message.clone())
        .collect();
    assert_eq!(
        lines,
        (0..EACH)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
    );
    assert_bounded(&world);
}

fn a_cancel_in_the_middle_leaves_nothing(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let mut all = kinds();
    let operation = u32::try_from(all.len()).unwrap();
    all.push(start_run());
    let mut new = activation(world.now(), None, all);
    new.orders.push(start(operation));
    new.logs = vec![line(1)];
    world.commit(id, 0, new).unwrap();
    serve_orders(&world);
    assert!(!world.open(id, 1).is_empty());
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    let pieces = carry_out(&world);
    assert!(pieces.iter().all(|piece| piece.woken.is_empty()));
    assert!(
        run(world.store.state(RunId(start_id(operation))))
            .unwrap()
            .is_none()
    );
    world.retire();
    assert!(world.open(id, 1).is_empty());
    assert!(world.timers().is_empty());
    assert_bounded(&world);
    while run(world.store.delete_run(id)).unwrap() == Deleted::InPart {}
    world.retire();
    for table in ["webhooks", "open", "journal", "logs", "deferred", "orders"] {
        assert!(world.keys(table).is_empty(), "{table}");
    }
}

fn a_generation_with_much_open_ends_in_pieces(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    world
        .commit(id, 0, activation(world.now(), None, kinds()))
        .unwrap();
    carry_out(&world);
    let before = world.state(id);
    let mut last = activation(world.now(), None, vec![create(EACH), create(EACH + 1)]);
    let keep = vec![WebhookNumber(3), WebhookNumber(EACH)];
    last.next = Some(NewGeneration {
        next: NextGeneration {
            input: payload("again"),
            keep: keep.clone(),
            first_webhook: WebhookNumber(EACH + 2),
            webhooks: EACH + 2,
            on_current_version: false,
        },
        outstanding: 10_000,
    });
    let activated = world.commit(id, 1, last).unwrap();
    assert!(activated.is_deferred);
    assert!(world.due().is_empty(), "it does not begin yet");
    let pieces = carry_out(&world);
    assert_eq!(pieces.last().unwrap().woken, [id]);
    assert_eq!(world.due(), [id]);
    assert!(world.open(id, usize::MAX).is_empty());
    assert!(world.timers().is_empty());
    let state = world.state(id);
    assert_eq!(state.first_operation, before.operations + 2);
    assert_eq!(
        (state.ready, state.notifying, state.is_restoring),
        (0, 0, false)
    );
    let (beginning, input) = run(world.store.generation(id)).unwrap().unwrap();
    let kept: Vec<_> = beginning.kept.iter().map(|kept| kept.number).collect();
    assert_eq!((kept, input), (keep, payload("again")));
    assert_eq!(beginning.kept[1].url, format!("http://host/hooks/{EACH}"));
    for webhook in [0, 3, 7, EACH - 1, EACH, EACH + 1] {
        let request = Accept {
            webhook: WebhookNumber(webhook),
            ..world.request(id, "a")
        };
        let is_open = [3, EACH].contains(&webhook);
        let accepted = world.send(request).unwrap();
        assert_eq!(
            matches!(accepted, Accepted::Queued { .. }),
            is_open,
            "{webhook}"
        );
        assert!(is_open || accepted == Accepted::Refused(RequestRefused::Closed));
    }
    world.retire();
    assert_eq!(world.webhooks(id, usize::MAX).unwrap().len(), 2);
    assert_bounded(&world);
}

fn an_end_with_many_orders_and_lines_is_written_in_pieces(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let many = 2 * EACH;
    let mut last = last_activation(world.now(), None);
    last.activation.operations = (0..many)
        .map(|_| crate::support::operation(start_run()))
        .collect();
    last.orders = (0..many).map(start).collect();
    last.logs = (0..EACH).map(line).collect();
    let activated = world.commit(id, 0, last).unwrap();
    assert_eq!(activated.status, Status::Completed);
    assert!(activated.is_deferred && activated.ordering);
    carry_out(&world);
    for operation in [0, many - 1] {
        let child = run(world.store.state(RunId(start_id(operation)))).unwrap();
        assert_eq!(child.map(|state| state.status), Some(Status::Pending));
    }
    assert_eq!(world.keys("logs").len(), EACH as usize);
    assert_bounded(&world);
}

fn a_failed_run_is_retried_when_everything_is_written(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let mut last = activation(world.now(), None, Vec::new());
    last.activation.end = Some(End::Failed {
        failure: Failure::default(),
        backtrace: None,
    });
    last.logs = (0..2 * EACH).map(line).collect();
    assert!(world.commit(id, 1, last).unwrap().is_deferred);
    let retry = || run(world.store.retry_failed(crate::retry::request(&world, id))).unwrap();
    assert_eq!(retry(), RetriedFailed::Moved);
    carry_out(&world);
    assert_eq!(world.keys("logs").len(), 2 * EACH as usize);
    assert!(matches!(retry(), RetriedFailed::Now { .. }));
    assert!(matches!(world.accept(id, "a"), Accepted::Queued { .. }));
    assert!(world.webhook(id, HOOK.0).is_some());
    assert_bounded(&world);
}

fn many_futures_are_dropped_in_pieces(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    world
        .commit(id, 0, activation(world.now(), None, kinds()))
        .unwrap();
    carry_out(&world);
    let dropped = (EACH..3 * EACH + 1).map(|operation| Kind::Abandon {
        operations: vec![OperationNumber(operation)],
        dropped: true,
    });
    let new = activation(world.now(), None, dropped.collect());
    assert!(world.commit(id, 1, new).unwrap().is_deferred);
    carry_out(&world);
    let open = world.open(id, usize::MAX);
    assert_eq!(open.len(), 1, "the wait for a run");
    assert!(world.timers().is_empty());
    assert_bounded(&world);
}

fn a_broken_activation_keeps_many_lines_in_small_commits(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let broke = Broke {
        activation: 1,
        tries: 0,
        backtrace: None,
        operations: Vec::new(),
        logs: (0..5 * EACH).map(line).collect(),
        retention: RETENTION,
    };
    let reason = Failure::default();
    assert!(run(world.store.block(id, reason, Some(broke))).unwrap());
    assert_eq!(world.state(id).status, Status::Blocked);
    let logs = run(world.store.logs(id, (0, 0), usize::MAX)).unwrap();
    let lines: Vec<_> = logs.lines.iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(lines, (0..5 * EACH).map(line).collect::<Vec<_>>());
    assert_bounded(&world);
}
