//! Tests which values a host gives out, and to whom, on a store in memory.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{
    Encoding, Request, RetryPolicy, SecretHeader as Named, Signature, ValueGroup, ValuePart,
    WebhookOptions,
};
use dormouse_seams::{Clock, Spawner, Task};
use dormouse_secret::Purpose;
use dormouse_store::{Attempts, Bounds, Call};
use dormouse_store_memory::Memory;
use pollster::block_on;

use super::*;

const VALUE: &str = "A_Made-Up-Value-7F3c91d04bE2";
const URL: &str = "https://api.example/v1/charges";

/// A machine on which no time passes.
struct Still;

impl Clock for Still {
    fn date(&self) -> Time {
        Time(1_000)
    }

    fn elapsed(&self) -> u64 {
        1_000
    }

    fn boot(&self) -> Option<[u8; 16]> {
        None
    }

    fn sleep_until(&self, _: u64) -> Task {
        Box::pin(pending())
    }

    fn thread_time(&self) -> Duration {
        Duration::ZERO
    }
}

impl Spawner for Still {
    fn spawn(&self, task: Task) {
        block_on(task);
    }

    fn spawn_blocking(&self, task: Task) {
        block_on(task);
    }
}

#[derive(Default)]
struct Counter(AtomicU8);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn keys(digits: &str) -> Arc<SecretKeys> {
    Arc::new(SecretKeys::parse(&digits.repeat(32)).unwrap())
}

