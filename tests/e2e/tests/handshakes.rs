//! Probes by which providers check a webhook's URL before they use it.

use dormouse_e2e::{Answer, Host, Request, Run, Scheme, body, now, request, sign};
use serde_json::{Value, json};

use crate::forms::verifying;

const SECRET: &str = "A_Made-Up-Value-7F3c91d04bE2";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Returns a host with the secret `s`.
fn host() -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    host.set_secret("s", SECRET, &verifying());
    host
}

/// Returns a run that is asleep in its first of two waits, and its webhook.
fn waiting_run(host: &Host, options: &Value) -> (Run, String) {
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": options}, {"wait": "a"}, {"wait": "a", "ms": 0, "as": "more"},
    ]}));
    run.wait_for_steps(&["a"]);
    let hook = run.hook("a");
    (run, hook)
}

fn get(hook: &str, query: &str) -> Request {
    request("GET", format!("{hook}?{query}"))
}

fn slack(hook: &str, body: &Value) -> Request {
    request("POST", hook).json(body)
}

const SLACK_CHALLENGE: &str = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
const GRAPH_CHALLENGE: &str = "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e-096a";
const META: &str = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock";
const WEBSUB: &str = "hub.mode=subscribe&hub.topic=https%3A%2F%2Fexample.com%2Ffeed&hub.challenge=a%2Bb%20c\
                      &hub.lease_seconds=864000";
const WEBSUB_LEAVING: &str =
    "hub.mode=unsubscribe&hub.topic=https%3A%2F%2Fexample.com%2Ffeed&hub.challenge=f00";

fn slack_probe() -> Value {
    json!({"token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": SLACK_CHALLENGE, "type": "url_verification"})
}

fn graph_query() -> String {
    let encoded = GRAPH_CHALLENGE.replace(':', "%3a").replace(' ', "+");
    format!("validationToken={encoded}")
}

/// Returns each handshake's probes as its provider documents them, and the challenge in them.
fn probes(handshake: &str, hook: &str) -> Vec<(Request, &'static str)> {
    match handshake {
        "slack" => vec![(slack(hook, &slack_probe()), SLACK_CHALLENGE)],
        "meta" => vec![(get(hook, META), "1158201444")],
        "microsoft-graph" => {
            let probe = request("POST", format!("{hook}?{}", graph_query()));
            let probe = probe.header("content-type", "text/plain; charset=utf-8");
            vec![(probe, GRAPH_CHALLENGE)]
        }
        "websub" => vec![
            (get(hook, WEBSUB), "a+b c"),
            (get(hook, WEBSUB_LEAVING), "f00"),
        ],
        other => panic!("no handshake is called {other}"),
    }
}

const ALL: [&str; 4] = ["slack", "meta", "microsoft-graph", "websub"];

#[track_caller]
fn echoed(answer: Answer, challenge: &str) {
    let answer = answer.expect(200);
    assert_eq!(answer.text(), challenge);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
}

/// The run sleeps as before, and gets the request that comes next and nothing else.
#[track_caller]
fn goes_on_with(run: &Run, journal: &Value, next: Request) {
    assert_eq!(run.queued(), 0);
    assert_eq!(&run.journal(), journal, "the run was woken");
    next.body("the first that counts").send().expect(202);
    let output = run.output();
    assert_eq!(body(&output[1]), "the first that counts");
    assert_eq!(output[2], Value::Null);
}

#[test]
fn a_probe_is_answered_and_the_run_sleeps_on() {
    let host = host();
    for handshake in ALL {
        let (run, hook) = waiting_run(&host, &json!({"handshake": handshake}));
        let journal = run.journal();
        for (probe, challenge) in probes(handshake, &hook) {
            let before = host.hook_answers("probe");
            echoed(probe.clone().send(), challenge);
            // A provider may ask again.
            echoed(probe.send(), challenge);
            assert_eq!(host.hook_answers("probe"), before + 2);
        }
        goes_on_with(&run, &journal, request("POST", &hook));
    }
}

