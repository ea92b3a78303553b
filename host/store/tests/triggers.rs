//! Triggers: the requests that start a run, the requests that belong to an existing run, and those that a run never
//! took.

use dormouse_journal::{
    CancelOptions, Channel, End, Failure, GuestLimits, KeyMissing, Kind, Labels, OnExisting,
    OtherBody, Outcome, RunId, Source, Status, Time, TriggerId, TriggerOptions, Unread, VersionId,
    WebhookOptions,
};
use dormouse_store::{
    CommitRefused, FireTrigger, Forget, Forgot, MailLimits, NewActivation, NextRun, RememberedAt,
    RememberedKey, SetTrigger, StorageLimits, TakenBack, TriggerActed, TriggerAction, TriggerFired,
    TriggerRefused, TriggerSet,
};

use crate::back;
use crate::on_both_grounds;
use crate::support::limits;
use crate::support::storage::check_storage;
use crate::support::{RETENTION, StoreKind, World, activation, last_activation, payload, run};

on_both_grounds! {
    a_request_starts_a_run_and_its_repeat_names_that_run,
    the_mark_of_a_delivery_is_forgotten_in_time_and_never_misused,
    a_delivery_that_was_forgotten_by_hand_is_a_new_one_for_as_long_as_any,
    requests_with_one_key_belong_to_one_run_until_it_has_ended,
    an_event_is_in_the_inbox_of_the_run_that_has_its_key,
    untaken_requests_of_a_completed_run_start_the_next_run_in_the_same_commit,
    a_request_put_back_and_not_taken_again_starts_the_next_run,
    more_requests_than_one_commit_moves_are_all_handed_over_before_the_next_run_begins,
    a_run_that_ends_while_it_is_handed_requests_leaves_the_rest,
    dropped_requests_and_those_of_cancelled_runs_start_nothing,
    a_failed_run_keeps_its_key_until_it_is_given_up,
    urls_rotate_and_end_in_time,
    a_trigger_is_paused_changed_and_deleted,
    a_trigger_needs_a_workflow_that_is_there,
}

const TRIGGER: TriggerId = TriggerId([9; 16]);
const EVENT: &str = "orders";

fn options() -> TriggerOptions {
    TriggerOptions {
        workflow: "w".into(),
        version: None,
        webhook: WebhookOptions::default(),
        key: None,
        on_existing: OnExisting::Event,
        key_missing: KeyMissing::Start,
        unread: Unread::Start,
        labels: Vec::new(),
    }
}

fn set(world: &World, options: TriggerOptions) -> TriggerSet {
    let set = SetTrigger {
        name: EVENT.into(),
        id: TRIGGER,
        options,
    };
    run(world.store.set_trigger(set)).unwrap()
}

/// A store with a trigger that is opened anew between what a test does, so that all of it is durable.
fn world_with(store_kind: StoreKind, options: TriggerOptions) -> World {
    let world = World::new(store_kind);
    assert_eq!(set(&world, options), TriggerSet::Created);
    world
}

fn id(number: u8) -> RunId {
    RunId([number; 16])
}

/// Returns a request that starts the run with this number, or belongs to another by this key.
fn fire_trigger(number: u8, key: Option<u8>, body: &str) -> FireTrigger {
    FireTrigger {
        trigger: TRIGGER,
        rotation: 0,
        workflow: "w".into(),
        run: id(number),
        random: [0; 32],
        guest: GuestLimits {
            memory: 1,
            stack: 1,
        },
        input: payload(body),
        method: "POST".into(),
        url: format!("http://host/hooks/t?{body}"),
        headers: Vec::new(),
        labels: Labels::default(),
        key: key.map(|key| [key; 32]),
        remembered: None,
        remember: 10_000,
        mail: MailLimits::of_keyed(StorageLimits::NONE, 1_000, 3),
    }
}

/// The same with a mark of its delivery.
fn marked(mark: u8, firing: FireTrigger) -> FireTrigger {
    let body = firing.input.body[0];
    FireTrigger {
        remembered: Some(RememberedKey {
            digest: [mark; 32],
            earlier: None,
            body: [body; 32],
            other_body: OtherBody::Refuse,
        }),
        ..firing
    }
}

fn send(world: &World, firing: FireTrigger) -> TriggerFired {
    run(world.store.fire_trigger(firing, Box::new(|_| None))).unwrap()
}

