//! Runs that continue as new: the parts that stay, the parts that are removed, and when.

use crate::on_both_grounds;
use crate::support::{
    HOOK, RETENTION, StoreKind, World, activation, deploy, last_activation, payload, queued, run,
    wait, wait_event,
};
use dormouse_journal::{
    CancelOptions, Channel, Kind, NextGeneration, OperationNumber, Outcome, Reply, RunId, Source,
    Status, WebhookNumber, WebhookOptions,
};
use dormouse_store::{
    Accept, Accepted, Activated, Cancelled, NewActivation, NewGeneration, RequestRefused, TableId,
};

on_both_grounds! {
    kept_webhooks_stay_and_everything_else_is_given_up,
    operations_of_the_last_activation_are_given_up_and_its_webhooks_may_stay,
    numbers_go_on_so_that_no_report_means_a_later_operation,
    a_kept_webhook_keeps_its_requests_in_order_through_many_generations_and_the_disk_stays_flat,
    a_request_to_cancel_reaches_the_next_generation,
    a_run_that_ends_in_a_later_generation_leaves_nothing,
    a_run_between_two_generations_is_due,
    the_current_version_is_taken_where_that_is_asked_for,
}

/// A second webhook.
const OTHER: WebhookNumber = WebhookNumber(1);

fn create(webhook: WebhookNumber) -> Kind {
    Kind::CreateWebhook {
        webhook,
        url: format!("http://host/hooks/{webhook}"),
        options: WebhookOptions::default(),
    }
}

fn next(keep: &[WebhookNumber], first_webhook: u32) -> NextGeneration {
    NextGeneration {
        input: payload("next"),
        keep: keep.to_vec(),
        first_webhook: WebhookNumber(first_webhook),
        webhooks: first_webhook,
        on_current_version: false,
    }
}

/// Has a run continue as new, with this as its last activation.
fn go_on(world: &World, id: RunId, new: NewActivation, next: NextGeneration) -> Activated {
    let number = world.state(id).activations;
    let new = NewActivation {
        next: Some(NewGeneration {
            next,
            outstanding: 100,
        }),
        ..new
    };
    world.commit(id, number, new).unwrap()
}

fn send(world: &World, id: RunId, webhook: WebhookNumber, body: &str) -> Accepted {
    let request = world.request(id, body);
    world.send(Accept { webhook, ..request }).unwrap()
}

fn closed() -> Accepted {
    Accepted::Refused(RequestRefused::Closed)
}

fn arrival(place: u64) -> Source {
    Source::Arrival {
        channel: Channel::Webhook(HOOK),
        place,
    }
}

/// Returns how many rows each table has.
fn rows(world: &World) -> Vec<(&'static str, usize)> {
    let tables = TableId::ALL.iter().map(|table| table.name());
    tables.map(|name| (name, world.keys(name).len())).collect()
}

fn kept_webhooks_stay_and_everything_else_is_given_up(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![
        create(OTHER),
        wait(Some(50)),
        wait_event(None),
        Kind::Sleep { duration: 10 },
    ]);
    assert_eq!(send(&world, id, HOOK, "a"), queued(true, 0));
    assert_eq!(send(&world, id, OTHER, "b"), queued(true, 0));
    let activated = go_on(
        &world,
        id,
        activation(world.now(), None, vec![]),
        next(&[HOOK], 2),
    );
    assert_eq!(
        (activated.status, activated.is_due),
        (Status::Running, true)
    );
    let state = world.state(id);
    assert_eq!((state.generation, state.ready), (1, 0));
    assert_eq!((state.activations, state.first_activation), (2, 2));
    assert_eq!((state.operations, state.first_operation), (5, 5));
    assert_eq!(world.due(), [id]);
    assert_eq!(world.open(id, 9), []);
    assert_eq!(world.timers(), []);
    assert_eq!(world.keys("event_waits").len(), 0);
    let shown = world.webhooks(id, 9).unwrap();
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0].url, "http://host/hooks/t");
    assert_eq!(send(&world, id, OTHER, "c"), closed());
    world.retire();
    assert_eq!(world.journal(id), []);
    assert_eq!(world.webhook(id, 1), None);
    assert_eq!(world.keys("inbox").len(), 1);
    assert_eq!(send(&world, id, OTHER, "d"), closed());
    assert_eq!(send(&world, id, HOOK, "e"), queued(true, 1));
    let state = world.state(id);
    assert_eq!((state.queued, state.untaken), (2, 1));
    let (beginning, input) = run(world.store.generation(id)).unwrap().unwrap();
    assert_eq!(input, payload("next"));
    assert_eq!(beginning.first_operation, OperationNumber(5));
    assert_eq!(beginning.first_webhook, WebhookNumber(2));
    assert_eq!(beginning.kept[0].url, "http://host/hooks/t");
}