#[test]
fn a_probe_is_answered_after_the_end_as_well() {
    let host = host();
    for handshake in ALL {
        let (run, hook) = waiting_run(&host, &json!({"handshake": handshake}));
        run.cancel().expect(200);
        for (probe, challenge) in probes(handshake, &hook) {
            echoed(probe.send(), challenge);
        }
        request("POST", &hook)
            .send()
            .expect_problem(410, "webhook-gone");
    }
}

/// Requests that resemble a probe that comes by GET.
fn nearly_probes_by_get(handshake: &str, hook: &str) -> Vec<Request> {
    let queries: &[&str] = match handshake {
        "meta" => &[
            "",
            "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=t",
            "hub.challenge=1&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=1",
            "hub.mode=subscribe&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=1&hub.challenge=2&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=1&hub.verify_token=t&hub.mode=subscribe",
            "hub.mode=subscribe&hub.challenge=&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=1a&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=-1&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=%D9%A1&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=%3Cscript%3E&hub.verify_token=t",
            "hub.mode=subscribe&hub.challenge=123456789012345678901&hub.verify_token=t",
        ],
        "websub" => &[
            "",
            "hub.mode=denied&hub.topic=https://a.example&hub.challenge=c",
            "hub.mode=subscribe&hub.topic=https://a.example&hub.challenge=c",
            "hub.mode=subscribe&hub.topic=https://a.example&hub.challenge=c&hub.lease_seconds=1d",
            "hub.mode=unsubscribe&hub.topic=ftp://a.example&hub.challenge=c",
            "hub.mode=unsubscribe&hub.topic=feed&hub.challenge=c",
            "hub.mode=unsubscribe&hub.challenge=c",
            "hub.mode=unsubscribe&hub.topic=https://a.example",
            "hub.mode=unsubscribe&hub.topic=https://a.example&hub.challenge=c&hub.challenge=c",
            "hub.mode=unsubscribe&hub.topic=https://a.example&hub.challenge=%3Cp%3E",
            "hub.mode=unsubscribe&hub.topic=https://a.example&hub.challenge=a%0D%0Ab",
        ],
        other => panic!("no probe of {other} comes by GET"),
    };
    queries.iter().map(|query| get(hook, query)).collect()
}

#[test]
fn a_get_that_resembles_a_probe_is_refused_if_the_webhook_does_not_take_get() {
    let host = host();
    for handshake in ["meta", "websub"] {
        let (run, hook) = waiting_run(&host, &json!({"handshake": handshake}));
        let journal = run.journal();
        for request in nearly_probes_by_get(handshake, &hook) {
            let answer = request.send();
            if is_unanswerable(&answer) {
                continue;
            }
            let answer = answer.expect_problem(405, "method-not-allowed");
            let allowed = "POST, PUT, PATCH, DELETE, GET, HEAD, OPTIONS";
            assert_eq!(answer.header("allow"), Some(allowed));
        }
        for (probe, _) in probes(handshake, &hook) {
            let with_body = probe.body("x").send();
            with_body.expect_problem(405, "method-not-allowed");
        }
        goes_on_with(&run, &journal, request("POST", &hook));
    }
}

#[test]
fn a_get_that_resembles_a_probe_is_a_request_if_the_webhook_takes_get() {
    let host = host();
    for handshake in ["meta", "websub"] {
        let options = json!({"handshake": handshake, "methods": ["GET"]});
        let (_, hook) = waiting_run(&host, &options);
        for (probe, challenge) in probes(handshake, &hook) {
            echoed(probe.send(), challenge);
        }
        let (run, hook) = waiting_run(&host, &options);
        let first = nearly_probes_by_get(handshake, &hook).remove(1);
        first.send().expect(202);
        let url = run.output()[1]["url"].as_str().unwrap().to_owned();
        assert!(url.contains("?hub.mode="), "{url}");
    }
}

/// Returns true if a request is a probe whose value cannot be sent back: it is refused, and never kept.
fn is_unanswerable(answer: &Answer) -> bool {
    answer.status == 400 && answer.json()["code"] == "probe-unanswerable"
}

