//! Webhooks that accept only signed requests.

use std::fs;

use dormouse_e2e::{
    Answer, Host, Request, Run, Scheme, bytes, header_values, http2, now, raw, request, sign,
    wait_until,
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::forms::{go, verifying, waits_after_go_with};

/// Values that every scheme takes.
const SECRET: &str = "whsec_QV9NYWRlLVVwLVZhbHVlLTdGM2M5MWQwNGJFMg==";
const OTHER: &str = "whsec_QW5vdGhlcl9NYWRlLVVwLVZhbHVlLTVFOGFiMjE3";
const THIRD: &str = "whsec_VGhlX1RoaXJkX01hZGUtVXAtVmFsdWUtOWM0MWY=";

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn host(settings: &[&str]) -> Host {
    Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], settings)
}

/// Returns a host that has the secret `s`.
fn host_with_secret(settings: &[&str]) -> Host {
    let host = host(settings);
    host.set_secret("s", SECRET, &verifying());
    host
}

/// Returns a run with a webhook that takes what is signed with one of these secrets, and waits for this many requests after `go`.
fn signed_run(host: &Host, scheme: Scheme, secrets: &[&str], waits: usize) -> (Run, String) {
    let options = json!({"signature": scheme.option(secrets)});
    let run = host.script(&waits_after_go_with(&options, waits));
    let hook = run.hook("a");
    (run, hook)
}

/// Returns a request that is signed now with this secret.
fn signed(scheme: Scheme, secret: &str, hook: &str, body: &[u8]) -> Request {
    let headers = sign(scheme, secret, "msg_1", now(), body);
    request("POST", hook).headers(&headers).body(body)
}

#[track_caller]
fn refused(answer: Answer, code: &str) {
    let answer = answer.expect_problem(401, code);
    assert_eq!(answer.header("www-authenticate"), Some("Signature"));
}

/// Returns the bodies that a run got, once it got all it waits for.
#[track_caller]
fn delivered(run: &Run) -> Vec<Vec<u8>> {
    go(run);
    let output = run.output();
    let deliveries = output[2].as_array().unwrap().iter();
    deliveries
        .map(|delivery| bytes(&delivery["body"]))
        .collect()
}

#[test]
fn a_signed_request_reaches_the_run_whole() {
    let host = host_with_secret(&[]);
    let body = b"\0\xff{\"paid\": true}\r\n";
    for scheme in Scheme::ALL {
        let (run, hook) = signed_run(&host, scheme, &["s"], 1);
        let headers = sign(scheme, SECRET, "msg_1", now(), body);
        let sent = request("POST", format!("{hook}/sub?q=1")).headers(&headers);
        let sent = sent.header("x-more", "as it is").body(body).send();
        assert_eq!(sent.expect(202).json()["duplicate"], false, "{scheme:?}");
        go(&run);
        let delivery = run.output()[2][0].clone();
        assert_eq!(bytes(&delivery["body"]), body);
        assert_eq!(delivery["url"], format!("{hook}/sub?q=1"));
        for (name, value) in &headers {
            let seen = header_values(&delivery["headers"], name);
            assert_eq!(seen, [value.as_bytes()], "{scheme:?}");
        }
        let more = header_values(&delivery["headers"], "x-more");
        assert_eq!(more, [b"as it is"]);
    }
}

/// Requests that prove nothing, by the code of the problem that they are answered with.
fn unproven(scheme: Scheme, hook: &str) -> Vec<(&'static str, Request)> {
    let body = b"paid";
    let plain = || request("POST", hook).body(body);
    let at = |second| plain().headers(&sign(scheme, SECRET, "msg_1", second, body));
    let genuine = sign(scheme, SECRET, "msg_1", now(), body);
    let mut garbled = genuine.clone();
    for (name, value) in &mut garbled {
        if *name == scheme.header() {
            *value = "garbage".to_owned();
        }
    }
    // Standard Webhooks has a list of signatures of several versions, and this one is of none that is known.
    let garbage = match scheme {
        Scheme::StandardWebhooks => "signature-missing",
        _ => "signature-malformed",
    };
    let (name, signature) = genuine.last().unwrap();
    let mut requests = vec![
        ("signature-missing", plain()),
        ("signature-missing", plain().header("authorization", SECRET)),
        ("signature-wrong", signed(scheme, OTHER, hook, body)),
        ("signature-wrong", at(now()).body(b"paid twice")),
        (garbage, plain().headers(&garbled)),
        ("signature-malformed", at(now()).header(name, signature)),
    ];
    if scheme.is_timed() {
        requests.push(("signature-stale", at(now() - 400)));
        requests.push(("signature-stale", at(now() + 400)));
    }
    requests
}