fn host(keys: Option<Arc<SecretKeys>>) -> Secrets {
    let memory = Memory::default();
    let entropy = Counter::default();
    let store = block_on(memory.open(Arc::new(Still), &entropy, Arc::new(Still))).unwrap();
    Secrets {
        store: Arc::new(store),
        entropy: Arc::new(entropy),
        keys,
        setting: tokio::sync::Mutex::default(),
    }
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn value() -> Secret {
    Secret::new(VALUE.into()).unwrap()
}

fn verify(workflow: &str) -> Use {
    Use {
        workflow: workflow.into(),
        purpose: Purpose::Verify,
    }
}

fn send(workflow: &str) -> Use {
    Use {
        workflow: workflow.into(),
        purpose: Purpose::SendTo("https://api.example".parse().unwrap()),
    }
}

fn set(host: &Secrets, secret: &str, uses: &[Use]) -> SetSecret {
    block_on(host.set(name(secret), value(), uses.to_vec())).unwrap()
}

/// Puts a row into the store without the host: sealed for some uses, but with others in the row.
fn smuggle(host: &Secrets, keys: &SecretKeys, sealed_for: &[Use], uses: &[Use]) {
    let put = PutSecret {
        name: name("s"),
        sealed: keys.seal(&value(), [0; NONCE], &name("s"), sealed_for),
        uses: uses.to_vec(),
    };
    block_on(host.store.put_secret(put)).unwrap();
}

/// Returns the secrets of these names, as the store finds them for a webhook or a call.
fn found(host: &Secrets, names: &[&str]) -> Vec<(String, SealedSecret)> {
    let found = names.iter().filter_map(|name| {
        let row = block_on(host.store.secret((*name).into())).unwrap()?;
        Some(((*name).to_owned(), row))
    });
    found.collect()
}

fn verifying(host: &Secrets, workflow: &str, names: &[&str]) -> Result<usize, SecretUnusable> {
    let signature = Signature {
        provider: "github".into(),
        secrets: names.iter().map(|&name| name.into()).collect(),
        settings: Vec::new(),
    };
    let options = WebhookOptions {
        signature: Some(signature),
        ..WebhookOptions::default()
    };
    let sealed = found(host, names);
    let Verifying { secrets, closed } = host.verifying(workflow, &options, &sealed);
    assert!(secrets.iter().all(|secret| secret.expose_text() == VALUE));
    closed.map_or(Ok(secrets.len()), Err)
}

fn sending(host: &Secrets, workflow: &str, secret: &str, url: &str) -> Result<(), SendRefused> {
    let sending = SendingView {
        call: Call {
            request: Request {
                method: "POST".into(),
                url: url.into(),
                headers: Vec::new(),
                body: Bytes::new(),
            },
            retry: RetryPolicy::default(),
            timeout: 1_000,
            redirects: 0,
            idempotency_key: "key".into(),
            secret_headers: vec![Named::prefixed("authorization", "Bearer ", secret)],
        },
        large_body: None,
        attempts: Attempts {
            scheduled: 1,
            next: Time(0),
        },
        bounds: Bounds::new(RetryPolicy::default(), Time(0)),
        workflow: workflow.into(),
        secrets: found(host, &[secret]),
        is_paused: false,
    };
    let sent = host.sending(&sending)?;
    assert_eq!(sent[0].name, "authorization");
    assert_eq!(sent[0].value.expose(), format!("Bearer {VALUE}").as_bytes());
    assert_eq!(sent[0].secrets[0].expose(), VALUE.as_bytes());
    Ok(())
}

#[track_caller]
fn denied(host: &Secrets, workflow: &str, secret: &str, url: &str) -> String {
    match sending(host, workflow, secret, url) {
        Err(SendRefused::Denied(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_are_checked_by_what_is_there_and_granted() {
    let host = host(Some(keys("01")));
    set(&host, "old", &[verify("w")]);
    set(&host, "new", &[verify("w"), verify("v")]);
    set(&host, "sent", &[send("w")]);
    let all = ["old", "new", "sent", "missing", "no name", "new"];
    assert_eq!(verifying(&host, "w", &all).unwrap(), 3);
    assert_eq!(verifying(&host, "v", &all).unwrap(), 2);
    assert_eq!(verifying(&host, "other", &all).unwrap(), 0);
}

#[test]
fn a_group_of_parts_is_sent_in_base64_and_its_secret_is_searched_for() {
    let text = |text: &str| ValuePart::Text(text.into());
    let group = |encoding, parts| ValueGroup { encoding, parts };
    let header = Named {
        name: "authorization".into(),
        value: vec![
            group(Encoding::Plain, vec![text("Basic ")]),
            group(
                Encoding::Base64,
                vec![text("ann:"), ValuePart::Secret("s".into())],
            ),
            group(Encoding::Plain, vec![text(", more")]),
        ],
    };
    let open = |name: &str| {
        assert_eq!(name, "s");
        Ok(Secret::new(b"hunter22".to_vec()).unwrap())
    };
    let filled = super::filled(&header, open).unwrap();
    // `printf ann:hunter22 | base64`
    assert_eq!(filled.value.expose(), b"Basic YW5uOmh1bnRlcjIy, more");
    assert_eq!(filled.secrets.len(), 1);
    assert_eq!(filled.secrets[0].expose(), b"hunter22");
}

#[test]
fn a_secret_is_sent_by_whom_and_where_it_was_granted() {
    let host = host(Some(keys("01")));
    set(&host, "s", &[send("w"), verify("v")]);
    sending(&host, "w", "s", URL).unwrap();
    sending(&host, "w", "s", "https://API.example:443/").unwrap();
    for (workflow, url) in [
        ("v", URL),
        ("other", URL),
        ("w", "http://api.example/v1/charges"),
        ("w", "https://api.example:8443/"),
        ("w", "https://api.example@evil.example/"),
        ("w", "blob:https://api.example/"),
    ] {
        denied(&host, workflow, "s", url);
    }
}

#[test]
fn a_denial_does_not_tell_whether_there_is_such_a_secret() {
    let host = host(Some(keys("01")));
    let before = denied(&host, "w", "s", URL);
    assert_eq!(
        before,
        "workflow w may not send the secret s to https://api.example; `dormouse secret set s --workflow w --send-to \
         https://api.example` would allow it"
    );
    set(&host, "s", &[send("v"), verify("w")]);
    assert_eq!(denied(&host, "w", "s", URL), before);
    smuggle(&host, &keys("02"), &[send("v")], &[send("v")]);
    assert_eq!(denied(&host, "w", "s", URL), before);
}

#[test]
fn a_name_invented_by_a_guest_is_not_repeated_as_a_command() {
    let host = host(Some(keys("01")));
    let text = denied(&host, "w", "s; reboot", URL);
    assert!(!text.contains("reboot"), "{text}");
    let text = denied(&host, "w", "s", "https://$(reboot).example/");
    assert!(!text.contains("reboot"), "{text}");
}

#[test]
fn a_missing_key_is_the_hosts_own_trouble() {
    let granted = [verify("w"), send("w")];
    for keys_of_host in [None, Some(keys("01"))] {
        let host = host(keys_of_host);
        smuggle(&host, &keys("02"), &granted, &granted);
        let checked = verifying(&host, "w", &["s"]).unwrap_err();
        assert!(matches!(&checked, SecretUnusable::NoKey(secret) if secret.as_str() == "s"));
        assert!(checked.to_string().contains("`secret-key-file`"));
        assert!(matches!(
            sending(&host, "w", "s", URL),
            Err(SendRefused::Unusable(SecretUnusable::NoKey(_)))
        ));
    }
}

#[test]
fn uses_that_somebody_added_to_the_file_open_nothing() {
    let host = host(Some(keys("01")));
    smuggle(
        &host,
        &keys("01"),
        &[verify("w")],
        &[verify("w"), send("w")],
    );
    assert!(matches!(
        sending(&host, "w", "s", URL),
        Err(SendRefused::Unusable(SecretUnusable::Damaged(_)))
    ));
    assert!(matches!(
        verifying(&host, "w", &["s"]),
        Err(SecretUnusable::Damaged(_))
    ));
}

#[test]
fn a_secret_is_shown_without_its_value() {
    let host = host(Some(keys("01")));
    let uses = [verify("w"), send("w"), verify("w")];
    let SetSecret::Created(view) = set(&host, "s", &uses) else {
        panic!("it was there before");
    };
    assert_eq!(view.uses, [verify("w"), send("w")]);
    assert!(view.readable);
    assert!(matches!(set(&host, "s", &uses), SetSecret::Replaced(_)));
    assert_eq!(block_on(host.list()).unwrap(), std::slice::from_ref(&view));
    assert_eq!(block_on(host.show("s")).unwrap(), Some(view));
    assert_eq!(block_on(host.show("other")).unwrap(), None);
    assert!(block_on(host.delete("s")).unwrap());
    assert!(!block_on(host.delete("s")).unwrap());
}

#[test]
fn a_secret_without_a_key_is_shown_as_such() {
    let host = host(Some(keys("01")));
    smuggle(&host, &keys("02"), &[verify("w")], &[verify("w")]);
    let view = block_on(host.show("s")).unwrap().unwrap();
    assert!(!view.readable);
}

#[test]
fn each_is_sealed_with_a_nonce_of_its_own() {
    let host = host(Some(keys("01")));
    let sealed = || {
        set(&host, "s", &[verify("w")]);
        block_on(host.store.secret("s".into()))
            .unwrap()
            .unwrap()
            .sealed
    };
    let (first, second) = (sealed(), sealed());
    assert_ne!(first.nonce, second.nonce);
    assert_ne!(first.bytes, second.bytes);
}

#[test]
fn a_secret_needs_a_key_and_a_use() {
    let set = |host: &Secrets, uses| block_on(host.set(name("s"), value(), uses));
    assert!(matches!(
        set(&host(None), vec![verify("w")]),
        Err(SetSecretError::NoKey)
    ));
    assert!(matches!(
        set(&host(Some(keys("01"))), Vec::new()),
        Err(SetSecretError::Invalid(InvalidUses::None))
    ));
}

#[test]
fn uses_are_changed_and_the_value_stays() {
    let host = host(Some(keys("01")));
    set(&host, "s", &[verify("w")]);
    let change = |secret: &str, add: &[Use], remove: &[Use]| {
        block_on(host.change_uses(name(secret), add.to_vec(), remove))
    };
    let view = change("s", &[send("w"), verify("w")], &[]).unwrap();
    assert_eq!(view.uses, [verify("w"), send("w")]);
    let view = change("s", &[verify("v")], &[verify("w"), send("v")]).unwrap();
    assert_eq!(view.uses, [verify("v"), send("w")]);
    let row = block_on(host.store.secret("s".into())).unwrap().unwrap();
    let opened = host.open(name("s"), &row).unwrap();
    assert_eq!(opened.expose_text(), value().expose_text());
    assert!(matches!(
        change("s", &[], &[verify("v"), send("w")]),
        Err(SetSecretError::Invalid(InvalidUses::None))
    ));
    let many: Vec<Use> = (0..200)
        .map(|number| verify(&format!("w{number}")))
        .collect();
    assert!(matches!(
        change("s", &many, &[]),
        Err(SetSecretError::Invalid(InvalidUses::TooMany))
    ));
    assert!(matches!(
        change("t", &[verify("w")], &[]),
        Err(SetSecretError::Unknown(_))
    ));
}
