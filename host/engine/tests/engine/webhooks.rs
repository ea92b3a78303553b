//! Webhooks: their options, and the operations that are recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use dormouse_engine::Effect;
use dormouse_journal::{
    Delivery, Kind, Outcome, Reply, Request, Response, Signature, Time, WebhookOptions,
};
use serde_json::{Value, json};

use crate::core_guest::{CoreGuest, STEP};
use crate::harness::{CountedUrls, Run, check_failure};

fn create(options: &Value) -> Run {
    Run::script(json!({"webhook": "a", "options": options}))
}

#[test]
fn a_url_is_asked_for_once_and_recorded() {
    let urls = Arc::new(CountedUrls::default());
    let shared = urls.clone();
    let script = json!({"seq": [{"webhook": "a"}, {"webhook": "b"}, {"sleep": 1}]});
    let mut run = Run::script(script).with(move |parts| parts.urls = shared.clone());
    run.start().evict().complete(1_001, 2, Outcome::Slept);
    assert_eq!(urls.0.load(Ordering::Relaxed), 2);
    assert_eq!(
        run.output(),
        json!([
            "https://host.example/hooks/0",
            "https://host.example/hooks/1",
            null
        ])
    );
}

#[test]
fn a_delivery_reaches_the_guest_whole() {
    let mut run = Run::script(json!({"seq": [{"webhook": "a"}, {"wait": "a", "ms": null}]}));
    let delivery = Delivery {
        id: "d1".into(),
        accepted: Time(1_500),
        request: Request {
            method: "POST".into(),
            url: "https://host.example/hooks/0/sub?q".into(),
            headers: vec![
                ("x-a".into(), Bytes::from_static(b"\xff")),
                ("x-a".into(), Bytes::from_static(b"2")),
            ],
            body: Bytes::from_static(b"\x00\xff"),
        },
    };
    run.start()
        .complete(1_500, 1, Outcome::Delivery(Some(delivery)));
    let expected = json!({
        "method": "POST",
        "url": "https://host.example/hooks/0/sub?q",
        "headers": [["x-a", "/w=="], ["x-a", "Mg=="]],
        "body": "AP8=",
    });
    assert_eq!(run.output()[1], expected);
}

#[test]
fn any_method_can_be_asked_for_but_those_that_never_arrive() {
    create(&json!({"methods": ["GET", "POST", "M-SEARCH"]}))
        .start()
        .result();
    for method in ["HEAD", "OPTIONS", "CONNECT", "TRACE"] {
        let run = create(&json!({"methods": ["POST", method]}));
        check_failure(run, "misuse", &[method, "never delivered"]);
    }
    for method in ["get", "A B", "", "A/B"] {
        let run = create(&json!({"methods": [method]}));
        check_failure(run, "misuse", &["a word in capitals"]);
    }
    let many = vec!["GET"; 33];
    check_failure(create(&json!({"methods": many})), "misuse", &["33"]);
}

#[test]
fn options_are_recorded_as_they_were_given() {
    let options = json!({
        "methods": ["POST"],
        "signature": {"scheme": "hmac-sha256", "secrets": ["new", "old"], "header": "X-Mac", "prefix": "v1="},
        "handshake": "websub",
        "reply": {"fixed": {"status": 201, "headers": [["x-a", "1"]], "body": "made"}},
    });
    let mut run = create(&options);
    run.start().result();
    let Kind::CreateWebhook { options, .. } = run.journal[0].operations[0].kind.clone() else {
        panic!("no webhook was recorded");
    };
    let expected = WebhookOptions {
        methods: vec!["POST".into()],
        signature: Some(Signature {
            provider: "hmac-sha256".into(),
            secrets: vec!["new".into(), "old".into()],
            settings: vec![
                ("header".into(), "X-Mac".into()),
                ("prefix".into(), "v1=".into()),
            ],
        }),
        handshake: Some("websub".into()),
        reply: Reply::Fixed(Response {
            status: 201,
            headers: vec![("x-a".into(), Bytes::from_static(b"1"))],
            body: Bytes::from_static(b"made"),
        }),
        ..WebhookOptions::default()
    };
    assert_eq!(options, expected);
}

#[test]
fn options_that_make_no_sense_are_a_misuse() {
    let check = |options: Value, text: &str| {
        check_failure(create(&options), "misuse", &["`create-webhook`", text]);
    };
    check(
        json!({"signature": {"scheme": "github", "secrets": []}}),
        "secret",
    );
    check(
        json!({"signature": {"scheme": "hmac-sha256", "secrets": ["a"]}}),
        "header",
    );
    check(json!({"reply": {"fixed": {"status": 101}}}), "101");
    check(
        json!({"reply": {"fixed": {"status": 200, "headers": [["set-cookie", "a=b"]]}}}),
        "set-cookie",
    );
    check(json!({"reply": {"from-workflow": 0}}), "at least 1 ms");
    let page = "x".repeat((64 << 10) + 1);
    let large = json!({"reply": {"fixed": {"status": 200, "body": page}}});
    check(large, "may have 65536 bytes together, and they have 65537");
}

