//! The information about webhooks that people can see: refusals and their reasons, the options, the metrics and the
//! log; and the information that only the run sees.

use std::thread;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use dormouse_e2e::{
    Cli, Host, Reply, Run, Service, header_values, http2, post, raw, request, wait_until,
};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};

/// Of no use to anybody.
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const SECRET: &str = "a-secret-of-this-test-and-no-other";

/// Returns a host that keeps the secret `live` for the scripted guest's webhooks, with these settings.
fn host_with_secret(settings: &[&str]) -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], settings);
    let uses = json!([{"workflow": "script", "verify": true}]);
    let secret = host.request("PUT", "/v1/secrets/live");
    secret
        .json(&json!({"value": SECRET, "uses": uses}))
        .send()
        .expect(201);
    host
}

/// Returns a command line that signs with that secret.
fn signing_cli(host: &Host) -> Cli {
    Cli::of(host).variable("DORMOUSE_WEBHOOK_SECRET", SECRET)
}

fn signed_by(scheme: &str) -> Value {
    json!({"scheme": scheme, "secrets": ["live"]})
}

/// Returns a webhook `a` that checks this, waited for once.
fn checked(signature: &Value) -> Value {
    json!({"seq": [{"webhook": "a", "options": {"signature": signature}}, {"wait": "a"}]})
}

fn webhook(run: &Run) -> Value {
    run.webhooks()["webhooks"][0].clone()
}

// What was refused.

#[test]
fn refusals_are_counted_by_reason_until_the_host_stops() {
    let mut host = host_with_secret(&[]);
    let run = host.script(&checked(&signed_by("github")));
    let hook = run.hook("a");
    let untouched = webhook(&run);
    assert_eq!(untouched["rejected"], json!({}));
    assert_eq!(untouched["last_rejected"], Value::Null);

    let wrong = format!("sha256={}", "0".repeat(64));
    post(&hook, "").expect_problem(401, "signature-missing");
    for _ in 0..2 {
        let forged = request("POST", &hook).header("x-hub-signature-256", &wrong);
        forged.send().expect_problem(401, "signature-wrong");
    }
    request("PROPFIND", &hook).send().expect(405);
    let webhook = webhook(&run);
    let expected = json!({"signature-missing": 1, "signature-wrong": 2, "method-not-allowed": 1});
    assert_eq!(webhook["rejected"], expected);
    assert!(webhook["last_rejected"].as_str() >= webhook["created"].as_str());
    assert_eq!(
        (&webhook["queued"], &webhook["delivered"]),
        (&json!(0), &json!(0))
    );

    let table = Cli::of(&host).run(&["webhooks", run.id()]).ok();
    assert!(table.contains("4: 2 signature-wrong, 1 "), "{table}");

    host.restart();
    assert_eq!(self::webhook(&run)["rejected"], json!({}));
}

#[test]
fn accepted_requests_and_gone_webhooks_are_not_counted_as_refusals() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let keyed = || request("POST", &hook).header("idempotency-key", "k").send();
    keyed().expect(202);
    keyed().expect(202);
    request("HEAD", &hook).send().expect(200);
    post(format!("{}/hooks/{}", host.url(), "A".repeat(60)), "").expect(404);
    run.cancel().expect(200);
    post(&hook, "").expect_problem(410, "webhook-gone");
    assert_eq!(webhook(&run)["rejected"], json!({}));
}

// Options.

#[test]
fn options_are_shown_the_same_in_list_and_journal() {
    let host = Host::start();
    let generic = json!({"scheme": "hmac-sha256", "secrets": ["live", "old"], "header": "X-Mine", "prefix": "v="});
    let run = host.script(&json!({"seq": [
        {"webhook": "plain"},
        {"webhook": "checked", "options": {"methods": ["PUT"], "signature": generic, "handshake": "microsoft-graph",
            "reply": {"from-workflow": 5_000}}},
        {"webhook": "fixed", "options": {"signature": signed_by("stripe"), "reply": {"fixed": {"status": 204}}}},
        {"event": "go"},
    ]}));
    run.wait_for_steps(&["go"]);
    let expected = [
        json!({"methods": ["POST", "PUT", "PATCH", "DELETE"], "signature": null, "handshake": null,
            "reply": {"kind": "accepted"}}),
        json!({"methods": ["PUT"], "signature": generic, "handshake": "microsoft-graph",
            "reply": {"kind": "from-workflow", "within_ms": 5_000}}),
        json!({"methods": ["POST", "PUT", "PATCH", "DELETE"], "signature": signed_by("stripe"), "handshake": null,
            "reply": {"kind": "fixed", "status": 204}}),
    ];
    let listed = run.webhooks();
    let journal = run.journal();
    for (number, expected) in expected.iter().enumerate() {
        for shown in [
            &listed["webhooks"][number],
            &journal["activations"][0]["operations"][number],
        ] {
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&shown[name], value, "{name} of {shown:#}");
            }
        }
    }
    let cli = Cli::of(&host);
    let text = "signed: hmac-sha256 in X-Mine by live or old, probed by microsoft-graph, \
                run answers within 5s";
    for command in ["webhooks", "journal"] {
        let said = cli.run(&[command, run.id()]).ok();
        assert!(said.contains(text), "{said}");
        assert!(
            said.contains("signed: stripe by live, answers 204"),
            "{said}"
        );
    }
}

