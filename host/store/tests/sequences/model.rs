//! The invariants of every store, written independently. `docs/reference/store-format.md` lists them.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_journal::{
    Channel, End, Kind, Open, OperationNumber, Outcome, RunId, Status, WebhookNumber,
};
use dormouse_store::rows::Part;
use dormouse_store::{Accepted, ChannelItem, RunQuery, RunView, State};

use super::operations::{Observed, TestAction, taken};
use crate::support::storage::check_storage;
use crate::support::{World, limits, run};

/// The requests that were acknowledged and not delivered, by where they lie.
#[derive(Default)]
pub(crate) struct Model {
    queued: BTreeMap<(RunId, WebhookNumber, u64), String>,
}

impl Model {
    /// Follows what was acknowledged.
    pub(crate) fn follow(&mut self, happened: &TestAction, came: &Observed) {
        match (happened, came) {
            (TestAction::Accept(accept), Observed::Accepted(Accepted::Queued { place, .. })) => {
                let key = (accept.run, accept.webhook, *place);
                let before = self.queued.insert(key, accept.id.clone());
                assert_eq!(before, None, "a place was used twice");
            }
            (TestAction::Activate(id, _, new), Observed::Activated(Ok(_))) => {
                let failed = matches!(new.activation.end, Some(End::Failed { .. }));
                // What a run fails by stays where it lies, for a retry.
                if let Some((webhook, place)) = taken(new).filter(|_| !failed) {
                    let taken = self.queued.remove(&(*id, webhook, place));
                    assert!(taken.is_some(), "what was taken lay nowhere");
                }
            }
            _ => {}
        }
    }

    /// Checks that a store has what was acknowledged and nothing else, and that its tables agree.
    pub(crate) fn check(&self, world: &World) {
        // A large retry is written in pieces.
        while run(world.store.has_orders()).unwrap() {
            run(world.store.serve_orders(None, limits())).unwrap();
        }
        let listed = listed(world);
        check_labels(world, &listed);
        let views: Vec<_> = listed
            .into_iter()
            .map(|view| (view.id, view.state))
            .collect();
        let (mut due, mut timers, mut bytes) = (BTreeSet::new(), BTreeSet::new(), 0);
        let (mut queued, mut ended) = (BTreeMap::new(), BTreeSet::new());
        for (id, state) in &views {
            let open = world.open(*id, usize::MAX);
            if !state.status.has_ended() && (state.activations == 0 || state.ready > 0) {
                due.insert(*id);
            }
            for (number, open) in &open {
                if let Some(deadline) = open.kind.deadline(open.issued).filter(|_| !open.abandoned)
                {
                    timers.insert((deadline.0, *id, number.0));
                }
            }
            let mut ready = ready_alone(world, *id, &open);
            for view in world.webhooks(*id, usize::MAX).unwrap() {
                let channel_items = channel_items(world, *id, Channel::Webhook(view.number));
                let waits = count(
                    &open,
                    |kind| matches!(kind, Kind::WaitForWebhook { webhook, .. } if *webhook == view.number),
                );
                ready += usize::from(waits > 0 && !channel_items.is_empty());
                assert_eq!(view.webhook.queued as usize, channel_items.len());
                assert_eq!(view.webhook.queued_bytes, size(&channel_items));
                if !state.status.has_ended() {
                    assert_eq!(view.webhook.waits as usize, waits);
                }
                bytes += view.webhook.queued_bytes;
                queued.extend(
                    channel_items
                        .iter()
                        .map(|item| ((*id, view.number, item.head.place), id_of(item))),
                );
            }
            if state.status.has_ended() {
                ended.insert(*id);
                assert_eq!(open, Vec::new());
                assert!(state.ready == 0 || state.is_frozen());
            } else {
                assert_eq!(state.ready as usize, ready, "what is ready of {id}");
            }
        }
        let found: BTreeSet<RunId> = run(world.store.due_runs(None, 1_000))
            .unwrap()
            .runs
            .into_iter()
            .collect();
        assert_eq!(found, due, "the table of due runs");
        let found = run(world
            .store
            .timers(None, dormouse_journal::Time(u64::MAX).into(), 100_000));
        let found = found.unwrap().due.into_iter();
        // Those of ended runs wake nobody, and are cleared by and by.
        let found: BTreeSet<_> = found
            .filter(|timer| !ended.contains(&timer.run))
            .map(|timer| (timer.due.0, timer.run, timer.operation.0))
            .collect();
        assert_eq!(found, timers, "the table of timers");
        assert_eq!(run(world.store.inbox_bytes()).unwrap(), bytes);
        for (id, operation) in world.calls() {
            let open = world.open(id, usize::MAX);
            let call = open.iter().find(|(number, _)| *number == operation);
            assert!(
                call.is_some_and(|(_, open)| !open.abandoned),
                "the call {operation} of {id} that nobody made: {call:?}, {:?}",
                world.state(id)
            );
        }
        check_large(world);
        check_counts(world, &views);
        check_storage(
            &world.opened.dump(),
            views.iter().map(|(id, state)| (*id, state)),
        );
        // Those of runs that were removed are gone with them.
        let there = |id: &RunId| views.iter().any(|(there, _)| there == id);
        let acknowledged = self.queued.iter().filter(|((id, ..), _)| there(id));
        let acknowledged: BTreeMap<_, _> =
            acknowledged.map(|(key, id)| (*key, id.clone())).collect();
        assert_eq!(queued, acknowledged, "what was acknowledged");
    }
}

