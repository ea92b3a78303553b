//! Probes of providers: the ones that are answered, and the ones that are not.

use bytes::Bytes;
use dormouse_journal::{Request, Response};
use dormouse_webhook::provider::{MayBeProbe, Unanswered};
use proptest::prelude::*;

use crate::support::{self, check};

const ALL: [&str; 5] = ["github", "slack", "meta", "microsoft-graph", "websub"];

/// Returns what a request is answered, if it is a probe.
fn outcome(handshake: &str, request: &Request) -> Option<Result<Response, Unanswered>> {
    let check = check(handshake);
    let probe = check.probe(request)?;
    Some(probe.answer(&[]))
}

fn may_be_probe(handshake: &str, head: &Request, length: Option<u64>) -> bool {
    check(handshake).may_be_probe(head, length).is_some()
}

/// The example of <https://docs.slack.dev/reference/events/url_verification>.
const SLACK: &str = r#"{
    "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl",
    "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P",
    "type": "url_verification"
}"#;

/// The example of <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>.
const META: &str = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock";

/// As <https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks> describes it.
const GRAPH: &str = "validationToken=Validation%3a+Testing+client+application+reachability+for+\
    subscription+Request-Id%3a+522a8e7e-096a-494c-aaf1-ac0dcfca45b7";

/// As <https://www.w3.org/TR/websub/#hub-verifies-intent> describes it.
const WEBSUB: &str = "hub.mode=subscribe&hub.topic=https%3A%2F%2Fexample.com%2Ffeed%3Fa%3D1&\
    hub.challenge=aZ09._~-%2B%2F%3D&hub.lease_seconds=864000";

/// Returns a GET, or for Microsoft Graph a POST, with this query and no body.
fn query(handshake: &str, query: &str) -> Request {
    Request {
        method: check(handshake).probe_methods().remove(0).into(),
        url: format!("https://hooks.example.com/hooks/token/sub?{query}"),
        ..support::request(&[("host", "hooks.example.com")], b"")
    }
}

fn slack(body: &str) -> Request {
    support::request(&[("Content-Type", "application/json")], body.as_bytes())
}

/// Returns what a probe is answered, which must be plain text and nothing else.
fn answered(handshake: &str, request: &Request) -> Option<String> {
    let response = outcome(handshake, request)?.ok()?;
    assert_eq!(response.status, 200);
    let headers: Vec<(&str, &[u8])> = response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref()))
        .collect();
    assert_eq!(
        headers,
        [
            ("content-type", b"text/plain; charset=utf-8".as_slice()),
            ("x-content-type-options", b"nosniff".as_slice()),
        ]
    );
    Some(String::from_utf8(response.body.to_vec()).unwrap())
}

fn check_query(handshake: &str, text: &str, expected: Option<&str>) {
    let found = answered(handshake, &query(handshake, text));
    assert_eq!(found.as_deref(), expected, "{text}");
}

fn check_slack(body: &str, expected: Option<&str>) {
    assert_eq!(
        answered("slack", &slack(body)).as_deref(),
        expected,
        "{body}"
    );
}

#[test]
fn the_documented_probes_are_answered() {
    check_slack(
        SLACK,
        Some("3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"),
    );
    check_query("meta", META, Some("1158201444"));
    let token = "Validation: Testing client application reachability for subscription Request-Id: \
        522a8e7e-096a-494c-aaf1-ac0dcfca45b7";
    check_query("microsoft-graph", GRAPH, Some(token));
    check_query("websub", WEBSUB, Some("aZ09._~-+/="));
    let unsubscribe = "hub.mode=unsubscribe&hub.topic=http://example.com/&hub.challenge=c";
    check_query("websub", unsubscribe, Some("c"));
    check_query(
        "websub",
        &format!("{unsubscribe}&hub.lease_seconds=x"),
        Some("c"),
    );
}

#[test]
fn the_callback_may_have_parameters_of_its_own() {
    for (handshake, text) in [
        ("meta", META),
        ("microsoft-graph", GRAPH),
        ("websub", WEBSUB),
    ] {
        let own = format!("tenant=7&{text}&hub.extra=x");
        assert!(
            answered(handshake, &query(handshake, &own)).is_some(),
            "{own}"
        );
    }
}