#[test]
fn a_request_without_proof_is_401_counted_and_does_not_wake_the_run() {
    let host = host_with_secret(&[]);
    for scheme in Scheme::ALL {
        let options = json!({"signature": scheme.option(&["s"])});
        let run = host.script(&json!({"seq": [
            {"webhook": "a", "options": options}, {"wait": "a"}, {"wait": "a", "ms": 0, "as": "more"},
        ]}));
        run.wait_for_steps(&["a"]);
        let hook = run.hook("a");
        let journal = run.journal();
        for (code, request) in unproven(scheme, &hook) {
            let before = host.hook_answers(code);
            refused(request.send(), code);
            assert_eq!(host.hook_answers(code), before + 1);
            let reason = format!("reason=\"{code}\"");
            wait_until("the refusal is in the log", || {
                let log = host.log();
                let mut lines = log.lines().filter(|line| line.contains(run.id()));
                lines
                    .any(|line| line.contains(&reason) && line.contains("webhook=0"))
                    .then_some(())
            });
        }
        assert_eq!(run.queued(), 0);
        assert_eq!(run.journal(), journal, "the run was woken");
        signed(scheme, SECRET, &hook, b"paid").send().expect(202);
        let output = run.output();
        assert_eq!(bytes(&output[1]["body"]), b"paid");
        assert_eq!(output[2], Value::Null);
    }
}

#[test]
fn neither_secret_nor_signature_nor_token_is_logged() {
    let host = host_with_secret(&["--log", "trace"]);
    let mut secrets = vec![SECRET.to_owned(), OTHER.to_owned()];
    for scheme in Scheme::ALL {
        let (run, hook) = signed_run(&host, scheme, &["s"], 1);
        secrets.push(hook.rsplit('/').next().unwrap().to_owned());
        for secret in [SECRET, OTHER] {
            for body in ["one", "two"] {
                let body = body.as_bytes();
                let headers = sign(scheme, secret, "msg_1", now(), body);
                let (name, value) = headers.last().unwrap().clone();
                secrets.push(value);
                let status = request("POST", &hook)
                    .headers(&headers)
                    .body(body)
                    .send()
                    .status;
                assert_eq!(status, if secret == SECRET { 202 } else { 401 });
                assert!(
                    host.log().contains(run.id()),
                    "what is looked through: {name}"
                );
            }
            let headers = sign(scheme, secret, "msg_2", now(), b"three");
            secrets.push(headers.last().unwrap().1.clone());
            http2::exchange(vec![("POST", &hook, headers, b"three".to_vec())]);
        }
        assert_eq!(delivered(&run), [b"one"]);
    }
    let log = host.log();
    assert!(log.contains("DEBUG"));
    for secret in secrets {
        // The digits alone, without what comes before them.
        let secret = secret.rsplit(['=', ',']).find(|part| part.len() > 20);
        let secret = secret.unwrap();
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret}");
    }
}

#[test]
fn how_old_a_signature_may_be_is_a_setting() {
    let timed = Scheme::ALL.into_iter().filter(|scheme| scheme.is_timed());
    for (setting, near, far) in [("1h", 3_000, 4_000), ("30s", 5, 100)] {
        let host = host_with_secret(&["--signature-tolerance", setting]);
        for scheme in timed.clone() {
            let (run, hook) = signed_run(&host, scheme, &["s"], 2);
            let send = |second| {
                let headers = sign(scheme, SECRET, &format!("msg_{second}"), second, b"paid");
                request("POST", &hook).headers(&headers).body("paid").send()
            };
            refused(send(now() - far), "signature-stale");
            refused(send(now() + far), "signature-stale");
            send(now() - near).expect(202);
            send(now() + near).expect(202);
            assert_eq!(run.queued(), 2);
        }
    }
}

