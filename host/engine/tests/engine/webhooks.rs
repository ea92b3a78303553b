//! Webhooks: what can be asked for, and what is recorded.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use dormouse_journal::{Delivery, Outcome, Request, Time};
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
    let mut run = Run::script(script).with(move |launch| launch.urls = shared.clone());
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
fn what_this_version_does_not_do_is_refused() {
    let check = |options: Value, what: &str| {
        check_failure(
            create(&options),
            "unsupported",
            &[what, "not available in this version"],
        );
    };
    check(
        json!({"signature": {"scheme": "github", "secrets": ["s"]}}),
        "signature",
    );
    check(json!({"handshake": "slack"}), "handshake");
    check(json!({"reply": {"fixed": {"status": 200}}}), "`fixed`");
    check(json!({"reply": {"from-workflow": 100}}), "`from-workflow`");
}

#[test]
fn respond_says_why_it_cannot() {
    let mut run = Run::script(json!({"seq": [
        {"webhook": "a"}, {"wait": "a", "ms": null}, {"respond": {"status": 200, "body": "x"}},
    ]}));
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
    let failure = run.failure();
    assert_eq!(failure.code, "misuse");
    assert!(failure.message.contains("\"d1\""), "{failure:?}");
    assert!(failure.message.contains("`accepted`"), "{failure:?}");
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
