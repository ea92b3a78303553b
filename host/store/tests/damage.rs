//! Damaged records. A webhook's URL is not in the webhook's row but in the record of the activation that created it.

use dormouse_journal::{
    CancelOptions, DecodeError, Kind, RunId, Time, WebhookNumber, WebhookOptions,
};
use dormouse_store::rows::Part;
use dormouse_store::{Accepted, ReadError, RequestRefused, TableId};

use crate::on_both_grounds;
use crate::support::storage::check_storage;
use crate::support::{Machine, RETENTION, StoreKind, World, activation, run, wait};

on_both_grounds! {
    a_webhooks_url_is_that_of_the_activation_that_created_it,
    a_run_that_is_removed_in_pieces_is_unknown_from_the_first_on,
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
fn three_webhooks(store_kind: StoreKind) -> (World, RunId) {
    let world = World::new(store_kind);
    let id = world.start();
    for (number, kinds) in [
        (0, vec![create(0), wait(None)]),
        (1, vec![create(1), create(2)]),
    ] {
        let new = activation(world.now(), None, kinds);
        world.commit(id, number, new).unwrap();
    }
    (world, id)
}

type Urls = Vec<(u32, u32, String)>;

fn urls(world: &World, id: RunId) -> Result<Option<Urls>, ReadError> {
    let views = run(world.store.webhooks(id, usize::MAX))?;
    let url =
        |view: dormouse_store::WebhookView| (view.number.0, view.webhook.activation, view.url);
    Ok(views.map(|views| views.into_iter().map(url).collect()))
}

/// The run with this in the place of the second activation's record, or with nothing there.
#[track_caller]
fn with_record(record: Option<&[u8]>) -> (World, RunId) {
    let (world, id) = three_webhooks(StoreKind::Memory);
    let Machine::Memory(memory) = &world.machine else {
        panic!("it is in memory");
    };
    let key = [Part::Run(&id.0), Part::U32(0), Part::U32(1)];
    memory.change(|rows| {
        let changed = match record {
            Some(record) => rows
                .write(TableId::Journal, &key, record)
                .map(|replaced| replaced.is_some()),
            None => rows.remove(TableId::Journal, &key, &mut |_| {}),
        };
        assert!(changed.unwrap(), "there was no such record");
    });
    (world, id)
}

/// Reads the URLs of the run with this record.
#[track_caller]
fn damaged(record: Option<&[u8]>) -> ReadError {
    let (world, id) = with_record(record);
    urls(&world, id).unwrap_err()
}

/// A record may have 64 MiB, so one that is not on the page must not be decoded for it.
#[test]
fn a_page_of_the_journal_decodes_no_record_after_its_last() {
    let (world, id) = with_record(Some(&[200]));
    let page = run(world.store.journal(id, 0, 1)).unwrap();
    assert_eq!((page.activations.len(), page.more), (1, true));
    let error = run(world.store.journal(id, 0, 2)).unwrap_err();
    assert!(matches!(error, ReadError::Row { .. }), "{error}");
}

fn a_webhooks_url_is_that_of_the_activation_that_created_it(store_kind: StoreKind) {
    let (world, id) = three_webhooks(store_kind);
    assert_eq!(
        urls(&world, id).unwrap().unwrap(),
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
    let other = activation(Time(0), None, vec![create(0), create(1)]);
    let error = damaged(Some(&other.activation.encode()));
    assert!(matches!(error, ReadError::Missing { .. }), "{error}");
}

#[test]
fn a_url_whose_record_is_damaged_is_an_error() {
    let error = damaged(Some(&[200]));
    let ReadError::Row { table, source } = &error else {
        panic!("{error}");
    };
    assert_eq!(
        (*table, source),
        ("journal", &DecodeError::Version { found: 200 })
    );
}

/// A large run is removed in several transactions.
fn a_run_that_is_removed_in_pieces_is_unknown_from_the_first_on(store_kind: StoreKind) {
    let (world, id) = three_webhooks(store_kind);
    for number in 2..1_500 {
        let new = activation(world.now(), None, Vec::new());
        world.commit(id, number, new).unwrap();
    }
    run(world.store.cancel(id, CancelOptions::default(), RETENTION)).unwrap();
    world.at(1_000 + RETENTION);
    assert!(run(world.store.retire()).unwrap(), "it was removed at once");
    assert!(!world.keys("journal").is_empty(), "it was removed at once");
    assert!(world.view(id).is_none());
    assert_eq!(urls(&world, id).unwrap(), None);
    assert_eq!(
        world.accept(id, "late"),
        Accepted::Refused(RequestRefused::Ended)
    );
    check_storage(&world.opened.dump(), []);
    world.retire();
    for table in ["journal", "webhooks", "open", "inputs", "expiries"] {
        assert_eq!(world.keys(table), [""; 0], "{table}");
    }
    check_storage(&world.opened.dump(), []);
}
