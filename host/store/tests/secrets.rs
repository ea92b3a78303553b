//! Secrets: set, replaced, listed, deleted, and unchanged when they are read.

use crate::on_both_grounds;
use crate::support::{StoreKind, World, run};
use dormouse_journal::Time;
use dormouse_secret::{NONCE, Purpose, Secret, SecretKeys, SecretName, Use};
use dormouse_store::{PutSecret, SealedSecret, SecretPut};

on_both_grounds! {
    a_secret_is_read_as_it_was_set_and_can_be_opened,
    a_secret_of_the_same_name_is_replaced_and_keeps_its_creation_time,
    they_are_listed_by_name_until_they_are_deleted,
}

const VALUE: &str = "the value of a secret";

fn keys() -> SecretKeys {
    SecretKeys::parse(&"07".repeat(32)).unwrap()
}

/// Returns a secret that one workflow may check requests by, and another may send.
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

fn a_secret_is_read_as_it_was_set_and_can_be_opened(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let first = put("stripe", 1);
    assert_eq!(
        run(world.store.put_secret(first.clone())).unwrap(),
        SecretPut::Created(row(&first, 1_000, 1_000))
    );
    let read = run(world.store.secret("stripe".into())).unwrap().unwrap();
    assert_eq!(read, row(&first, 1_000, 1_000));
    let opened = keys().open(&read.sealed, &first.name, &read.uses).unwrap();
    assert_eq!(opened.expose_text(), VALUE);
    assert_eq!(run(world.store.secret("Stripe".into())).unwrap(), None);
}

fn a_secret_of_the_same_name_is_replaced_and_keeps_its_creation_time(store_kind: StoreKind) {
    let world = World::new(store_kind);
    run(world.store.put_secret(put("stripe", 1))).unwrap();
    world.at(2_000);
    let second = put("stripe", 2);
    assert_eq!(
        run(world.store.put_secret(second.clone())).unwrap(),
        SecretPut::Replaced(row(&second, 1_000, 2_000))
    );
    let read = run(world.store.secret("stripe".into())).unwrap();
    assert_eq!(read, Some(row(&second, 1_000, 2_000)));
}

fn they_are_listed_by_name_until_they_are_deleted(store_kind: StoreKind) {
    let world = World::new(store_kind);
    for name in ["b", "a", "B"] {
        run(world.store.put_secret(put(name, 1))).unwrap();
    }
    let names = || -> Vec<String> {
        let secrets = run(world.store.secrets()).unwrap();
        secrets.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(names(), ["B", "a", "b"]);
    assert!(run(world.store.delete_secret("a".into())).unwrap());
    assert!(!run(world.store.delete_secret("a".into())).unwrap());
    assert_eq!(names(), ["B", "b"]);
    assert_eq!(run(world.store.secret("a".into())).unwrap(), None);
}