/// Requests that resemble a probe that comes by POST.
fn nearly_probes_by_post(handshake: &str, hook: &str) -> Vec<Request> {
    let with_query = |query: &str| request("POST", format!("{hook}?{query}"));
    let typed = |kind: &str, text: &str| {
        let request = request("POST", hook).header("content-type", kind);
        request.body(text)
    };
    let probe = slack_probe().to_string();
    let changed = |name: &str, value: &str| {
        let mut probe = slack_probe();
        probe[name] = value.into();
        slack(hook, &probe)
    };
    match handshake {
        "slack" => vec![
            changed("type", "event_callback"),
            changed("challenge", "<script>alert(1)</script>"),
            changed("challenge", "two\nlines"),
            changed("challenge", ""),
            changed("event_id", "Ev1"),
            slack(hook, &json!({"type": "url_verification", "challenge": "c"})),
            slack(hook, &json!(["url_verification", "c", "t"])),
            typed("text/plain", &probe),
            typed(
                "application/json",
                &probe.replacen('{', "{\"challenge\":\"d\",", 1),
            ),
            typed("application/json", &format!("{probe} x")),
            request("POST", hook).body(&probe),
            request("PUT", hook)
                .header("content-type", "application/json")
                .body(&probe),
        ],
        "microsoft-graph" => vec![
            with_query(&graph_query()).body("x"),
            with_query("validationToken="),
            with_query("validationToken=t&validationToken=t"),
            with_query("validationToken=%3Cscript%3E"),
            with_query("validationToken=a%0Ab"),
            with_query(&format!("validationToken={}", "t".repeat(1_025))),
            request("PUT", format!("{hook}?validationToken=t")),
        ],
        other => panic!("no probe of {other} comes by POST"),
    }
}

#[test]
fn a_post_that_resembles_a_probe_is_queued_like_any_request() {
    let host = host();
    for handshake in ["slack", "microsoft-graph"] {
        let options = json!({"handshake": handshake});
        let run =
            host.script(&json!({"seq": [{"webhook": "a", "options": options}, {"event": "go"}]}));
        let hook = run.hook("a");
        let requests = nearly_probes_by_post(handshake, &hook);
        let all = requests.len();
        let mut queued = 0;
        for request in requests {
            let answer = request.send();
            if !is_unanswerable(&answer) {
                queued += 1;
                let answer = answer.expect(202).json();
                assert_eq!(answer["duplicate"], false, "{handshake} {queued}");
            }
            assert_eq!(run.queued(), queued);
        }
        // Those with markup, a line break, or nothing in them.
        assert!(
            all - usize::try_from(queued).unwrap() >= 3,
            "{handshake}: {queued} of {all}"
        );
    }
}

#[test]
fn a_probe_is_an_ordinary_request_without_the_handshake() {
    let host = host();
    for webhook in ["none", "slack", "meta", "microsoft-graph", "websub"] {
        for handshake in ALL.into_iter().filter(|handshake| *handshake != webhook) {
            let (run, hook) = waiting_run(&host, &json!({"handshake": webhook}));
            let is_post = matches!(handshake, "slack" | "microsoft-graph");
            for (probe, _) in probes(handshake, &hook) {
                let answer = probe.send();
                if is_post {
                    answer.expect(202);
                    assert_ne!(run.output()[1], Value::Null);
                } else {
                    answer.expect_problem(405, "method-not-allowed");
                }
            }
        }
    }
}

