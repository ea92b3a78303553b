//! Requests that a provider sends again are recognised by the provider's own id.

use dormouse_e2e::{Answer, Host, Request, Run, Scheme, body, now, request, sign};
use serde_json::{Value, json};

use crate::forms::{go, verifying, waits_after_go_with};

const SECRET: &str = "whsec_dGhpcyBzZWNyZXQgaXMgZm9yIHRlc3Rz";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Those whose ids are known.
const PROVIDERS: [Scheme; 3] = [Scheme::Github, Scheme::Slack, Scheme::Stripe];

fn host(settings: &[&str]) -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], settings);
    host.set_secret("s", SECRET, &verifying());
    host
}

fn signed_run(host: &Host, scheme: Scheme, waits: usize) -> (Run, String) {
    let options = json!({"signature": scheme.option(&["s"])});
    let run = host.script(&waits_after_go_with(&options, waits));
    let hook = run.hook("a");
    (run, hook)
}

/// Returns an event of this id as the provider renders it. What it says and how often it was tried before is in the text.
fn event(provider: Scheme, id: &str, attempt: u32) -> String {
    match provider {
        Scheme::Slack => format!(
            "{{\"token\":\"t\",\"type\":\"event_callback\",\"event_id\":\"{id}\",\"attempt\":{attempt}}}"
        ),
        Scheme::Stripe => format!(
            "{{\n  \"id\": \"{id}\",\n  \"object\": \"event\",\n  \"pending_webhooks\": {attempt}\n}}"
        ),
        _ => format!("{{\"attempt\":{attempt}}}"),
    }
}

/// Returns the event as it is sent, signed at this moment by this scheme.
fn delivery(provider: Scheme, signer: Scheme, hook: &str, id: &str, attempt: u32) -> Request {
    let text = event(provider, id, attempt);
    let headers = sign(signer, SECRET, "msg_1", now(), text.as_bytes());
    let request = request("POST", hook).headers(&headers).body(&text);
    match provider {
        Scheme::Github => request.header("x-github-delivery", id),
        _ => request,
    }
}

fn send(provider: Scheme, hook: &str, id: &str, attempt: u32) -> Answer {
    delivery(provider, provider, hook, id, attempt).send()
}

/// Returns the id that an answer gives, if it is the answer to a request that is new, or to one that is not.
#[track_caller]
fn id(answer: Answer, duplicate: bool) -> String {
    let answer = answer.expect(202);
    assert_eq!(answer.json()["duplicate"], duplicate);
    answer.field("id")
}

#[track_caller]
fn bodies(deliveries: &Value) -> Vec<String> {
    deliveries.as_array().unwrap().iter().map(body).collect()
}

#[test]
fn a_repeat_gets_the_first_id_from_a_full_inbox_after_a_crash_and_after_the_end() {
    let mut host = host(&["--inbox-limit", "1"]);
    let runs = PROVIDERS.map(|provider| (provider, signed_run(&host, provider, 1)));
    let firsts = runs.clone().map(|(provider, (_, hook))| {
        let first = id(send(provider, &hook, "evt_1", 1), false);
        assert_eq!(id(send(provider, &hook, "evt_1", 1), true), first);
        send(provider, &hook, "evt_2", 1).expect_problem(429, "inbox-full");
        first
    });
    host.restart();
    for ((provider, (run, hook)), first) in runs.iter().zip(&firsts) {
        assert_eq!(&id(send(*provider, hook, "evt_1", 1), true), first);
        assert_eq!(run.queued(), 1);
        go(run);
        assert_eq!(bodies(&run.output()[2]), [event(*provider, "evt_1", 1)]);
        assert_eq!(&id(send(*provider, hook, "evt_1", 1), true), first);
        send(*provider, hook, "evt_2", 1).expect_problem(410, "webhook-gone");
    }
    host.restart();
    for ((provider, (run, hook)), first) in runs.iter().zip(&firsts) {
        assert_eq!(&id(send(*provider, hook, "evt_1", 1), true), first);
        assert_eq!(run.show()["untaken"], 0);
    }
}

