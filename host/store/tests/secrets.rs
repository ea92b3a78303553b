//! Secrets: set, replaced, listed, deleted, and as they were when they are read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

use crate::support;

use dormouse_journal::Time;
use dormouse_secret::{NONCE, Purpose, Secret, SecretKeys, SecretName, Use};
use dormouse_store::{PutSecret, SealedSecret, SecretPut};
use support::{World, run};

const VALUE: &str = "the value of a secret";

fn keys() -> SecretKeys {
    SecretKeys::parse(&"07".repeat(32)).unwrap()
}

/// A secret that one workflow may check requests by, and another may send.
fn put(name: &str, nonce: u8) -> PutSecret {
    let granted = |workflow: &str, purpose| Use {
        workflow: workflow.into(),
        purpose,
    };
    let uses = vec![
        granted("w", Purpose::Verify),
        granted(
            "v",
            Purpose::SendTo("https://api.example:8443".parse().unwrap()),
        ),
    ];
    let name: SecretName = name.parse().unwrap();
    let secret = Secret::new(VALUE.into()).unwrap();
    PutSecret {
        sealed: keys().seal(&secret, [nonce; NONCE], &name, &uses),
        name,
        uses,
    }
}

fn row(put: &PutSecret, created: u64, updated: u64) -> SealedSecret {
    SealedSecret {
        sealed: put.sealed.clone(),
        uses: put.uses.clone(),
        created: Time(created),
        updated: Time(updated),
    }
}

#[test]
fn a_secret_is_read_as_it_was_set_and_can_be_opened() {
    let world = World::new();
    let first = put("stripe", 1);
    assert_eq!(
        run(world.store.put_secret(first.clone())).unwrap(),
        SecretPut::Created(row(&first, 1_000, 1_000))
    );
    let read = world
        .store
        .read()
        .unwrap()
        .secret("stripe")
        .unwrap()
        .unwrap();
    assert_eq!(read, row(&first, 1_000, 1_000));
    let opened = keys().open(&read.sealed, &first.name, &read.uses).unwrap();
    assert_eq!(opened.expose_text(), VALUE);
    assert_eq!(world.store.read().unwrap().secret("Stripe").unwrap(), None);
}

#[test]
fn one_of_the_same_name_is_replaced_and_keeps_its_time_of_creation() {
    let world = World::new();
    run(world.store.put_secret(put("stripe", 1))).unwrap();
    world.at(2_000);
    let second = put("stripe", 2);
    assert_eq!(
        run(world.store.put_secret(second.clone())).unwrap(),
        SecretPut::Replaced(row(&second, 1_000, 2_000))
    );
    let read = world.store.read().unwrap().secret("stripe").unwrap();
    assert_eq!(read, Some(row(&second, 1_000, 2_000)));
}

#[test]
fn they_are_listed_by_name_until_they_are_deleted() {
    let world = World::new();
    for name in ["b", "a", "B"] {
        run(world.store.put_secret(put(name, 1))).unwrap();
    }
    let names = || -> Vec<String> {
        let secrets = world.store.read().unwrap().secrets().unwrap();
        secrets.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(), ["B", "a", "b"]);
    assert!(run(world.store.delete_secret("a".into())).unwrap());
    assert!(!run(world.store.delete_secret("a".into())).unwrap());
    assert_eq!(names(), ["B", "b"]);
    assert_eq!(world.store.read().unwrap().secret("a").unwrap(), None);
}
