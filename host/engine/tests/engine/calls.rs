//! Calls and events: the operations that are recorded, and the requests to the host.

use bytes::Bytes;
use dormouse_engine::Effect;
use dormouse_journal::{
    CallError, CallOptions, Kind, OperationNumber, Outcome, Response, RetryPolicy, SecretHeader,
    json_payload,
};
use serde_json::json;

use crate::core_guest::CoreGuest;
use crate::harness::{Run, allow, check_failure};

#[test]
fn a_call_is_asked_for_once_with_its_policy_filled_in() {
    let mut run = Run::script(json!({"call": {
        "method": "POST", "url": "http://service.example/jobs?key=1", "headers": {"x-a": "1"}, "body": {"n": 1},
    }}));
    run.start();
    let [
        Effect::Call {
            operation,
            request,
            options,
        },
    ] = run.last().effects.as_slice()
    else {
        panic!("{:?}", run.last().effects)
    };
    assert_eq!(*operation, OperationNumber(0));
    assert_eq!(request.method, "POST");
    assert_eq!(request.body, Bytes::from_static(br#"{"n":1}"#));
    let expected = CallOptions {
        retry: Some(RetryPolicy::default()),
        ..options.clone()
    };
    assert_eq!(options, &expected);
    let recorded = &run.last().activation.operations[0].kind;
    let Kind::Call { method, url, retry } = recorded else {
        panic!("{recorded:?}")
    };
    assert_eq!(method, "POST");
    assert_eq!(url, "http://service.example/jobs?key=1");
    assert_eq!(*retry, RetryPolicy::default());
}

#[test]
fn a_call_that_is_given_up_at_once_is_never_sent_and_an_event_is() {
    let mut run = Run::script(json!({"seq": [
        {"race": [
            {"call": {"method": "GET", "url": "http://service.example/"}},
            {"notify": "tea"},
            {"now": true},
        ]},
        {"sleep": 1},
    ]}));
    run.start();
    let abandoned = run
        .operations()
        .into_iter()
        .filter(|line| line.starts_with("abandon"));
    assert_eq!(abandoned.count(), 2);
    let effects = &run.last().effects;
    assert!(
        matches!(effects[..], [Effect::Notify { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_response_and_an_error_reach_the_guest() {
    let call = json!({"call": {"method": "GET", "url": "http://service.example/"}});
    let mut run = Run::script(json!({"join": [call, call]}));
    let response = Response {
        status: 418,
        headers: vec![],
        body: Bytes::from_static(b"\xff"),
    };
    run.start()
        .complete(1_100, 1, Outcome::Response(Err(CallError::TimedOut)));
    run.complete(1_200, 0, Outcome::Response(Ok(response)));
    assert_eq!(
        run.output(),
        json!([{"status": 418, "body": "/w=="}, {"error": "timed-out"}])
    );
}

#[test]
fn an_event_is_sent_and_received() {
    let mut run = Run::script(json!({"seq": [
        {"notify": "tea", "run": "some-run", "body": {"hot": true}},
        {"event": "tea", "ms": 50},
        {"event": "tea", "ms": null},
    ]}));
    run.start();
    assert_eq!(
        run.last().effects,
        [Effect::Notify {
            operation: OperationNumber(0),
            event: "tea".into(),
            run: Some("some-run".into()),
            payload: json_payload(&br#"{"hot":true}"#[..]),
        }]
    );
    run.complete(1_001, 0, Outcome::Notified(2));
    run.complete(1_051, 1, Outcome::Event(None));
    run.complete(1_060, 2, Outcome::Event(Some(json_payload(&b"7"[..]))));
    let event = json!({"content_type": "application/json", "body": "Nw=="});
    assert_eq!(run.output(), json!([2, null, event]));
}

/// Returns a guest that calls with this retry policy.
fn call(attempts: u32, multiplier: &str) -> Run {
    calling(attempts, multiplier, 0, "")
}

/// Returns a guest that calls with this secret header, this many times: name, prefix, the secret's name.
fn call_with_secrets(count: u32, header: [&str; 3]) -> Run {
    let mut data = String::new();
    let places = [10_000_u32, 20_000, 30_000];
    for (place, text) in places.into_iter().zip(header) {
        data.push_str(&format!("(data (i32.const {place}) {text:?})"));
    }
    let [name, prefix, secret] = header.map(|text| u32::try_from(text.len()).unwrap());
    // A text and a secret, in a group without encoding, which is the header's value.
    let parts = words(&[0, places[1], prefix, 1, places[2], secret]);
    data.push_str(&format!("(data (i32.const {PARTS}) \"{parts}\")"));
    let group = words(&[0, 0, 0, PARTS, 2]);
    data.push_str(&format!("(data (i32.const {GROUP}) \"{group}\")"));
    let headers = words(&[places[0], name, GROUP, 1]).repeat(count as usize);
    data.push_str(&format!("(data (i32.const {SECRETS}) \"{headers}\")"));
    calling(1, "1", count, &data)
}

/// Words as the bytes of a string in Wasm's text.
fn words(words: &[u32]) -> String {
    let bytes = words.iter().flat_map(|word| word.to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// Where the list of secret headers lies.
const SECRETS: u32 = 2_100;

/// Where the pieces of their values lie, and the group of them.
const PARTS: u32 = 3_000;
const GROUP: u32 = 3_100;

fn calling(attempts: u32, multiplier: &str, secrets: u32, data: &str) -> Run {
    let import = r#"(import "dormouse:workflow/http@0.1.0" "call" (func $call (param i32 i32)))"#;
    let guest = CoreGuest {
        items: &format!("{import} {data}"),
        // More than can be passed flat, so the parameters lie in memory: step and request, which stay empty, and from
        // 1040 on the options: no timeout, the policy, no key, no redirects, the list of secrets. Of the policy the
        // attempts are there, and the time to give up only if `data` says so.
        run: &format!(
            "(i32.store8 (i32.const 1056) (i32.const 1))
             (i32.store8 (i32.const 1064) (i32.const 1))
             (i32.store (i32.const 1068) (i32.const {attempts}))
             (f64.store (i32.const 1096) (f64.const {multiplier}))
             (i32.store (i32.const 1128) (i32.const {SECRETS}))
             (i32.store (i32.const 1132) (i32.const {secrets}))
             (call $call (i32.const 1000) (i32.const 2000))
             unreachable"
        ),
        ..CoreGuest::default()
    };
    Run::of(guest.program())
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    check_failure(call(0, "2"), "misuse", &["0 attempts"]);
    check_failure(call(1, "0.5"), "misuse", &["multiplier", "0.5"]);
    check_failure(call(1, "nan"), "misuse", &["multiplier", "NaN"]);
    check_failure(call(1, "inf"), "misuse", &["multiplier", "inf"]);
    let no_time = calling(1, "1", 0, r#"(data (i32.const 1072) "\01")"#);
    check_failure(no_time, "misuse", &["gives up after 0 ms"]);
    let mut sound = call(1, "1");
    sound.start();
    assert_eq!(sound.last().effects.len(), 1, "{:?}", sound.last());
}

#[test]
fn a_secret_header_is_recorded_with_the_name_of_its_secret() {
    let mut run = call_with_secrets(16, ["authorization", "Bearer ", "Orders_api.token-2"]);
    run.start();
    let [Effect::Call { options, .. }] = run.last().effects.as_slice() else {
        panic!("{:?}", run.last().effects)
    };
    let expected = SecretHeader::prefixed("authorization", "Bearer ", "Orders_api.token-2");
    assert_eq!(options.secret_headers, vec![expected; 16]);
}

#[test]
fn secret_headers_beyond_their_bounds() {
    let many = call_with_secrets(17, ["x-key", "", "token"]);
    check_failure(many, "misuse", &["17 secret headers", "may have 16"]);
    let long = "x".repeat(257);
    let name = call_with_secrets(1, [&long, "", "token"]);
    check_failure(name, "misuse", &["name", "257 bytes", "may have 256"]);
    let prefix = call_with_secrets(1, ["x-key", &long, "token"]);
    check_failure(prefix, "misuse", &["text", "257 bytes", "may have 256"]);
    let longest = &long[1..];
    let mut sound = call_with_secrets(1, [longest, longest, &long[..64]]);
    sound.start();
    assert_eq!(sound.last().effects.len(), 1, "{:?}", sound.last());
}

#[test]
fn invalid_names_of_secrets() {
    for secret in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
        let call = call_with_secrets(1, ["x-key", "", secret]);
        check_failure(
            call,
            "misuse",
            &["\"x-key\"", "1 to 64 letters", "never the secret itself"],
        );
    }
}

#[test]
fn secret_headers_count_in_the_size_of_a_request() {
    let call = |limit| {
        call_with_secrets(1, ["x-key", "Bearer ", "token"])
            .with(move |parts| allow(parts, |limits| limits.body = limit))
    };
    let mut sound = call(17);
    sound.start();
    assert_eq!(sound.last().effects.len(), 1, "{:?}", sound.last());
    check_failure(call(16), "limit", &["the request", "17 bytes"]);
}
