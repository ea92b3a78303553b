//! Stores of released versions, kept in `tests/fixtures` with the answers that their host gave. All later versions
//! must read them correctly. The README there says how to add one.

use std::fs;
use std::path::{Path, PathBuf};

use dormouse_e2e::{Host, Reply, Run, Service, body, bytes, post, request, wait_until};
use serde_json::{Value, json};

use crate::stored;

const STORE: &str = "dormouse.redb";
const SAID: &str = "said.json";

/// What webhooks' URLs begin with in a fixture, which are in journals.
const PUBLIC: &str = "https://fixture.example";

/// So that nothing in a fixture is ever too old to be kept.
const SETTINGS: [&str; 7] = [
    "--allow-private-egress",
    "--public-url",
    PUBLIC,
    "--retention",
    "36500d",
    "--duplicate-window",
    "36500d",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// The fixtures whose guests are of drafts of the contract. They are blocked, and everything else of them is read.
const DRAFTS: [&str; 2] = ["store-0.1.0", "store-schema-4"];

/// The name of the fixture of this version, by the schema of its store.
const CURRENT: &str = "store-schema-5";

fn fixtures() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let fixtures: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
    assert!(!fixtures.is_empty());
    fixtures
}

/// Returns a host on a copy of a fixture, and the recorded answers about it.
fn open(fixture: &Path) -> (Host, Value) {
    let mut host = Host::unstarted(&SETTINGS);
    dormouse_e2e::make_private(&host.data_dir());
    fs::copy(fixture.join(STORE), host.data_dir().join(STORE)).unwrap();
    host.resume();
    let said = fs::read(fixture.join(SAID)).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    settle(&host, &said);
    (host, said)
}

/// A host that starts tries to go on with what is blocked.
fn settle(host: &Host, said: &Value) {
    let blocked = host.run(said["runs"]["blocked"].as_str().unwrap());
    blocked.wait_for_status("blocked");
}

/// Returns where a webhook of a fixture is on this host.
fn here(host: &Host, hook: &Value) -> String {
    let hook = hook.as_str().unwrap().strip_prefix(PUBLIC).unwrap();
    format!("{}{hook}", host.url())
}