#[test]
fn an_event_with_a_signed_id_is_the_same_event_in_another_rendering() {
    let host = host(&[]);
    for provider in [Scheme::Slack, Scheme::Stripe] {
        let (run, hook) = signed_run(&host, provider, 2);
        let first = id(send(provider, &hook, "evt_1", 1), false);
        assert_eq!(id(send(provider, &hook, "evt_1", 2), true), first);
        id(send(provider, &hook, "evt_2", 2), false);
        assert_eq!(id(send(provider, &hook, "evt_1", 3), true), first);
        go(&run);
        let expected = [event(provider, "evt_1", 1), event(provider, "evt_2", 2)];
        assert_eq!(bodies(&run.output()[2]), expected);
    }
}

/// Nobody signed the header, so whoever has seen one request of GitHub's could keep another one out with it.
#[test]
fn the_same_github_id_with_another_body_is_queued_as_new() {
    let host = host(&[]);
    let (run, hook) = signed_run(&host, Scheme::Github, 2);
    let first = id(send(Scheme::Github, &hook, "72d3162e", 1), false);
    assert_ne!(id(send(Scheme::Github, &hook, "72d3162e", 2), false), first);
    assert_eq!(id(send(Scheme::Github, &hook, "72d3162e", 1), true), first);
    go(&run);
    let expected = [1, 2].map(|attempt| event(Scheme::Github, "72d3162e", attempt));
    assert_eq!(bodies(&run.output()[2]), expected);
}

#[test]
fn an_id_is_known_under_the_providers_own_scheme_only() {
    let host = host(&[]);
    for provider in PROVIDERS {
        let others = PROVIDERS.into_iter().chain([Scheme::HmacSha256]);
        for scheme in others.filter(|scheme| *scheme != provider) {
            let (run, hook) = signed_run(&host, scheme, 1);
            for _ in 0..2 {
                id(delivery(provider, scheme, &hook, "evt_1", 1).send(), false);
            }
            assert_eq!(run.queued(), 2);
        }
        let run = host.script(&waits_after_go_with(&json!({}), 1));
        for _ in 0..2 {
            id(send(provider, &run.hook("a"), "evt_1", 1), false);
        }
        assert_eq!(run.queued(), 2);
    }
}

#[test]
fn an_id_counts_for_one_webhook() {
    let host = host(&[]);
    for provider in PROVIDERS {
        let (_, one) = signed_run(&host, provider, 1);
        let (_, other) = signed_run(&host, provider, 1);
        let first = id(send(provider, &one, "evt_1", 1), false);
        assert_ne!(id(send(provider, &other, "evt_1", 1), false), first);
        assert_eq!(id(send(provider, &one, "evt_1", 1), true), first);
    }
}

/// Whoever replays a signed request can add a header, but cannot change what was signed.
#[test]
fn a_key_that_a_replayer_adds_does_not_make_a_signed_event_new() {
    let host = host(&[]);
    for provider in [Scheme::Slack, Scheme::Stripe] {
        let (run, hook) = signed_run(&host, provider, 1);
        let first = id(send(provider, &hook, "evt_1", 1), false);
        for name in ["idempotency-key", "webhook-id"] {
            let replayed = delivery(provider, provider, &hook, "evt_1", 1).header(name, "new");
            assert_eq!(id(replayed.send(), true), first);
        }
        assert_eq!(run.queued(), 1);
    }
    // Standard Webhooks signs its id.
    let standard = Scheme::StandardWebhooks;
    let (run, hook) = signed_run(&host, standard, 1);
    let first = id(send(standard, &hook, "", 1), false);
    let replayed = delivery(standard, standard, &hook, "", 1).header("idempotency-key", "new");
    assert_eq!(id(replayed.send(), true), first);
    assert_eq!(run.queued(), 1);
}

#[test]
fn the_callers_own_key_takes_precedence_over_an_unsigned_id() {
    let host = host(&[]);
    let (run, hook) = signed_run(&host, Scheme::Github, 1);
    let keyed = |key: &str, id: &str, attempt| {
        let request = delivery(Scheme::Github, Scheme::Github, &hook, id, attempt);
        request.header("idempotency-key", key).send()
    };
    let first = id(keyed("k", "72d3162e", 1), false);
    assert_ne!(id(keyed("l", "72d3162e", 1), false), first);
    assert_eq!(id(keyed("k", "another", 1), true), first);
    keyed("k", "72d3162e", 2).expect_problem(422, "idempotency-key-reused");
    assert_eq!(run.queued(), 2);
}