#[test]
fn while_two_secrets_are_named_either_will_do() {
    let host = host(&[]);
    host.set_secret("new", SECRET, &verifying());
    for scheme in Scheme::ALL {
        host.set_secret("old", OTHER, &verifying());
        let (run, hook) = signed_run(&host, scheme, &["new", "old"], 2);
        signed(scheme, SECRET, &hook, b"by the new")
            .send()
            .expect(202);
        signed(scheme, OTHER, &hook, b"by the old")
            .send()
            .expect(202);
        refused(signed(scheme, THIRD, &hook, b"").send(), "signature-wrong");
        // One that is not there takes nothing from the other.
        host.request("DELETE", "/v1/secrets/old").send().expect(204);
        refused(signed(scheme, OTHER, &hook, b"").send(), "signature-wrong");
        signed(scheme, SECRET, &hook, b"after").send().expect(202);
        assert_eq!(delivered(&run), [b"by the new", b"by the old"]);
    }
}

#[test]
fn a_secret_that_is_replaced_while_the_run_sleeps_counts_from_then_on() {
    let mut host = host_with_secret(&[]);
    let (run, hook) = signed_run(&host, Scheme::Github, &["s"], 3);
    let send = |secret, body| signed(Scheme::Github, secret, &hook, body).send();
    send(SECRET, b"before").expect(202);
    host.set_secret("s", OTHER, &verifying());
    refused(send(SECRET, b"late"), "signature-wrong");
    send(OTHER, b"after").expect(202);
    host.restart();
    refused(send(SECRET, b"late"), "signature-wrong");
    send(OTHER, b"at last").expect(202);
    let expected: [&[u8]; 3] = [b"before", b"after", b"at last"];
    assert_eq!(delivered(&run), expected);
}

#[test]
fn without_a_secret_that_was_granted_nothing_can_be_proved() {
    let host = host(&[]);
    let (run, hook) = signed_run(&host, Scheme::Stripe, &["s"], 1);
    let send = || signed(Scheme::Stripe, SECRET, &hook, b"paid").send();
    refused(send(), "signature-unverifiable");
    for uses in [
        json!([{"workflow": "other", "verify": true}]),
        json!([{"workflow": "script", "send_to": "https://api.example"}]),
    ] {
        host.set_secret("s", SECRET, &uses);
        refused(send(), "signature-unverifiable");
    }
    host.set_secret("s", SECRET, &verifying());
    send().expect(202);
    host.request("DELETE", "/v1/secrets/s").send().expect(204);
    refused(send(), "signature-unverifiable");
    assert_eq!(host.hook_answers("signature-unverifiable"), 4);
    assert_eq!(delivered(&run), [b"paid"]);
}

#[test]
fn a_host_without_its_key_asks_for_patience_and_loses_nothing() {
    let keys = NamedTempFile::new().unwrap();
    fs::write(keys.path(), KEY).unwrap();
    let with_key = ["--secret-key-file", keys.path().to_str().unwrap()];
    let mut host = Host::with(&with_key);
    host.set_secret("s", SECRET, &verifying());
    let (run, hook) = signed_run(&host, Scheme::Slack, &["s"], 2);
    let send = |secret, body| signed(Scheme::Slack, secret, &hook, body).send();
    send(SECRET, b"before").expect(202);

    host.kill();
    let mut host = host.resume_with(&[]);
    for secret in [SECRET, OTHER] {
        let answer = send(secret, b"meanwhile").expect_problem(503, "secret-unavailable");
        let seconds: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(seconds > 0);
        assert!(!answer.text().contains("secret s"), "{}", answer.text());
    }
    assert_eq!(run.queued(), 1);

    host.kill();
    let _host = host.resume_with(&with_key);
    refused(send(OTHER, b"meanwhile"), "signature-wrong");
    send(SECRET, b"meanwhile").expect(202);
    let expected: [&[u8]; 2] = [b"before", b"meanwhile"];
    assert_eq!(delivered(&run), expected);
}