/// Checks the counts by status against the runs that are there.
fn check_counts(world: &World, views: &[(RunId, State)]) {
    let mut counts = BTreeMap::<Status, u64>::new();
    for (_, state) in views {
        *counts.entry(state.status).or_default() += 1;
    }
    for workflow in [None, Some("w".into())] {
        let found = run(world.store.counts(workflow)).unwrap();
        assert_eq!(found, counts, "the counts by status");
    }
    let none = run(world.store.counts(Some("other".into()))).unwrap();
    assert!(none.is_empty());
}

/// Checks that the index of labels has those of the runs that are there.
fn check_labels(world: &World, runs: &[RunView]) {
    let mut labels = Vec::new();
    for view in runs {
        for label in view.run.labels.iter() {
            let text = label.to_string();
            labels.push(format!("{:?}", [Part::Text(&text), Part::Run(&view.id.0)]));
        }
    }
    labels.sort();
    let mut found = world.keys("runs_by_label");
    found.sort();
    assert_eq!(found, labels, "the index of labels");
}

/// Checks that every value in a table of its own is named by a row.
fn check_large(world: &World) {
    for (id, operation) in world.calls() {
        assert!(world.sending(id, operation.0).is_some());
    }
    for (rows, apart) in [
        ("calls", "call_requests"),
        ("call_requests", "call_bodies"),
        ("inbox", "inbox_requests"),
        ("mail", "mail_payloads"),
        ("results", "result_outcomes"),
    ] {
        let mut rows: BTreeSet<String> = world.keys(rows).into_iter().collect();
        if apart == "call_requests" {
            rows.extend(world.keys("held_calls"));
        }
        let left = world.keys(apart).into_iter();
        let left: Vec<String> = left.filter(|key| !rows.contains(key)).collect();
        assert_eq!(left, [""; 0], "left in {apart}");
    }
}

fn listed(world: &World) -> Vec<RunView> {
    let query = RunQuery {
        limit: 1_000,
        ..RunQuery::default()
    };
    run(world.store.runs(query)).unwrap().runs
}

fn channel_items(world: &World, id: RunId, channel: Channel) -> Vec<ChannelItem> {
    run(world.store.channel_items(id, channel)).unwrap()
}

fn id_of(item: &ChannelItem) -> String {
    match &item.outcome {
        Outcome::Delivery(Some(delivery)) => delivery.id.clone(),
        other => panic!("{other:?}"),
    }
}

fn size(channel_items: &[ChannelItem]) -> u64 {
    let size = |item: &ChannelItem| match &item.outcome {
        Outcome::Delivery(Some(delivery)) => {
            let headers = delivery.request.headers.iter();
            let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
            (delivery.request.body.len() + delivery.request.url.len() + headers) as u64
        }
        other => panic!("{other:?}"),
    };
    channel_items.iter().map(size).sum()
}

/// Counts the operations of a kind that wait.
fn count(open: &[(OperationNumber, Open)], is_one: impl Fn(&Kind) -> bool) -> usize {
    let waiting = open.iter().filter(|(_, open)| !open.abandoned);
    waiting.filter(|(_, open)| is_one(&open.kind)).count()
}

/// Counts what is ready apart from webhooks: results, aimed events with a wait, and what was given up.
fn ready_alone(world: &World, id: RunId, open: &[(OperationNumber, Open)]) -> usize {
    let has_result =
        |number: OperationNumber| world.arrival(id, Channel::Result(number), 0).is_some();
    let results = open
        .iter()
        .filter(|(number, _)| has_result(*number))
        .count();
    let abandoned = open.iter().filter(|(_, open)| open.abandoned).count();
    let mut events = 0;
    for event in ["e", "f"] {
        let waits = open.iter().any(|(number, open)| {
            let is_wait =
                matches!(&open.kind, Kind::WaitForEvent { event: name, .. } if name == event);
            is_wait && !open.abandoned && !has_result(*number)
        });
        let mail = channel_items(world, id, Channel::Event(event.into()));
        events += usize::from(waits && !mail.is_empty());
    }
    results + abandoned + events
}
