//! A webhook's URL, which its row does not have but the record of the activation that created it.

use dormouse_journal::{DecodeError, Kind, RunId, WebhookNumber, WebhookOptions};

use super::*;
use crate::group::{Transaction, Write};
use crate::support::{self, World, run, step, wait};
use crate::tables::journal;

/// Puts something in the place of a record, or nothing.
struct Damage {
    run: RunId,
    activation: u32,
    record: Option<Vec<u8>>,
}

impl Transaction for Damage {
    type Output = ();

    fn apply(&self, write: &mut Write<'_>) -> Result<(), ReadError> {
        let key = (self.run.0, journal::GENERATION, self.activation);
        let journal = &mut write.tables.journal;
        match &self.record {
            Some(record) => journal.insert(key, record.as_slice())?,
            None => journal.remove(key)?,
        };
        Ok(())
    }
}

fn create(number: u32) -> Kind {
    Kind::CreateWebhook {
        webhook: WebhookNumber(number),
        url: url(number),
        options: WebhookOptions::default(),
    }
}

fn url(number: u32) -> String {
    format!("http://host/hooks/{number}")
}

/// A run with a webhook from its first activation, and two from its second.
fn three_webhooks() -> (World, RunId) {
    let world = World::new();
    let id = world.start();
    for (activation, kinds) in [
        (0, vec![create(0), wait(None)]),
        (1, vec![create(1), create(2)]),
    ] {
        let step = step(world.now(), None, kinds);
        world.commit(id, activation, step).unwrap();
    }
    (world, id)
}

fn urls(world: &World, id: RunId) -> Result<Vec<(u32, u32, String)>, ReadError> {
    let views = world.store.read()?.webhooks(id)?.into_iter();
    Ok(views
        .map(|view| (view.number.0, view.webhook.activation, view.url))
        .collect())
}

#[track_caller]
fn damaged(record: Option<Vec<u8>>) -> ReadError {
    let (world, id) = three_webhooks();
    let damage = Damage {
        run: id,
        activation: 1,
        record,
    };
    run(world.store.write(damage)).unwrap();
    urls(&world, id).unwrap_err()
}

#[test]
fn a_webhooks_url_is_that_of_the_activation_that_created_it() {
    let (world, id) = three_webhooks();
    assert_eq!(
        urls(&world, id).unwrap(),
        [(0, 0, url(0)), (1, 1, url(1)), (2, 1, url(2))]
    );
}

#[test]
fn a_url_whose_record_is_not_there_is_an_error() {
    let error = damaged(None);
    assert_eq!(
        error.to_string(),
        "the table \"journal\" lacks a row that the table \"webhooks\" names"
    );
}

#[test]
fn a_url_that_is_not_in_its_record_is_an_error() {
    let other = step(dormouse_journal::Time(0), None, vec![create(0), create(1)]);
    let error = damaged(Some(dormouse_journal::encode(&other.activation)));
    assert!(matches!(error, ReadError::Missing { .. }), "{error}");
}

#[test]
fn a_url_whose_record_is_damaged_is_an_error() {
    let error = damaged(Some(vec![200]));
    let ReadError::Row { table, source } = &error else {
        panic!("{error}");
    };
    assert_eq!(
        (*table, source),
        ("journal", &DecodeError::Version { found: 200 })
    );
}

/// A large run is removed in several transactions.
#[test]
fn no_webhook_is_without_its_url_while_its_run_is_removed() {
    let (world, id) = three_webhooks();
    for activation in 2..1_500 {
        let step = step(world.now(), None, Vec::new());
        world.commit(id, activation, step).unwrap();
    }
    run(world.store.cancel(id, support::RETENTION)).unwrap();
    world.at(1_000 + support::RETENTION);
    assert!(run(world.store.retire()).unwrap(), "it was removed at once");
    let snapshot = world.store.read().unwrap();
    assert!(snapshot.view(id).unwrap().is_some());
    assert_eq!(urls(&world, id).unwrap(), []);
    while run(world.store.retire()).unwrap() {}
    assert!(world.store.read().unwrap().view(id).unwrap().is_none());
}