#[test]
fn a_probe_is_answered_only_to_the_webhook_that_expects_it() {
    let requests = [
        ("slack", slack(SLACK)),
        ("meta", query("meta", META)),
        ("microsoft-graph", query("microsoft-graph", GRAPH)),
        ("websub", query("websub", WEBSUB)),
    ];
    for (expected, request) in &requests {
        for handshake in ALL {
            assert_eq!(
                outcome(handshake, request).is_some(),
                handshake == *expected,
                "{handshake:?} {expected:?}"
            );
        }
    }
}

#[test]
fn another_method_or_a_body_makes_it_a_request() {
    for (handshake, text) in [
        ("meta", META),
        ("microsoft-graph", GRAPH),
        ("websub", WEBSUB),
    ] {
        let probe = query(handshake, text);
        for method in ["GET", "POST", "PUT", "get", "HEAD"] {
            let request = Request {
                method: method.into(),
                ..probe.clone()
            };
            assert_eq!(
                answered(handshake, &request).is_some(),
                *method == probe.method,
                "{method}"
            );
        }
        let request = Request {
            body: Bytes::from_static(b"{}"),
            ..probe
        };
        assert_eq!(answered(handshake, &request), None);
    }
    let request = Request {
        method: "GET".into(),
        ..slack(SLACK)
    };
    assert_eq!(answered("slack", &request), None);
}

#[test]
fn every_parameter_is_there_once() {
    for (handshake, text) in [
        ("meta", META),
        ("microsoft-graph", GRAPH),
        ("websub", WEBSUB),
    ] {
        let parameters: Vec<&str> = text.split('&').collect();
        for place in 0..parameters.len() {
            let mut fewer = parameters.clone();
            let parameter = fewer.remove(place);
            check_query(handshake, &fewer.join("&"), None);
            check_query(handshake, &format!("{text}&{parameter}"), None);
        }
        let request = Request {
            url: "https://hooks.example.com/hooks/token".into(),
            ..query(handshake, "")
        };
        assert_eq!(answered(handshake, &request), None);
    }
}

#[test]
fn parameters_are_what_the_provider_documents() {
    let (meta, websub) = ("meta", "websub");
    for (handshake, text, from, to) in [
        (meta, META, "hub.mode=subscribe", "hub.mode=unsubscribe"),
        (meta, META, "hub.mode", "hub_mode"),
        (meta, META, "1158201444", ""),
        (meta, META, "1158201444", "-1"),
        (meta, META, "1158201444", "1158a"),
        (meta, META, "1158201444", "111111111111111111111"),
        (websub, WEBSUB, "hub.mode=subscribe", "hub.mode=denied"),
        (websub, WEBSUB, "hub.mode=subscribe", "hub.mode=Subscribe"),
        (websub, WEBSUB, "864000", ""),
        (websub, WEBSUB, "864000", "1e9"),
        (websub, WEBSUB, "864000", "12345678901"),
        (
            websub,
            WEBSUB,
            "https%3A%2F%2Fexample.com",
            "%2Fexample.com",
        ),
        (
            websub,
            WEBSUB,
            "https%3A%2F%2Fexample.com",
            "javascript:alert",
        ),
    ] {
        assert!(text.contains(from));
        check_query(handshake, &text.replace(from, to), None);
    }
}