/// Checks that the present answer contains everything that the old answer did. It may contain more.
#[track_caller]
fn check(before: &Value, now: &Value, place: &str) {
    match (before, now) {
        (Value::Object(before), Value::Object(_)) => {
            for (name, value) in before {
                check(value, &now[name], &format!("{place}.{name}"));
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            assert_eq!(before.len(), now.len(), "{place}");
            for (index, (before, now)) in before.iter().zip(now).enumerate() {
                check(before, now, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(before, now, "{place}"),
    }
}

/// The webhooks of a run that has ended for good are shown as closed, which earlier versions did not do.
fn close_if_gone(host: &Host, run: &str, said: &mut Value) {
    let run = host.get(run).expect(200).json();
    let has_ended = !run["ended"].is_null();
    if !has_ended || run["retryable"] == true {
        return;
    }
    for webhook in said["webhooks"].as_array_mut().unwrap() {
        webhook["closed"] = json!(true);
        webhook["waits"] = json!(0);
    }
}

#[test]
fn stores_of_earlier_versions_are_read_as_those_versions_read_them() {
    for fixture in fixtures() {
        let (host, said) = open(&fixture);
        for (path, before) in said["answers"].as_object().unwrap() {
            let now = host.get(path).expect(200).json();
            let mut before = before.clone();
            if let Some(run) = path.strip_suffix("/webhooks") {
                close_if_gone(&host, run, &mut before);
            }
            check(&before, &now, &format!("{}: {path}", fixture.display()));
        }
    }
}

#[test]
fn runs_of_earlier_versions_go_on() {
    let mut fixtures = fixtures();
    fixtures.retain(|fixture| !DRAFTS.iter().any(|draft| fixture.ends_with(draft)));
    assert!(!fixtures.is_empty());
    for fixture in fixtures {
        let (host, said) = open(&fixture);
        let run = |role: &str| host.run(said["runs"][role].as_str().unwrap());
        for (number, id) in said["pending"].as_array().unwrap().iter().enumerate() {
            assert_eq!(host.run(id.as_str().unwrap()).output(), number);
        }
        let interrupted = json!({"error": "interrupted"});
        assert_eq!(run("cut-off").output(), interrupted);
        assert_eq!(run("blocked").cancel().status, 200);

        // Its token was made by the version that wrote it.
        let hook = here(&host, &said["waiting-hook"]);
        let repeat = request("POST", &hook)
            .header("idempotency-key", "k")
            .body("one");
        assert_eq!(
            repeat.send().expect(202).json()["id"],
            said["first-delivery"]
        );
        post(&hook, "three").expect(202);
        let waiting = run("waiting");
        waiting.notify("go", "").expect(202);
        let output = waiting.output();
        let taken: Vec<String> = output[2].as_array().unwrap().iter().map(body).collect();
        assert_eq!(taken, ["one", "two", "three"]);
        assert_eq!(bytes(&output[3]["body"]), b"mail");

        post(here(&host, &said["continued-hook"]), "two").expect(202);
        let taken = run("continued").output();
        assert_eq!(
            (body(&taken[0]), body(&taken[1])),
            ("one".into(), "two".into())
        );
        let returned = run("returned");
        returned.post("/retry", r#"{"anyway": true}"#).expect(200);
        assert_eq!(returned.failure(), ("no-stock".into(), "none left".into()));
        let parent = run("parent");
        let children = host.get(&format!("/v1/runs?parent={}", parent.id()));
        let children = children.expect(200).json();
        let child = children["runs"][0]["id"].as_str().unwrap();
        host.run(child).notify("end", "over").expect(202);
        assert!(parent.output()[1]["completed"].is_object());
        let paused = run("paused");
        paused.notify("go", "").expect(202);
        // It is due until it is set aside, and does not go on.
        paused.wait_for_status("suspended");
        paused.post("/resume", "").expect(200);
        paused.output();

        let hook = here(&host, &said["answered-hook"]);
        let repeat = request("POST", &hook)
            .header("idempotency-key", "k")
            .body("?");
        assert_eq!(repeat.send().expect(200).text(), "the answer");
    }
}

#[test]
fn a_record_of_a_newer_version_is_refused_and_the_others_are_read() {
    let fixture = fixtures().pop().unwrap();
    let (mut host, said) = open(&fixture);
    assert!(host.stop().success());
    let every = said["runs"]["every"].as_str().unwrap();
    stored::make_output_newer(&host, every);
    host.resume();
    host.get(&format!("/v1/runs/{every}/output"))
        .expect_problem(500, "store-damaged");
    // The log is written beside the answer.
    wait_until("the log says which format it is", || {
        let log = host.log();
        (log.contains("format 200") && log.contains("journal")).then_some(())
    });
    host.get(&format!("/v1/runs/{every}/webhooks")).expect(200);
}

/// Makes the fixture of this version. It does not replace one.
#[test]
#[ignore = "writes to tests/fixtures: see the README there"]
fn make() {
    let fixture = folder().join(CURRENT);
    let mut host = Host::unstarted(&SETTINGS);
    host.resume();
    let service = Service::start(|request| match request.target.as_str() {
        "/hang" => Reply::Hang,
        _ => Reply::status(201).header("x-a", "b").body("made"),
    });
    let mut said = make_runs(&mut host, &service);
    // Starts that come together are not held for what their runs do first.
    let pending: Vec<Run> = std::thread::scope(|scope| {
        let start = |number| host.script(&json!({"step": "s", "value": number}));
        let threads: Vec<_> = (0..16)
            .map(|number| scope.spawn(move || start(number)))
            .collect();
        let runs = threads.into_iter().map(|thread| thread.join().unwrap());
        runs.collect()
    });
    host.kill();
    assert!(
        stored::count_pending(&host) > 0,
        "all of them got to run: try again"
    );
    // Compiled code is a cache, is large, and fits one kind of processor.
    stored::forget_code(&host);
    fs::create_dir(&fixture).unwrap();
    fs::copy(host.data_dir().join(STORE), fixture.join(STORE)).unwrap();

    said["pending"] = pending.iter().map(|run| json!(run.id())).collect();
    host.resume();
    settle(&host, &said);
    said["answers"] = answers(&host, &said["runs"]);
    fs::write(fixture.join(SAID), format!("{said:#}\n")).unwrap();
}

/// Runs of each kind, each where it shall stay.
fn make_runs(host: &mut Host, service: &Service) -> Value {
    let gone = host.deploy("gone", "progress");
    let answered = host.script(&json!({"seq": [
        {"webhook": "a", "options": {"reply": {"from-workflow": 10_000}}},
        {"wait": "a"}, {"respond": {"status": 200, "body": "the answer"}},
    ]}));
    let answered_hook = answered.hook("a");
    let ask = request("POST", here(host, &json!(answered_hook))).header("idempotency-key", "k");
    ask.body("?").send().expect(200);

    let waiting = host.script(&json!({"seq": [
        {"webhook": "a"}, {"event": "go"}, {"repeat": 3, "do": {"wait": "a"}}, {"event": "mail"},
        {"race": [{"sleep": 1}, {"event": "never"}]},
    ]}));
    let waiting_hook = waiting.hook("a");
    let hook = here(host, &json!(waiting_hook));
    let first = request("POST", &hook)
        .header("idempotency-key", "k")
        .body("one");
    let first = first.send().expect(202).field("id");
    post(&hook, "two").expect(202);
    waiting.notify("mail", "mail").expect(202);

    let every = host.script(&every(service.url(), waiting.id()));
    let hook = every.hook("a");
    post(here(host, &json!(hook)), "delivered").expect(201);
    every.output();
    let failed = host.script(&json!({"seq": [{"step": "s", "value": 1}, {"trap": "on purpose"}]}));
    failed.end();
    let cancelled = host.script(&json!({"event": "never"}));
    cancelled.wait_for_steps(&["never"]);
    cancelled.cancel().expect(200);

    let input = json!({"service_url": service.url(), "timeout_ms": 1_000_000_000});
    let blocked = host.start_run("gone", &input);
    blocked.wait_for_steps(&["progress"]);
    assert!(host.stop().success());
    stored::replace_component(host, &gone, None);
    host.resume();
    post(here(host, &json!(blocked.hook("progress"))), "{}").expect(202);
    blocked.wait_for_status("blocked");

    let continued = host.script(&json!({"seq": [
        {"webhook": "a"}, {"webhook": "closes"}, {"event": "first"},
        {"continue": {"seq": [{"wait": "a"}, {"wait": "a"}]}, "keep": ["a"]},
    ]}));
    let continued_hook = continued.hook("a");
    post(here(host, &json!(continued_hook)), "one").expect(202);
    continued.notify("first", "").expect(202);
    continued.wait_for_steps(&["a"]);
    let returned = host.script(&json!({"seq": [
        {"webhook": "a"}, {"sleep": 1}, {"fail": {"code": "no-stock", "message": "none left"}},
    ]}));
    returned.end();
    let child =
        json!({"workflow": "script", "input": {"event": "end"}, "labels": {"kind": "child"}});
    let parent = host.script(&json!({"seq": [{"start": child, "as": "c"}, {"await-run": "c"}]}));
    parent.wait_for_status("suspended");
    let paused = host.script(&json!({"event": "go"}));
    paused.wait_for_steps(&["go"]);
    paused.post("/pause", "").expect(200);

    let call = json!({"call": {"url": format!("{}/hang", service.url()), "attempts": 1}});
    let cut_off = host.script(&call);
    service.wait_for(3);
    json!({
        "runs": {
            "every": every.id(), "failed": failed.id(), "cancelled": cancelled.id(), "waiting": waiting.id(),
            "answered": answered.id(), "continued": continued.id(), "returned": returned.id(), "parent": parent.id(),
            "paused": paused.id(), "blocked": blocked.id(), "cut-off": cut_off.id(),
        },
        "first-delivery": first, "waiting-hook": waiting_hook, "answered-hook": answered_hook,
        "continued-hook": continued_hook,
    })
}

/// Returns what the host says of the runs that stay as they are, and of the workflow.
fn answers(host: &Host, runs: &Value) -> Value {
    let mut paths = vec!["/v1/workflows/script".to_owned()];
    for (role, run) in runs.as_object().unwrap() {
        if role != "cut-off" {
            let parts = ["", "/output", "/journal", "/logs", "/webhooks"];
            paths.extend(parts.map(|part| format!("/v1/runs/{}{part}", run.as_str().unwrap())));
        }
    }
    let answers = paths.into_iter().filter_map(|path| {
        let answer = host.get(&path);
        (answer.status == 200).then(|| (path, answer.json()))
    });
    answers.collect::<serde_json::Map<_, _>>().into()
}

/// Returns a script with every operation, and every way in which one completes without a fault of the machine's.
fn every(service: &str, other: &str) -> Value {
    let fixed = json!({"fixed": {"status": 201, "headers": [["x-a", "b"]], "body": "fixed"}});
    json!({"seq": [
        {"webhook": "a", "options": {"methods": ["POST", "PUT"], "reply": fixed, "handshake": "slack"}},
        {"webhook": "b", "options": {"reply": {"from-workflow": 5_000}, "handshake": "meta"}},
        {"wait": "a", "as": "delivered"}, {"wait": "a", "ms": 1, "as": "timed out"},
        {"close": "b"},
        {"call": {"method": "PUT", "url": service, "headers": [["x-c", "d"]], "body": {"a": 1}, "attempts": 3}},
        {"call": {"url": "http://127.0.0.1:1/", "attempts": 1}, "as": "fails"},
        {"sleep": 1}, {"event": "e", "ms": 1}, {"notify": "nobody", "body": {"b": 2}},
        {"notify": "extra", "run": other, "body": "aimed"},
        {"step": "s", "value": {"c": [3, null, "\u{e9}"]}}, {"log": "logged at ${a.url}"}, {"random": 16}, {"now": true},
        {"headers": true}, {"join": [{"sleep": 2}, {"sleep": 1}]},
        {"race": [{"sleep": 1}, {"wait": "a"}, {"event": "never"}, {"sleep": 100_000}]},
    ]})
}
