//! Callers of webhooks as simulated time passes: held answers, rates, and the age of signatures.

use std::sync::Arc;

use dormouse_journal::{Request, Time};
use dormouse_runtime::{Received, Refusal, Runtime, Settings};
use dormouse_secret::{Purpose, Secret, SecretKeys, Use};
use dormouse_sim::{StoreKind, World, on_both};
use dormouse_webhook::Rejected;
use dormouse_webhook::provider::Providers;
use serde_json::{Value, json};

const SECRET: &str = "a secret of some length";
const MINUTE: u64 = 60_000;

fn world(store_kind: StoreKind, change: impl FnOnce(&mut Settings)) -> (World, Runtime) {
    World::with_script(store_kind, 5, change)
}

/// Starts a run with a webhook, and returns the webhook's URL.
fn hook(world: &World, host: &Runtime, options: &Value, then: &Value) -> String {
    let script = json!({"seq": [{"webhook": "a", "options": options}, then]});
    let run = world.start(host, "script", &script);
    world.url(run)
}

/// Posts a request, and returns the outcome and the time it took, in milliseconds.
fn timed(world: &World, host: &Runtime, url: &str) -> (Result<Received, Refusal>, u64) {
    let sent = world.now();
    let received = world.post(host, url, &[], "a");
    (received, world.now().0 - sent.0)
}

fn a_caller_is_held_for_as_long_as_the_webhook_says_and_no_longer(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |_| {});
    let later = json!({"seq": [{"wait": "a"}, {"sleep": 2_000}, {"respond": {"status": 201}}, {"sleep": 9_000}]});
    let in_time = hook(
        &world,
        &host,
        &json!({"reply": {"from-workflow": 3_000}}),
        &later,
    );
    let (received, took) = timed(&world, &host, &in_time);
    assert!(
        matches!(received, Ok(Received::Answered { .. })),
        "{received:?}"
    );
    assert_eq!(took, 2_000);

    let too_late = hook(
        &world,
        &host,
        &json!({"reply": {"from-workflow": 1_000}}),
        &later,
    );
    let (received, took) = timed(&world, &host, &too_late);
    assert!(
        matches!(received, Ok(Received::Accepted { .. })),
        "{received:?}"
    );
    assert_eq!(took, 1_000);
}

fn the_host_caps_the_time(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| settings.limits.reply_wait = 500);
    let options = json!({"reply": {"from-workflow": 3_000}});
    let url = hook(&world, &host, &options, &json!({"sleep": MINUTE}));
    let (received, took) = timed(&world, &host, &url);
    assert!(
        matches!(received, Ok(Received::Accepted { .. })),
        "{received:?}"
    );
    assert_eq!(took, 500);
}

fn a_run_that_ends_lets_its_callers_go_at_once(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |_| {});
    let options = json!({"reply": {"from-workflow": 30_000}});
    let taken = hook(
        &world,
        &host,
        &options,
        &json!({"seq": [{"wait": "a"}, {"sleep": 700}]}),
    );
    let (received, took) = timed(&world, &host, &taken);
    assert!(
        matches!(received, Ok(Received::Accepted { .. })),
        "{received:?}"
    );
    assert_eq!(took, 700);

    let left = hook(&world, &host, &options, &json!({"sleep": 700}));
    let (received, took) = timed(&world, &host, &left);
    assert!(matches!(received, Err(Refusal::Gone)), "{received:?}");
    // The run was started shortly before it was called.
    assert!((690..=700).contains(&took), "{took}");
}

fn a_rate_is_kept_to_and_what_it_says_of_the_time_is_true(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| settings.limits.webhook_rate = 2);
    let url = hook(&world, &host, &json!({}), &json!({"sleep": MINUTE}));
    let post = || world.post(&host, &url, &[], "a");
    for _ in 0..2 {
        post().unwrap();
    }
    let Err(Refusal::Rate(exceeded)) = post() else {
        panic!("a third request at once was taken");
    };
    assert_eq!(exceeded.retry_after_ms, 500);
    world.pass(499);
    assert!(matches!(post(), Err(Refusal::Rate(_))));
    world.pass(1);
    post().unwrap();
}

/// After the machine's clock was set back, the host's dates stand still until the machine's clock catches up.
/// A provider's clock does not.
fn a_signature_is_as_old_as_the_machines_clock_says(store_kind: StoreKind) {
    let keys = SecretKeys::parse(&"0f".repeat(32)).unwrap();
    let (world, host) = world(store_kind, |settings| {
        settings.secret_keys = Some(Arc::new(keys));
    });
    let granted = Use {
        workflow: "script".into(),
        purpose: Purpose::Verify,
    };
    let secret = Secret::new(SECRET.into()).unwrap();
    world
        .run(host.set_secret("s".parse().unwrap(), secret, vec![granted]))
        .unwrap();
    let options = json!({"signature": {"scheme": "stripe", "secrets": ["s"]}});
    let url = hook(&world, &host, &options, &json!({"sleep": 600 * MINUTE}));
    let providers = Providers::default();
    let stripe = providers.get("stripe").unwrap().check(&[]).unwrap();
    let post = |time: Time| {
        let request = Request {
            method: "POST".into(),
            url: url.clone(),
            headers: Vec::new(),
            body: "a".into(),
        };
        let headers = stripe.sign(SECRET.as_bytes(), "", time, &request).unwrap();
        let (name, value) = &headers[0];
        let value = std::str::from_utf8(value).unwrap();
        world.post(&host, &url, &[(name.as_str(), value)], "a")
    };
    post(world.date()).unwrap();
    let ahead = world.now();
    world.set_date(-(60 * MINUTE).cast_signed());
    assert_eq!(
        host.clock().now(),
        ahead,
        "the host's clock does not go back"
    );
    post(world.date()).unwrap();
    let stale = post(ahead);
    assert!(
        matches!(stale, Err(Refusal::Signature(Rejected::Stale))),
        "{stale:?}"
    );
}

on_both! {
    a_caller_is_held_for_as_long_as_the_webhook_says_and_no_longer,
    the_host_caps_the_time,
    a_run_that_ends_lets_its_callers_go_at_once,
    a_rate_is_kept_to_and_what_it_says_of_the_time_is_true,
    a_signature_is_as_old_as_the_machines_clock_says,
}