#[test]
fn slack_sends_three_strings_as_json() {
    let fields = r#""type":"url_verification","challenge":"c","token":"t""#;
    check_slack(&format!("{{{fields}}}"), Some("c"));
    for body in [
        String::new(),
        "{".into(),
        fields.into(),
        format!("{{{fields}}}x"),
        format!("[{{{fields}}}]"),
        // What a field-by-field reading of an array would take for the same.
        r#"["url_verification","c","t"]"#.into(),
        r#""url_verification""#.into(),
        r#"{"type":"url_verification","challenge":"c"}"#.into(),
        r#"{"type":"url_verification","token":"t"}"#.into(),
        r#"{"challenge":"c","token":"t"}"#.into(),
        r#"{"type":"event_callback","challenge":"c","token":"t"}"#.into(),
        format!(r#"{{{fields},"event":{{}}}}"#),
        format!(r#"{{{fields},"challenge":"d"}}"#),
    ] {
        check_slack(&body, None);
    }
    for content_type in [
        "",
        "text/plain",
        "application/jsonp",
        "application/x-www-form-urlencoded",
    ] {
        let request = support::request(&[("content-type", content_type)], SLACK.as_bytes());
        assert_eq!(answered("slack", &request), None, "{content_type}");
    }
    let request = support::request(&[], SLACK.as_bytes());
    assert_eq!(answered("slack", &request), None);
    let json = "Application/JSON ; charset=utf-8";
    let request = support::request(&[("content-type", json)], SLACK.as_bytes());
    assert!(answered("slack", &request).is_some());
}

#[test]
fn nothing_that_could_be_a_page_is_sent_back() {
    let long = "c".repeat(1_025);
    for challenge in [
        "", "<b>", "a>b", "%22", "%27", "%26amp;", "%60", "%00", "a%0Ab", "a%0D%0Ab", "%7F", "%FF",
        &long,
    ] {
        check_query(
            "microsoft-graph",
            &format!("validationToken={challenge}"),
            None,
        );
        check_query(
            "websub",
            &WEBSUB.replace("aZ09._~-%2B%2F%3D", challenge),
            None,
        );
    }
    check_query(
        "microsoft-graph",
        &format!("validationToken={}", &long[1..]),
        Some(&long[1..]),
    );
    for challenge in ["", "<b>", r"\u003cb\u003e", r#"\""#, r"\n", "&amp;", &long] {
        let body =
            format!(r#"{{"type":"url_verification","challenge":"{challenge}","token":"t"}}"#);
        check_slack(&body, None);
    }
}

#[test]
fn only_slack_signs_its_probes() {
    for (handshake, methods) in [
        ("github", &[][..]),
        ("slack", &["POST"]),
        ("meta", &["GET"]),
        ("microsoft-graph", &["POST"]),
        ("websub", &["GET"]),
    ] {
        assert_eq!(check(handshake).probe_methods(), methods, "{handshake}");
    }
    let request = slack(SLACK);
    let check = check("slack");
    assert!(check.probe(&request).unwrap().is_signed());
    let expected = Some(MayBeProbe { is_signed: true });
    assert_eq!(check.may_be_probe(&request, Some(200)), expected);
}

/// A request that has the shape of a probe is one, so that it is never kept for the run.
#[test]
fn a_probe_that_cannot_be_answered_is_still_one() {
    for token in ["", "%3Cb%3E", "%00", "a%0Ab"] {
        let request = query("microsoft-graph", &format!("validationToken={token}"));
        let found = outcome("microsoft-graph", &request);
        assert_eq!(found, Some(Err(Unanswered::Unanswerable)), "{token}");
    }
    let found = outcome(
        "microsoft-graph",
        &query("microsoft-graph", "validationtoken=x"),
    );
    assert!(found.unwrap().is_ok());
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_or_answer_with_a_page(
        handshake in proptest::sample::select(ALL.to_vec()),
        pairs in proptest::collection::vec(
            ("(hub\\.(mode|topic|challenge|verify_token|lease_seconds)|validationToken)", "\\PC{0,20}"),
            0..6,
        ),
        is_get: bool,
    ) {
        let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request {
            method: if is_get { "GET" } else { "POST" }.into(),
            url: format!("https://hooks.example.com/hooks/token?{}", text.join("&")),
            ..support::request(&[], b"")
        };
        if let Some(answer) = answered(handshake, &request) {
            prop_assert!(!answer.contains(['<', '>', '"', '&']), "{answer}");
        }
    }
}

#[test]
fn the_head_shows_whether_a_request_can_be_a_probe() {
    let graph = query("microsoft-graph", GRAPH);
    let meta = query("meta", META);
    let websub = query("websub", WEBSUB);
    for (handshake, head) in [
        ("microsoft-graph", &graph),
        ("meta", &meta),
        ("websub", &websub),
    ] {
        assert!(may_be_probe(handshake, head, Some(0)), "{handshake:?}");
        assert!(may_be_probe(handshake, head, None), "{handshake:?}");
        assert!(!may_be_probe(handshake, head, Some(1)), "{handshake:?}");
        assert!(!may_be_probe("github", head, Some(0)));
        let plain = query(handshake, "a=b");
        assert!(!may_be_probe(handshake, &plain, Some(0)), "{handshake:?}");
    }
    let head = slack("");
    assert!(may_be_probe("slack", &head, Some(200)));
    assert!(!may_be_probe("slack", &head, Some(5_000)));
    assert!(!may_be_probe("slack", &head, None));
    assert!(!may_be_probe(
        "slack",
        &support::request(&[], b""),
        Some(200)
    ));
}