/// Returns the handshake, and the scheme by which its provider signs what comes after it.
fn signing() -> [(&'static str, Scheme); 4] {
    [
        ("slack", Scheme::Slack),
        ("meta", Scheme::Github),
        ("microsoft-graph", Scheme::HmacSha256),
        ("websub", Scheme::HmacSha256),
    ]
}

fn signed(scheme: Scheme, request: Request, body: &str) -> Request {
    let headers = sign(scheme, SECRET, "", now(), body.as_bytes());
    request.headers(&headers).body(body)
}

#[test]
fn a_provider_that_signs_its_probes_must_and_the_others_need_not() {
    let host = host();
    for (handshake, scheme) in signing() {
        let options = json!({"handshake": handshake, "signature": scheme.option(&["s"])});
        let (run, hook) = waiting_run(&host, &options);
        let journal = run.journal();
        for (probe, challenge) in probes(handshake, &hook) {
            if handshake == "slack" {
                let text = slack_probe().to_string();
                let forged = signed(Scheme::Slack, probe.clone(), "{}").body(&text);
                forged.send().expect_problem(401, "signature-wrong");
                probe
                    .clone()
                    .send()
                    .expect_problem(401, "signature-missing");
                echoed(signed(scheme, probe, &text).send(), challenge);
            } else {
                echoed(probe.send(), challenge);
            }
        }
        let plain = request("POST", &hook).body("x");
        plain.send().expect_problem(401, "signature-missing");
        goes_on_with(
            &run,
            &journal,
            signed(scheme, request("POST", &hook), "the first that counts"),
        );
    }
}

#[test]
fn a_request_that_resembles_a_probe_must_be_signed_like_any_request() {
    let host = host();
    for (handshake, scheme) in signing() {
        let options = json!({"handshake": handshake, "signature": scheme.option(&["s"]),
            "methods": ["GET", "POST", "PUT"]});
        let run =
            host.script(&json!({"seq": [{"webhook": "a", "options": options}, {"event": "go"}]}));
        let hook = run.hook("a");
        let requests = match handshake {
            "slack" | "microsoft-graph" => nearly_probes_by_post(handshake, &hook),
            _ => nearly_probes_by_get(handshake, &hook),
        };
        for request in requests {
            let answer = request.send();
            if !is_unanswerable(&answer) {
                answer.expect_problem(401, "signature-missing");
            }
        }
        assert_eq!(run.queued(), 0);
    }
}

#[test]
fn methods_by_which_only_probes_come_are_allowed() {
    let host = host();
    for (options, allowed) in [
        (
            json!({"handshake": "meta"}),
            "POST, PUT, PATCH, DELETE, GET, HEAD, OPTIONS",
        ),
        (
            json!({"handshake": "websub", "methods": ["PUT"]}),
            "PUT, GET, HEAD, OPTIONS",
        ),
        (
            json!({"handshake": "meta", "methods": ["GET", "POST"]}),
            "GET, POST, HEAD, OPTIONS",
        ),
        (
            json!({"handshake": "microsoft-graph"}),
            "POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
        ),
        (
            json!({"handshake": "slack", "methods": ["PUT"]}),
            "PUT, POST, HEAD, OPTIONS",
        ),
    ] {
        let (run, hook) = waiting_run(&host, &options);
        let answer = request("OPTIONS", &hook).send().expect(204);
        assert_eq!(answer.header("allow"), Some(allowed));
        let answer = request("TRACE", &hook).send();
        let answer = answer.expect_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allowed));
        assert_eq!(run.queued(), 0);
    }
}

/// The probe's method is there for the probe alone, signed or not.
#[test]
fn a_probe_comes_by_its_method_where_no_request_does() {
    let host = host();
    for (handshake, scheme) in signing() {
        let options =
            json!({"handshake": handshake, "signature": scheme.option(&["s"]), "methods": ["PUT"]});
        let (run, hook) = waiting_run(&host, &options);
        let journal = run.journal();
        for (probe, challenge) in probes(handshake, &hook) {
            let probe = match handshake {
                "slack" => signed(scheme, probe, &slack_probe().to_string()),
                _ => probe,
            };
            echoed(probe.send(), challenge);
        }
        let post = signed(scheme, request("POST", &hook), "x");
        post.send().expect_problem(405, "method-not-allowed");
        goes_on_with(
            &run,
            &journal,
            signed(scheme, request("PUT", &hook), "the first that counts"),
        );
    }
}