// What nobody sees.

#[test]
fn credentials_and_signatures_are_masked_where_people_look_and_whole_for_the_run() {
    let service = Service::start(|_| {
        Reply::status(200)
            .header("set-cookie", "hidden-5")
            .header("x-api-key", "hidden-6")
            .header("x-open", "shown-2")
    });
    let host = host_with_secret(&[
        "--allow-private-egress",
        "--mask-headers",
        "X-Api-Key,x-more",
    ]);
    let check = json!({"scheme": "hmac-sha256", "secrets": ["live"], "header": "X-Mine", "prefix": "hidden-0="});
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"signature": check}},
        {"wait": "a"},
        {"call": {"url": service.url()}},
    ]}));
    let hook = run.hook("a");
    let sent = [
        ("Authorization", "hidden-1"),
        ("Cookie", "hidden-2"),
        ("X-API-KEY", "hidden-3"),
        ("Stripe-Signature", "hidden-4"),
        ("X-Open", "shown-1"),
    ];
    let lines: Vec<String> = sent
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let mut arguments = vec!["webhook", "send", &hook];
    arguments.extend([
        "--sign",
        "hmac-sha256",
        "--sign-header",
        "x-mine",
        "--sign-prefix",
        "hidden-0=",
    ]);
    arguments.extend(lines.iter().flat_map(|line| ["-H", line.as_str()]));
    signing_cli(&host).run(&arguments).ok();

    let output = run.output();
    for (name, value) in sent {
        assert_eq!(
            header_values(&output[1]["headers"], name),
            [value.as_bytes()]
        );
    }
    let signature = &header_values(&output[1]["headers"], "x-mine")[0];
    assert!(signature.starts_with(b"hidden-0="));

    let cli = Cli::of(&host);
    for shown in [
        run.get("/journal").expect(200).text(),
        run.get("/journal?limit=1&cursor=1.2").text(),
        cli.run(&["journal", run.id(), "--json"]).ok(),
        cli.run(&["journal", run.id()]).ok(),
    ] {
        // The prefix is an option, and options are shown.
        let values = shown.replace("\"prefix\":\"hidden-0=\"", "");
        assert!(!values.contains("hidden-"), "{shown}");
    }
    let journal = run.journal().to_string();
    assert_eq!(journal.matches("(not shown)").count(), 7, "{journal}");
    assert!(
        journal.contains("shown-1") && journal.contains("shown-2"),
        "{journal}"
    );
}

#[test]
fn the_most_detailed_log_shows_neither_tokens_nor_header_values() {
    let host = host_with_secret(&["--log", "trace", "--allow-private-egress"]);
    let service = Service::start(|_| Reply::status(200).header("x-answer", "hidden-answer"));
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"signature": signed_by("github")}},
        {"repeat": 2, "do": {"wait": "a"}},
        {"call": {"url": service.url(), "headers": {"x-asked": "hidden-question"}}},
    ]}));
    let hook = run.hook("a");
    let data = "hidden-body";
    let echoed = Service::answering(&[200]);
    let sign = |url: &str| {
        let send = ["webhook", "send", url, "--data", data, "--sign", "github"];
        let header = ["-H", "authorization: hidden-header"];
        signing_cli(&host).run(&[send.as_slice(), &header].concat())
    };
    sign(echoed.url()).ok();
    let signature = echoed.requests()[0]
        .header("x-hub-signature-256")
        .unwrap()
        .to_owned();
    sign(&hook).ok();
    // Refusals are logged, without what was wrong. The run still waits: after its second request it ends.
    let forged = request("POST", &hook).header("x-hub-signature-256", "sha256=hidden-forgery");
    forged.send().expect(401);
    let headers = vec![
        ("x-hub-signature-256", signature.clone()),
        ("authorization", "hidden-header".to_owned()),
    ];
    let answers = http2::exchange(vec![("POST", hook.as_str(), headers, data.into())]);
    assert_eq!(answers[0].status, 202);
    run.output();

    let log = host.log();
    for line in ["DEBUG h2::", "a request to a webhook was refused"] {
        assert!(
            log.contains(line),
            "the log is not as fine as it should be:\n{log}"
        );
    }
    // Libraries are cut at debug: what they say below it is theirs to change.
    let libraries = log.lines().filter(|line| !line.contains("dormouse"));
    let traced: Vec<&str> = libraries.filter(|line| line.contains(" TRACE ")).collect();
    assert_eq!(traced, Vec::<&str>::new());
    let (_, token) = hook.rsplit_once('/').unwrap();
    let (_, digest) = signature.split_once('=').unwrap();
    for hidden in [token, digest, SECRET, "hidden-"] {
        assert!(!log.contains(hidden), "{hidden} is in\n{log}");
        // Bytes may be logged as numbers.
        let bytes = format!("{:?}", hidden.as_bytes());
        assert!(
            !log.contains(bytes.trim_matches(['[', ']'])),
            "{hidden} is in\n{log}"
        );
        assert!(
            !log.contains(&BASE64_STANDARD.encode(hidden)),
            "{hidden} is in\n{log}"
        );
    }
}