#[track_caller]
fn starts(world: &World, firing: FireTrigger) -> RunId {
    let id = firing.run;
    let fired = send(world, firing);
    assert!(matches!(fired, TriggerFired::Started { .. }), "{fired:?}");
    id
}

fn sent(run: RunId) -> TriggerFired {
    TriggerFired::Sent {
        run,
        event: EVENT.into(),
    }
}

fn act(world: &World, action: TriggerAction) -> TriggerActed {
    run(world.store.act_on_trigger(EVENT.into(), action)).unwrap()
}

fn next_run(number: u8) -> Option<NextRun> {
    Some(NextRun {
        run: id(number),
        random: [1; 32],
        guest: GuestLimits {
            memory: 1,
            stack: 1,
        },
        storage: StorageLimits::NONE,
    })
}

fn wait() -> Kind {
    Kind::WaitForEvent {
        event: EVENT.into(),
        timeout: None,
    }
}

/// Has operation 0 of a run complete with the first request in its inbox.
fn taken(world: &World, run: RunId) -> (u32, Outcome, Source) {
    let channel = Channel::Event(EVENT.into());
    let place = world.head(run, &channel).unwrap().place;
    let outcome = world.arrival(run, channel.clone(), place).unwrap();
    (0, outcome, Source::Arrival { channel, place })
}