/// Of two secrets in rotation the host opens one: what that one signed is let in.
#[test]
fn a_secret_that_cannot_be_opened_holds_up_only_what_it_may_have_signed() {
    let keys = NamedTempFile::new().unwrap();
    fs::write(keys.path(), KEY).unwrap();
    let with_keys = ["--secret-key-file", keys.path().to_str().unwrap()];
    let mut host = Host::with(&with_keys);
    host.set_secret("old", OTHER, &verifying());
    let (run, hook) = signed_run(&host, Scheme::Github, &["old", "new"], 1);
    host.kill();
    fs::write(keys.path(), KEY.replace("AQEB", "AgIC")).unwrap();
    let host = host.resume_with(&with_keys);
    host.set_secret("new", SECRET, &verifying());

    let send = |secret| signed(Scheme::Github, secret, &hook, b"paid").send();
    send(OTHER).expect_problem(503, "secret-unavailable");
    refused(request("POST", &hook).send(), "signature-missing");
    send(SECRET).expect(202);
    assert_eq!(delivered(&run), [b"paid"]);
}

#[test]
fn the_signature_is_checked_before_a_repeat_is_looked_for() {
    let host = host_with_secret(&[]);
    let (run, hook) = signed_run(&host, Scheme::Github, &["s"], 1);
    let genuine = || signed(Scheme::Github, SECRET, &hook, b"paid");
    let keyed = |request: Request| request.header("idempotency-key", "k").send();
    let first = keyed(genuine()).expect(202).field("id");
    let unsigned = keyed(request("POST", &hook).body("paid"));
    refused(unsigned, "signature-missing");
    let forged = keyed(signed(Scheme::Github, OTHER, &hook, b"paid"));
    refused(forged, "signature-wrong");
    let again = keyed(genuine()).expect(202).json();
    assert_eq!(again, json!({"id": first, "duplicate": true}));
    assert_eq!(delivered(&run), [b"paid"]);
    // After the run's end, whoever proves nothing is told of the end alone.
    let gone = |answer: Answer| answer.expect_problem(410, "webhook-gone");
    gone(keyed(request("POST", &hook).body("paid")));
    gone(keyed(signed(Scheme::Github, OTHER, &hook, b"paid")));
    assert_eq!(keyed(genuine()).expect(202).json()["duplicate"], true);
}

#[test]
fn the_signature_has_its_place_among_the_checks() {
    let host = host_with_secret(&["--body-limit", "1000", "--inbox-limit", "1"]);
    let (run, hook) = signed_run(&host, Scheme::Github, &["s"], 1);
    let too_large = [b'x'; 1_001];
    let unsigned = |method: &str| request(method, &hook);
    let genuine = |body| signed(Scheme::Github, SECRET, &hook, body);
    let before_the_signature = || {
        unsigned("HEAD").send().expect(200);
        unsigned("OPTIONS").send().expect(204);
        unsigned("GET")
            .send()
            .expect_problem(405, "method-not-allowed");
        raw::exchange("POST", &hook, &[], &too_large).expect_problem(413, "body-too-large");
        genuine(&too_large)
            .send()
            .expect_problem(413, "body-too-large");
    };
    before_the_signature();
    // What a key is, is looked at after it.
    let no_key = |request: Request| request.header("idempotency-key", "").send();
    refused(no_key(unsigned("POST")), "signature-missing");
    no_key(genuine(b"")).expect_problem(400, "invalid-header");
    // And so are the limits.
    genuine(b"first").send().expect(202);
    refused(unsigned("POST").send(), "signature-missing");
    genuine(b"second").send().expect_problem(429, "inbox-full");
    // And the run's end.
    run.cancel().expect(200);
    before_the_signature();
    for request in [unsigned("POST"), genuine(b"third")] {
        request.send().expect_problem(410, "webhook-gone");
    }
    no_key(genuine(b"")).expect_problem(410, "webhook-gone");
}