// Who calls.

/// Returns the line that a refused request left in the log.
#[track_caller]
fn refusal(host: &Host) -> String {
    wait_until("a refusal in the log", || {
        let log = host.log();
        let line = log.lines().find(|line| line.contains("was refused"))?;
        Some(line.to_owned())
    })
}

fn forwarded(method: &str, url: &str) -> dormouse_e2e::Answer {
    let lines: [&[u8]; 3] = [
        b"X-Forwarded-For: 198.51.100.7, 203.0.113.9",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: hooks.example",
    ];
    raw::exchange(method, url, &lines, b"")
}

#[test]
fn a_trusted_proxy_says_who_calls_and_by_which_url() {
    let host = Host::with(&[
        "--trusted-proxies",
        "127.0.0.1",
        "--public-url",
        "http://inside.example/base",
    ]);
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    let path = hook.strip_prefix("http://inside.example/base").unwrap();
    let url = format!("{}{path}/sub?q", host.url());
    forwarded("PROPFIND", &url).expect(405);
    let line = refusal(&host);
    assert!(line.contains("client=203.0.113.9"), "{line}");
    forwarded("POST", &url).expect(202);
    let expected = format!("https://hooks.example/base{path}/sub?q");
    assert_eq!(run.output()[1]["url"], expected);
}

#[test]
fn nobody_else_says_who_calls() {
    let host = Host::with(&["--trusted-proxies", "192.0.2.1"]);
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    forwarded("PROPFIND", &hook).expect(405);
    let line = refusal(&host);
    assert!(line.contains("client=127.0.0.1"), "{line}");
    forwarded("POST", &hook).expect(202);
    assert_eq!(run.output()[1]["url"], hook);
}

// Metrics.

/// Returns the value of a series.
#[track_caller]
fn metric(host: &Host, series: &str) -> u64 {
    let text = host.get("/metrics").expect(200).text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn metrics_tell_what_was_made_durable() {
    let host = Host::start();
    let counts =
        || ["dormouse_commits_total", "dormouse_writes_total"].map(|series| metric(&host, series));
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    let before = counts();
    post(&hook, b"{}").expect(202);
    run.output();
    let [commits, writes] = [0, 1].map(|index| counts()[index] - before[index]);
    assert!(commits >= 1, "an accepted request is durable");
    assert!(writes >= commits, "{writes} writes in {commits} commits");
}

#[test]
fn metrics_show_outcomes_held_callers_and_the_size_of_inboxes() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"reply": {"from-workflow": 60_000}}},
        {"event": "go"}, {"wait": "a"}, {"respond": {"status": 200}},
    ]}));
    let hook = run.hook("a");
    assert_eq!(metric(&host, "dormouse_hook_callers_held"), 0);
    assert_eq!(metric(&host, "dormouse_inbox_bytes"), 0);
    thread::scope(|scope| {
        let held = scope.spawn(|| post(&hook, [b'x'; 5_000]).status);
        wait_until("a caller who is held", || {
            (metric(&host, "dormouse_hook_callers_held") == 1).then_some(())
        });
        wait_until("a request in the inbox", || {
            (5_000..6_000)
                .contains(&metric(&host, "dormouse_inbox_bytes"))
                .then_some(())
        });
        go(&run);
        assert_eq!(held.join().unwrap(), 200);
    });
    run.output();
    assert_eq!(metric(&host, "dormouse_hook_callers_held"), 0);
    assert_eq!(metric(&host, "dormouse_inbox_bytes"), 0);
    request("PROPFIND", &hook).send().expect(405);
    let outcome = |outcome: &str, status: u16| {
        let series =
            format!("dormouse_hook_requests_total{{outcome=\"{outcome}\",status=\"{status}\"}}");
        metric(&host, &series)
    };
    assert_eq!(outcome("answered", 200), 1);
    assert_eq!(outcome("method-not-allowed", 405), 1);
}