fn operations_of_the_last_activation_are_given_up_and_its_webhooks_may_stay(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.start();
    let options = WebhookOptions {
        reply: Reply::FromWorkflow(5),
        ..WebhookOptions::default()
    };
    let create_it = Kind::CreateWebhook {
        webhook: HOOK,
        url: "http://host/hooks/made".into(),
        options,
    };
    let kinds = vec![
        create_it,
        create(OTHER),
        wait(None),
        Kind::Sleep { duration: 1 },
    ];
    let last = activation(world.now(), None, kinds);
    go_on(&world, id, last, next(&[HOOK], 2));
    assert_eq!((world.open(id, 9), world.timers()), (vec![], vec![]));
    let (beginning, _) = run(world.store.generation(id)).unwrap().unwrap();
    assert_eq!(beginning.kept.len(), 1);
    assert_eq!(beginning.kept[0].url, "http://host/hooks/made");
    assert!(beginning.kept[0].takes_answers);
    assert_eq!(send(&world, id, HOOK, "a"), queued(true, 0));
    assert_eq!(send(&world, id, OTHER, "a"), closed());
}

fn numbers_go_on_so_that_no_report_means_a_later_operation(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait_event(None)]);
    go_on(
        &world,
        id,
        activation(world.now(), None, vec![]),
        next(&[], 1),
    );
    world
        .commit(id, 2, activation(world.now(), None, vec![wait_event(None)]))
        .unwrap();
    let open = world.open(id, 9);
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].0, OperationNumber(2));
    assert_eq!(world.notify("e", payload("x")), [id]);
    let told = world.arrival(id, Channel::Result(OperationNumber(2)), 0);
    assert_eq!(told, Some(Outcome::Event(Some(payload("x")))));
    assert_eq!(world.journal(id).len(), 2, "the old one is not removed yet");
    world.retire();
    assert_eq!(world.journal(id).len(), 1);
}

fn a_kept_webhook_keeps_its_requests_in_order_through_many_generations_and_the_disk_stays_flat(
    store_kind: StoreKind,
) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    let (mut sizes, mut taken, mut first) = (Vec::new(), Vec::new(), 1);
    for round in 0_u32..40 {
        for half in ["a", "b"] {
            let place = taken.len() as u64 + u64::from(half == "b");
            let sent = send(&world, id, HOOK, &format!("{round}{half}"));
            assert_eq!(sent, queued(true, place));
        }
        for _ in 0..2 {
            let place = taken.len() as u64;
            assert_eq!(
                world
                    .head(id, &Channel::Webhook(HOOK))
                    .map(|head| head.place),
                Some(place)
            );
            let state = world.state(id);
            let outcome = world.delivery(id, place);
            let operation = state.operations - 1;
            let delivered = Some((operation, outcome.clone(), arrival(place)));
            let waits = activation(world.now(), delivered, vec![wait(None)]);
            world.commit(id, state.activations, waits).unwrap();
            taken.push(outcome);
        }
        first += 1;
        let last = activation(world.now(), None, vec![create(WebhookNumber(first - 1))]);
        go_on(&world, id, last, next(&[HOOK], first));
        world
            .commit(
                id,
                world.state(id).activations,
                activation(world.now(), None, vec![wait(None)]),
            )
            .unwrap();
        world.retire();
        sizes.push((rows(&world), world.state(id).queued));
    }
    let bodies: Vec<String> = taken.iter().map(body).collect();
    let expected: Vec<String> = (0..40)
        .flat_map(|round| [format!("{round}a"), format!("{round}b")])
        .collect();
    assert_eq!(bodies, expected);
    assert_eq!(sizes[1], sizes[39]);
    assert_eq!(world.state(id).generation, 40);
}