/// Returns a run that was given the delivery `d1` by a webhook with this reply, and goes on with what is to come after that.
fn delivered(reply: &str, then: &[Value]) -> Run {
    let reply = match reply {
        "from-workflow" => json!({"from-workflow": 100}),
        other => json!(other),
    };
    let mut script = vec![
        json!({"webhook": "a", "options": {"reply": reply}}),
        json!({"wait": "a", "ms": null}),
    ];
    script.extend_from_slice(then);
    let mut run = Run::script(json!({"seq": script}));
    let delivery = Delivery {
        id: "d1".into(),
        accepted: Time(1_500),
        request: Request {
            method: "POST".into(),
            url: String::new(),
            headers: vec![],
            body: Bytes::new(),
        },
    };
    run.start()
        .complete(1_500, 1, Outcome::Delivery(Some(delivery)));
    run
}

fn responded(run: &Run) -> Vec<u16> {
    let effects = run.last().effects.iter();
    let statuses = effects.filter_map(|effect| match effect {
        Effect::Respond { delivery, response } if delivery == "d1" => Some(response.status),
        _ => None,
    });
    statuses.collect()
}

fn respond(status: u16) -> Value {
    json!({"respond": {"status": status, "body": "x"}})
}

#[test]
fn an_answer_is_an_effect_once_and_not_of_a_replay() {
    let mut run = delivered("from-workflow", &[respond(201), json!({"sleep": 1})]);
    assert_eq!(responded(&run), [201]);
    assert_eq!(run.operations().last().unwrap(), r#"sleep "sleep" (1 ms)"#);
    run.evict().complete(1_501, 3, Outcome::Slept);
    assert_eq!(responded(&run), Vec::<u16>::new());
    run.result();
}

#[test]
fn an_answer_in_the_last_activation_is_sent_if_the_run_returned() {
    let run = delivered("from-workflow", &[respond(202)]);
    assert_eq!(responded(&run), [202]);
    run.result();
    let run = delivered("from-workflow", &[respond(202), json!({"trap": "panic"})]);
    assert_eq!(responded(&run), Vec::<u16>::new());
    run.failure();
}

#[test]
fn a_delivery_is_answered_once() {
    let run = delivered("from-workflow", &[respond(200), respond(200)]);
    let failure = run.failure();
    assert_eq!(failure.code, "misuse");
    assert!(failure.message.contains("twice"), "{failure:?}");
    assert_eq!(responded(&run), Vec::<u16>::new());
}

#[test]
fn an_answer_is_remembered_through_a_replay() {
    let mut run = delivered(
        "from-workflow",
        &[respond(200), json!({"sleep": 1}), respond(200)],
    );
    run.evict().complete(1_501, 3, Outcome::Slept);
    let failure = run.failure();
    assert!(failure.message.contains("twice"), "{failure:?}");
}

#[test]
fn respond_says_why_it_cannot() {
    let run = delivered("accepted", &[respond(200)]);
    let failure = run.failure();
    assert_eq!(failure.code, "misuse");
    assert!(failure.message.contains("\"d1\""), "{failure:?}");
    assert!(failure.message.contains("`from-workflow`"), "{failure:?}");
    let run = delivered("from-workflow", &[respond(99)]);
    let failure = run.failure();
    assert_eq!(failure.code, "misuse");
    assert!(failure.message.contains("the status 99"), "{failure:?}");
}

/// A guest that closes or waits for the webhook with this id, without having created any.
#[test]
fn an_unknown_id_is_a_misuse() {
    for id in ["0", "step", "", "-1", "00"] {
        let guest = CoreGuest {
            items: &format!("(data (i32.const 64) {id:?})"),
            run: &format!(
                "(call $close {STEP} (i32.const 64) (i32.const {})) unreachable",
                id.len()
            ),
            ..CoreGuest::default()
        };
        let run = Run::of(guest.program());
        check_failure(
            run,
            "misuse",
            &["`close-webhook`", &format!("{id:?}"), "has not created"],
        );
    }
}

#[test]
fn closing_is_recorded_each_time() {
    let mut run = Run::script(json!({"seq": [{"webhook": "a"}, {"close": "a"}, {"close": "a"}]}));
    run.start().result();
    let expected = [
        r#"create-webhook "a" (webhook 0)"#,
        r#"close-webhook "a" (webhook 0)"#,
        r#"close-webhook "a" (webhook 0)"#,
    ];
    assert_eq!(run.operations(), expected);
}