/// Returns the bodies in the inbox of a run.
fn channel_items(world: &World, id: RunId) -> Vec<String> {
    let channel_items = run(world.store.channel_items(id, Channel::Event(EVENT.into()))).unwrap();
    channel_items
        .into_iter()
        .map(|item| match item.outcome {
            Outcome::Event(Some(payload)) => String::from_utf8(payload.body.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect()
}

fn check(world: &World, runs: &[RunId]) {
    let views: Vec<_> = runs.iter().map(|run| world.view(*run).unwrap()).collect();
    let states = views.iter().map(|view| (view.id, &view.state));
    check_storage(&world.opened.dump(), states);
}

fn a_request_starts_a_run_and_its_repeat_names_that_run(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let first = starts(&world, marked(1, fire_trigger(1, None, "a")));
    world.reopen();
    let view = world.view(first).unwrap();
    let request = view.run.trigger_request().unwrap();
    assert_eq!(
        (request.trigger.as_str(), request.url.as_str()),
        (EVENT, "http://host/hooks/t?a")
    );
    assert_eq!(view.state.status, Status::Pending);
    assert_eq!(world.due(), [first]);
    assert_eq!(run(world.store.input(first)).unwrap(), Some(payload("a")));
    assert_eq!(
        send(&world, marked(1, fire_trigger(2, None, "a"))),
        TriggerFired::Repeat(first)
    );
    let key = marked(1, fire_trigger(2, None, "a")).remembered.unwrap();
    let repeat = run(world.store.trigger_repeat(TRIGGER, key)).unwrap();
    assert_eq!(repeat, Some(TriggerFired::Repeat(first)));
    // An earlier version of the host took the same mark for another.
    let mut earlier = marked(2, fire_trigger(2, None, "a"));
    let key = earlier.remembered.as_mut().unwrap();
    key.earlier = Some([1; 32]);
    let repeat = run(world.store.trigger_repeat(TRIGGER, *key)).unwrap();
    assert_eq!(repeat, Some(TriggerFired::Repeat(first)));
    assert_eq!(send(&world, earlier), TriggerFired::Repeat(first));
    assert!(world.view(id(2)).is_none());
    let shown = run(world.store.trigger(EVENT.into())).unwrap().unwrap();
    assert_eq!((shown.counts.started, shown.counts.existing), (1, 0));
    check(&world, &[first]);
}

fn the_mark_of_a_delivery_is_forgotten_in_time_and_never_misused(store_kind: StoreKind) {
    let world = world_with(store_kind, options());
    let first = starts(&world, marked(1, fire_trigger(1, None, "a")));
    assert_eq!(
        send(&world, marked(1, fire_trigger(2, None, "b"))),
        TriggerFired::Refused(TriggerRefused::OtherBody)
    );
    world.at(20_000);
    world.retire();
    assert_eq!(world.keys("trigger_requests"), [""; 0]);
    starts(&world, marked(1, fire_trigger(2, None, "b")));
    check(&world, &[first, id(2)]);
}

fn a_delivery_that_was_forgotten_by_hand_is_a_new_one_for_as_long_as_any(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let forget = |world: &World, at, mark: u8| {
        let keys = vec![[mark; 32], [mark + 100; 32]];
        run(world.store.forget(Forget { at, keys })).unwrap()
    };
    let at = RememberedAt::Trigger(TRIGGER);
    starts(&world, marked(1, fire_trigger(1, None, "a")));
    assert_eq!(forget(&world, at, 2), Forgot::Keys(vec![]));
    let other = RememberedAt::Trigger(TriggerId([8; 16]));
    assert_eq!(forget(&world, other, 1), Forgot::Unknown);
    assert_eq!(forget(&world, at, 1), Forgot::Keys(vec![[1; 32]]));
    assert_eq!(forget(&world, at, 1), Forgot::Keys(vec![]));
    world.reopen();
    // It is accepted anew, and what is left of the first one in the queue of expiries does not shorten its time.
    let second = world.now().0 + 5_000;
    world.at(second);
    starts(&world, marked(1, fire_trigger(2, None, "a")));
    world.at(second + 9_999);
    world.retire();
    let repeat = send(&world, marked(1, fire_trigger(3, None, "a")));
    assert_eq!(repeat, TriggerFired::Repeat(id(2)));
    world.at(second + 10_000);
    world.retire();
    assert_eq!(world.keys("trigger_requests"), [""; 0]);
    assert_eq!(world.keys("expiries"), [""; 0]);
    check(&world, &[id(1), id(2)]);
}

fn requests_with_one_key_belong_to_one_run_until_it_has_ended(store_kind: StoreKind) {
    let answering = TriggerOptions {
        on_existing: OnExisting::Answer,
        ..options()
    };
    let mut world = world_with(store_kind, answering);
    let first = starts(&world, fire_trigger(1, Some(1), "a"));
    assert_eq!(
        send(&world, marked(5, fire_trigger(2, Some(1), "b"))),
        TriggerFired::Existing(first)
    );
    assert_eq!(
        send(&world, marked(5, fire_trigger(2, Some(1), "b"))),
        TriggerFired::Repeat(first)
    );
    let other = starts(&world, fire_trigger(3, Some(2), "c"));
    // One without a key has a run of its own.
    starts(&world, fire_trigger(4, None, "d"));
    world.reopen();
    let mut last = last_activation(world.now(), None);
    last.next_run = next_run(9);
    world.commit(first, 0, last).unwrap();
    assert!(world.view(id(9)).is_none(), "nothing was sent to it");
    let next = starts(&world, fire_trigger(5, Some(1), "e"));
    assert_eq!(
        send(&world, fire_trigger(6, Some(2), "f")),
        TriggerFired::Existing(other)
    );
    check(&world, &[first, other, id(4), next]);
}

fn an_event_is_in_the_inbox_of_the_run_that_has_its_key(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let first = starts(&world, fire_trigger(1, Some(1), "a"));
    let waiting = activation(world.now(), None, vec![wait()]);
    world.commit(first, 0, waiting).unwrap();
    for body in ["b", "c", "d"] {
        assert_eq!(send(&world, fire_trigger(2, Some(1), body)), sent(first));
    }
    assert_eq!(
        send(&world, fire_trigger(2, Some(1), "e")),
        TriggerFired::Refused(TriggerRefused::InboxFull(first))
    );
    world.reopen();
    assert_eq!(world.due(), [first]);
    let took = activation(world.now(), Some(taken(&world, first)), vec![]);
    world.commit(first, 1, took).unwrap();
    assert_eq!(send(&world, fire_trigger(2, Some(1), "e")), sent(first));
    assert_eq!(world.keys("routed").len(), 3);
    check(&world, &[first]);
}

fn untaken_requests_of_a_completed_run_start_the_next_run_in_the_same_commit(
    store_kind: StoreKind,
) {
    let mut world = world_with(store_kind, options());
    let first = starts(&world, fire_trigger(1, Some(1), "a"));
    for body in ["b", "c"] {
        assert_eq!(send(&world, fire_trigger(2, Some(1), body)), sent(first));
    }
    // Somebody else's event of that name starts nothing.
    let aimed = world.store.notify_run(
        first,
        EVENT.into(),
        payload("x"),
        fire_trigger(2, None, "x").mail,
    );
    run(aimed).unwrap();
    let syncs = world.syncs();
    let mut last = last_activation(world.now(), None);
    last.next_run = next_run(7);
    let activated = world.commit(first, 0, last).unwrap();
    assert_eq!(world.syncs(), syncs + 1, "one commit");
    assert_eq!(activated.woken, [id(7)]);
    world.reopen();
    let next = world.view(id(7)).unwrap();
    assert_eq!(run(world.store.input(id(7))).unwrap(), Some(payload("b")));
    let request = next.run.trigger_request().unwrap();
    assert_eq!(request.url, "http://host/hooks/t?b");
    assert_eq!(world.state(first).untaken, 1, "what somebody else has sent");
    assert_eq!(send(&world, fire_trigger(2, Some(1), "d")), sent(id(7)));
    assert_eq!(channel_items(&world, id(7)), ["c", "d"]);
    check(&world, &[first, id(7)]);
}

/// Returns a run with a key that has taken two requests, with operations 0 and 1.
fn has_taken(world: &World) -> RunId {
    let first = starts(world, fire_trigger(1, Some(1), "a"));
    let waiting = activation(world.now(), None, vec![wait()]);
    world.commit(first, 0, waiting).unwrap();
    for (operation, body) in [(0, "b"), (1, "c")] {
        assert_eq!(send(world, fire_trigger(2, Some(1), body)), sent(first));
        let (_, outcome, source) = taken(world, first);
        let took = Some((operation, outcome, source));
        let took = activation(world.now(), took, vec![wait()]);
        world.commit(first, operation + 1, took).unwrap();
    }
    assert_eq!(
        (world.keys("routed").len(), world.keys("routed_taken").len()),
        (0, 2)
    );
    check(world, &[first]);
    first
}

fn a_request_put_back_and_not_taken_again_starts_the_next_run(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let first = has_taken(&world);
    let asked = back::request(&world, first, 1, 1);
    let taken_back = run(world.store.take_back(asked)).unwrap();
    assert_eq!(taken_back, TakenBack::Now(Status::Running));
    back::restore(&mut world);
    assert_eq!(channel_items(&world, first), ["b", "c"]);
    assert_eq!(world.keys("routed_taken"), [""; 0]);
    check(&world, &[first]);
    let mut last = last_activation(world.state(first).time, None);
    last.tries = 1;
    last.next_run = next_run(7);
    let activated = world.commit(first, 1, last).unwrap();
    assert_eq!(activated.woken, [id(7)]);
    assert_eq!(run(world.store.input(id(7))).unwrap(), Some(payload("b")));
    let next = world.view(id(7)).unwrap();
    let request = next.run.trigger_request().unwrap();
    assert_eq!(request.url, "http://host/hooks/t?b");
    assert_eq!(channel_items(&world, id(7)), ["c"]);
    assert_eq!(world.keys("routed").len(), 1);
    check(&world, &[first, id(7)]);

    // What nobody takes back goes with the run.
    let world = world_with(store_kind, options());
    let first = has_taken(&world);
    let cancel = world
        .store
        .cancel(first, CancelOptions::default(), RETENTION);
    run(cancel).unwrap();
    world.at(world.now().0 + RETENTION);
    world.retire();
    assert!(world.view(first).is_none());
    assert_eq!(world.keys("routed_taken"), [""; 0]);
}

/// How many requests the completed run has not taken, in the tests of handing them over: more than a turn of it moves.
const MANY: usize = 100;

/// Returns a request with the key of the run, of which this many may wait.
fn one_of_many(number: usize) -> FireTrigger {
    FireTrigger {
        mail: MailLimits::of_keyed(StorageLimits::NONE, 1_000, 300),
        ..fire_trigger(2, Some(1), &number.to_string())
    }
}

/// Returns a run that has completed without taking `MANY` requests. Run 7 is next.
fn has_left_many(world: &World) -> RunId {
    let first = starts(world, fire_trigger(1, Some(1), "a"));
    for number in 0..MANY {
        assert_eq!(send(world, one_of_many(number)), sent(first));
    }
    let mut last = last_activation(world.now(), None);
    last.next_run = next_run(7);
    let activated = world.commit(first, 0, last).unwrap();
    assert!(activated.ordering, "the rest is ordered");
    first
}

fn more_requests_than_one_commit_moves_are_all_handed_over_before_the_next_run_begins(
    store_kind: StoreKind,
) {
    let mut world = world_with(store_kind, options());
    let first = has_left_many(&world);
    let mut pieces = 0;
    while run(world.store.has_orders()).unwrap() {
        world.reopen();
        assert_eq!(world.due(), [], "the next run begins when it has them all");
        let begun = activation(world.now(), None, vec![]);
        assert_eq!(
            world.commit(id(7), 0, begun).unwrap_err(),
            CommitRefused::Moved
        );
        if pieces == 0 {
            // What comes meanwhile is behind those that are still to be handed over.
            assert_eq!(send(&world, one_of_many(MANY)), sent(id(7)));
        }
        world.retire();
        assert!(world.view(first).is_some(), "it is kept as long");
        run(world.store.serve_orders(None, limits())).unwrap();
        pieces += 1;
        check(&world, &[first, id(7)]);
    }
    assert!(pieces > 1, "{pieces} pieces");
    world.reopen();
    assert_eq!(world.due(), [id(7)]);
    let expected: Vec<String> = (1..=MANY).map(|number| number.to_string()).collect();
    assert_eq!(channel_items(&world, id(7)), expected);
    assert_eq!(run(world.store.input(id(7))).unwrap(), Some(payload("0")));
    assert_eq!(world.state(first).untaken, 0);
    assert_eq!(world.keys("routed").len(), MANY);
}

fn a_run_that_ends_while_it_is_handed_requests_leaves_the_rest(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let first = has_left_many(&world);
    let cancel = world
        .store
        .cancel(id(7), CancelOptions::default(), RETENTION);
    run(cancel).unwrap();
    back::restore(&mut world);
    let left = world.state(first).untaken + world.state(id(7)).untaken;
    assert_eq!(left, MANY as u64 - 1, "each of them is counted once");
    assert!(world.state(first).untaken > 0);
    starts(&world, fire_trigger(3, Some(1), "z"));
    check(&world, &[first, id(7), id(3)]);
}

fn dropped_requests_and_those_of_cancelled_runs_start_nothing(store_kind: StoreKind) {
    let dropping = TriggerOptions {
        unread: Unread::Drop,
        ..options()
    };
    let world = world_with(store_kind, dropping);
    let first = starts(&world, fire_trigger(1, Some(1), "a"));
    assert_eq!(send(&world, fire_trigger(2, Some(1), "b")), sent(first));
    let mut last = last_activation(world.now(), None);
    last.next_run = next_run(7);
    world.commit(first, 0, last).unwrap();
    assert!(world.view(id(7)).is_none());
    assert_eq!(world.state(first).untaken, 1);

    assert_eq!(set(&world, options()), TriggerSet::Changed);
    let second = starts(&world, fire_trigger(2, Some(1), "c"));
    assert_eq!(send(&world, fire_trigger(3, Some(1), "d")), sent(second));
    let cancel = world
        .store
        .cancel(second, CancelOptions::default(), RETENTION);
    run(cancel).unwrap();
    assert_eq!(world.state(second).untaken, 1);
    starts(&world, fire_trigger(3, Some(1), "e"));
    check(&world, &[first, second, id(3)]);
}

fn failing(now: Time) -> NewActivation {
    let mut last = last_activation(now, None);
    last.activation.end = Some(End::Failed {
        failure: Failure::default(),
        backtrace: None,
    });
    last
}

fn a_failed_run_keeps_its_key_until_it_is_given_up(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let first = starts(&world, marked(1, fire_trigger(1, Some(1), "a")));
    assert_eq!(send(&world, fire_trigger(2, Some(1), "b")), sent(first));
    world.commit(first, 0, failing(world.now())).unwrap();
    world.reopen();
    assert_eq!(
        send(&world, fire_trigger(2, Some(1), "c")),
        TriggerFired::Refused(TriggerRefused::RunFailed(first))
    );
    assert_eq!(
        send(&world, marked(1, fire_trigger(2, Some(1), "a"))),
        TriggerFired::Repeat(first)
    );
    // A cancel gives it up.
    let cancel = world
        .store
        .cancel(first, CancelOptions::default(), RETENTION);
    run(cancel).unwrap();
    starts(&world, fire_trigger(2, Some(1), "c"));
    assert_eq!(world.keys("keyed_runs").len(), 1);
    check(&world, &[first, id(2)]);
}

fn urls_rotate_and_end_in_time(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let of = |number, rotation| FireTrigger {
        rotation,
        ..fire_trigger(number, None, "a")
    };
    let gone = TriggerFired::Refused(TriggerRefused::Gone);
    assert_eq!(send(&world, of(1, 1)), gone, "a URL that was never made");
    let rotate = |world: &World, keep_old| act(world, TriggerAction::Rotate { keep_old });
    assert_eq!(rotate(&world, 5_000), TriggerActed::Done);
    world.reopen();
    starts(&world, of(1, 0));
    starts(&world, of(2, 1));
    world.at(6_000);
    assert_eq!(send(&world, of(3, 0)), gone);
    assert_eq!(rotate(&world, 0), TriggerActed::Done);
    assert_eq!(send(&world, of(3, 1)), gone, "it ended at once");
    for _ in 0..8 {
        assert_eq!(rotate(&world, 5_000), TriggerActed::Done);
    }
    assert_eq!(rotate(&world, 5_000), TriggerActed::TooManyUrls);
    starts(&world, of(3, 10));
    assert_eq!(rotate(&world, 0), TriggerActed::Done);
    assert_eq!(send(&world, of(4, 10)), gone);
    starts(&world, of(4, 11));
}

fn a_trigger_is_paused_changed_and_deleted(store_kind: StoreKind) {
    let mut world = world_with(store_kind, options());
    let first = starts(&world, marked(1, fire_trigger(1, Some(1), "a")));
    assert_eq!(act(&world, TriggerAction::Pause), TriggerActed::Done);
    world.reopen();
    assert_eq!(
        send(&world, fire_trigger(2, None, "b")),
        TriggerFired::Refused(TriggerRefused::Paused)
    );
    assert_eq!(
        send(&world, marked(1, fire_trigger(2, None, "a"))),
        TriggerFired::Repeat(first)
    );
    assert_eq!(act(&world, TriggerAction::Resume), TriggerActed::Done);
    starts(&world, fire_trigger(2, None, "b"));
    assert_eq!(act(&world, TriggerAction::Delete), TriggerActed::Done);
    assert_eq!(act(&world, TriggerAction::Delete), TriggerActed::Unknown);
    world.reopen();
    assert_eq!(
        send(&world, fire_trigger(3, None, "c")),
        TriggerFired::Refused(TriggerRefused::Gone)
    );
    assert!(run(world.store.called(TRIGGER)).unwrap().is_none());
    let mut last = last_activation(world.now(), None);
    last.next_run = next_run(7);
    world.commit(first, 0, last).unwrap();
    for table in [
        "triggers",
        "trigger_names",
        "trigger_counts",
        "trigger_keys",
        "keyed_runs",
    ] {
        assert_eq!(world.keys(table), [""; 0], "{table}");
    }
    check(&world, &[first, id(2)]);
}

fn a_trigger_needs_a_workflow_that_is_there(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let unknown = TriggerOptions {
        workflow: "v".into(),
        ..options()
    };
    assert_eq!(set(&world, unknown), TriggerSet::UnknownWorkflow);
    let version = TriggerOptions {
        version: Some(VersionId([7; 32])),
        ..options()
    };
    assert_eq!(set(&world, version), TriggerSet::UnknownVersion);
    assert_eq!(set(&world, options()), TriggerSet::Created);
    run(world.store.delete_workflow("w".into())).unwrap();
    assert_eq!(
        send(&world, fire_trigger(1, None, "a")),
        TriggerFired::Refused(TriggerRefused::Gone)
    );
    assert_eq!(set(&world, options()), TriggerSet::UnknownWorkflow);
    let called = run(world.store.called(TRIGGER)).unwrap().unwrap();
    assert!(!called.has_workflow);
    let names = run(world.store.triggers(None, 10)).unwrap();
    assert_eq!(names.len(), 1);
    assert_eq!(
        run(world.store.triggers(Some(EVENT.into()), 10))
            .unwrap()
            .len(),
        0
    );
}