fn body(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Delivery(Some(delivery)) => {
            String::from_utf8_lossy(&delivery.request.body).into_owned()
        }
        other => panic!("{other:?}"),
    }
}

fn a_request_to_cancel_reaches_the_next_generation(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![Kind::WaitForCancel { timeout: None }]);
    let options = CancelOptions {
        grace: Some(500),
        reason: Some("enough".into()),
    };
    let cancelled = run(world.store.cancel(id, options, RETENTION)).unwrap();
    assert_eq!(cancelled, Cancelled::Asked);
    assert_eq!(world.state(id).ready, 1);
    go_on(
        &world,
        id,
        activation(world.now(), None, vec![]),
        next(&[], 1),
    );
    let state = world.state(id);
    assert_eq!((state.ready, state.cancel_waits), (0, 0));
    let (beginning, _) = run(world.store.generation(id)).unwrap().unwrap();
    assert!(beginning.cancel_asked);
    let waits = vec![Kind::WaitForCancel { timeout: None }];
    let activated = world
        .commit(id, 2, activation(world.now(), None, waits))
        .unwrap();
    assert!(activated.is_due, "it is told at once");
    let told = world.arrival(id, Channel::Cancel, 0);
    assert_eq!(told, Some(Outcome::CancelAsked(Some("enough".into()))));
}

fn a_run_that_ends_in_a_later_generation_leaves_nothing(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let empty = rows(&world);
    let id = world.run_with(vec![create(OTHER), wait(None)]);
    send(&world, id, HOOK, "a");
    send(&world, id, OTHER, "b");
    go_on(
        &world,
        id,
        activation(world.now(), None, vec![]),
        next(&[HOOK], 2),
    );
    world
        .commit(id, 2, last_activation(world.now(), None))
        .unwrap();
    assert_eq!(world.state(id).untaken, 2);
    world.retire();
    assert_eq!(world.state(id).untaken, 2, "none is counted twice");
    world.at(RETENTION + 2_000);
    world.retire();
    assert_eq!(world.view(id).map(|view| view.id), None);
    let left = rows(&world);
    for ((table, before), (_, now)) in empty.iter().zip(&left) {
        if *table != "meta" {
            assert_eq!(before, now, "{table}");
        }
    }
}

fn a_run_between_two_generations_is_due(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![wait(None)]);
    go_on(
        &world,
        id,
        activation(world.now(), None, vec![]),
        next(&[HOOK], 1),
    );
    assert_eq!(world.due(), [id]);
    let state = world.state(id);
    assert!(!state.has_begun());
    world
        .commit(id, 2, activation(world.now(), None, vec![wait(None)]))
        .unwrap();
    assert_eq!(world.due(), []);
    assert_eq!(world.state(id).status, Status::Suspended);
}

fn the_current_version_is_taken_where_that_is_asked_for(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let id = world.run_with(vec![]);
    let before = world.view(id).unwrap().run.version;
    run(world.store.deploy(deploy(b"another"))).unwrap();
    let stays = activation(world.now(), None, vec![]);
    go_on(&world, id, stays, next(&[], 1));
    assert_eq!(world.view(id).unwrap().run.version, before);
    let moves = NextGeneration {
        on_current_version: true,
        ..next(&[], 1)
    };
    go_on(&world, id, activation(world.now(), None, vec![]), moves);
    assert_ne!(world.view(id).unwrap().run.version, before);
}
