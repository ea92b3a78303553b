//! Runs, as the API shows them.

use dormouse_e2e::{Host, Run, post};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};

fn is_time(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok())
}

#[test]
fn a_run_is_shown_with_what_it_waits_for() {
    let host = Host::start();
    let version = host.deploy("script", "script");
    let run = host.start_run("script", &json!({"seq": [
        {"webhook": "a"},
        {"join": [{"wait": "a", "ms": 86_400_000, "as": "answer"}, {"event": "e"}, {"sleep": 86_400_000, "as": "nap"}]},
    ]}));
    run.wait_for_steps(&["answer", "e", "nap"]);
    let shown = run.show();
    assert_eq!(
        (&shown["id"], &shown["workflow"]),
        (&json!(run.id()), &json!("script"))
    );
    assert_eq!(shown["version"], version);
    assert!(is_time(&shown["created"]), "{shown}");
    assert_eq!(shown["ended"], Value::Null);
    let kinds: Vec<&Value> = shown["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .map(|waiting| &waiting["kind"])
        .collect();
    assert_eq!(kinds, ["wait-for-webhook", "wait-for-event", "sleep"]);
    assert!(is_time(&shown["waiting"][0]["deadline"]), "{shown}");
    assert_eq!(shown["waiting"][1]["deadline"], Value::Null);
    assert!(shown["waiting"][2]["operation"].is_number());
}

#[test]
fn a_run_with_a_call_outstanding_is_running() {
    let service = dormouse_e2e::Service::start(|_| dormouse_e2e::Reply::Hang);
    let host = Host::start();
    let run = host.script(&json!({"call": {"url": service.url()}, "as": "job"}));
    service.wait_for(1);
    let shown = run.show();
    assert_eq!(
        (&shown["status"], &shown["waiting"][0]["step"]),
        (&json!("running"), &json!("job"))
    );
}

#[test]
fn a_run_that_computes_is_running_from_its_first_activation_on() {
    let host = Host::with(&["--cpu-limit", "10m"]);
    let first = host.script(&json!({"spin": true}));
    let later = host.script(&json!({"seq": [{"event": "go"}, {"spin": true}]}));
    later.wait_for_steps(&["go"]);
    later.notify("go", "").expect(202);
    for run in [&first, &later] {
        run.wait_for_status("running");
        assert_eq!(run.show()["activations"], u64::from(run.id() == later.id()));
    }
    let listed = host.get("/v1/runs").expect(200).json();
    for run in listed["runs"].as_array().unwrap() {
        assert_eq!(run["status"], "running", "{run}");
    }
    // Where they were stored last.
    let counts = host.get("/v1/counts").expect(200).json();
    assert_eq!(
        (&counts["pending"], &counts["suspended"]),
        (&json!(1), &json!(1))
    );
    for (status, run) in [("pending", &first), ("suspended", &later)] {
        let page = host
            .get(&format!("/v1/runs?status={status}"))
            .expect(200)
            .json();
        assert_eq!(ids(&page), [run.id()]);
    }
}

#[test]
fn a_completed_run_is_shown_with_its_output() {
    let host = Host::start();
    let run = host.script(&json!({"step": "s", "value": {"n": [1, 2.5]}}));
    run.output();
    let shown = run.show();
    assert_eq!(shown["output"], json!({"n": [1, 2.5]}));
    assert!(is_time(&shown["ended"]), "{shown}");
    assert_eq!(shown["waiting"], json!([]));
    assert!(shown.get("failure").is_none_or(Value::is_null), "{shown}");
}

#[test]
fn an_output_is_raw_with_its_content_type() {
    let host = Host::start();
    host.deploy("bare", "bare");
    let run = host.start_run("bare", &json!(null));
    run.wait_for_steps(&["bare"]);
    run.get("/output").expect_problem(404, "not-ended");
    let csv = dormouse_e2e::request("POST", run.hook("bare")).header("content-type", "text/csv");
    csv.body(b"a,b\r\n\xff,\0\r\n").send().expect(202);
    run.end();
    let output = run.get("/output").expect(200);
    assert_eq!(output.header("content-type"), Some("text/csv"));
    assert_eq!(output.body, b"a,b\r\n\xff,\0\r\n");
}

#[test]
fn a_failed_run_has_no_output() {
    let host = Host::start();
    let run = host.script(&json!({"trap": "over"}));
    run.failure();
    run.get("/output").expect_problem(409, "no-output");
}

#[test]
fn the_journal_shows_operations_and_completions() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"wait": "a", "as": "answer"}, {"step": "sum", "value": 3}, {"sleep": 1},
    ]}));
    let id = post(run.hook("a"), "hello").expect(202).field("id");
    run.output();
    let journal = run.journal();
    let activations = journal["activations"].as_array().unwrap();
    assert_eq!(activations.len(), 3, "{journal:#}");
    let operations: Vec<(&Value, &Value)> = activations
        .iter()
        .flat_map(|activation| activation["operations"].as_array().unwrap())
        .map(|operation| (&operation["kind"], &operation["step"]))
        .collect();
    let expected = [
        ("create-webhook", "a"),
        ("wait-for-webhook", "answer"),
        ("begin", "sum"),
        ("sleep", "sleep"),
    ];
    assert_eq!(json!(operations), json!(expected));
    let delivered = &activations[1]["completion"];
    assert_eq!(delivered["operation"], 1);
    assert_eq!(
        (&delivered["outcome"]["kind"], &delivered["outcome"]["id"]),
        (&json!("delivery"), &json!(id))
    );
    assert_eq!(delivered["outcome"]["request"]["body"]["text"], "hello");
    assert!(
        activations[2]["end"]["completed"].is_object(),
        "{journal:#}"
    );
}

#[test]
fn a_long_journal_comes_in_pages() {
    let host = Host::start();
    let run = host.script(&json!({"repeat": 8, "do": {"seq": [{"log": "round"}, {"sleep": 0}]}}));
    run.output();
    for (path, items) in [("/journal", "activations"), ("/logs", "lines")] {
        let whole = run.get(path).json()[items].as_array().unwrap().clone();
        let mut pages = Vec::new();
        let mut query = "?limit=3".to_owned();
        loop {
            let page = run.get(&format!("{path}{query}")).expect(200).json();
            let part = page[items].as_array().unwrap();
            assert!(part.len() <= 3, "{page:#}");
            pages.extend(part.iter().cloned());
            let Some(next) = page["next"].as_str() else {
                break;
            };
            query = format!("?limit=3&cursor={next}");
        }
        assert_eq!(pages, whole);
        assert!(whole.len() >= 8, "{whole:?}");
    }
}

#[test]
fn logs_are_shown_with_time_and_level() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [{"log": "one"}, {"sleep": 1}, {"log": "two"}]}));
    run.output();
    let logs = run.logs();
    let lines = logs["lines"].as_array().unwrap();
    let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["one", "two"]);
    assert!(
        lines
            .iter()
            .all(|line| line["level"] == "info" && is_time(&line["time"])),
        "{logs}"
    );
}

#[test]
fn webhooks_are_shown_with_their_queues() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"webhook": "b", "options": {"methods": ["GET"]}}, {"event": "go"}, {"wait": "a"},
    ]}));
    let hook = run.hook("a");
    for call in ["one", "two"] {
        post(&hook, call).expect(202);
    }
    assert!(
        hook.starts_with(&format!("{}/hooks/", host.url())),
        "{hook}"
    );
    let webhooks = run.webhooks()["webhooks"].clone();
    assert_eq!(
        (&webhooks[0]["queued"], &webhooks[1]["queued"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(webhooks[1]["methods"], json!(["GET"]));
    assert!(
        webhooks[0]["queued_bytes"].as_u64() >= Some(6),
        "{webhooks}"
    );
    go(&run);
    run.output();
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 1);
}

fn ids(page: &Value) -> Vec<String> {
    let runs = page["runs"].as_array().unwrap();
    runs.iter()
        .map(|run| run["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn runs_are_listed_newest_first_page_by_page() {
    let host = Host::start();
    let mut started: Vec<String> = (0..25)
        .map(|_| host.script(&json!({"now": true})).id().to_owned())
        .collect();
    started.reverse();
    let mut listed = Vec::new();
    let mut path = "/v1/runs?limit=10".to_owned();
    let sizes = [10, 10, 5];
    for size in sizes {
        let page = host.get(&path).expect(200).json();
        assert_eq!(ids(&page).len(), size);
        listed.extend(ids(&page));
        // What starts meanwhile belongs before the first page.
        host.script(&json!({"now": true}));
        match page["next"].as_str() {
            Some(cursor) => path = format!("/v1/runs?limit=10&cursor={cursor}"),
            None => assert_eq!(listed.len(), 25),
        }
    }
    assert_eq!(listed, started);
}

#[test]
fn runs_are_listed_by_workflow_and_by_status() {
    let host = Host::start();
    let completed = host.script(&json!({"now": true}));
    let failed = host.script(&json!({"trap": "over"}));
    let suspended = host.script(&waits_after_go(1));
    host.deploy("bare", "bare");
    let other = host.start_run("bare", &json!(null));
    completed.end();
    failed.end();
    suspended.wait_for_steps(&["go"]);
    other.wait_for_steps(&["bare"]);
    let list = |query: &str| ids(&host.get(&format!("/v1/runs?{query}")).expect(200).json());
    let expect = |runs: &[&Run]| {
        runs.iter()
            .map(|run| run.id().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list("status=completed"), expect(&[&completed]));
    assert_eq!(list("status=failed"), expect(&[&failed]));
    assert_eq!(list("status=suspended"), expect(&[&other, &suspended]));
    assert_eq!(list("workflow=bare"), expect(&[&other]));
    assert_eq!(
        list("workflow=script&status=suspended"),
        expect(&[&suspended])
    );
    assert_eq!(list("workflow=none"), expect(&[]));
}

#[test]
fn a_malformed_query_is_400_and_names_the_parameter() {
    let host = Host::start();
    for (query, parameter) in [
        ("limit=many", "limit"),
        ("limit=0", "limit"),
        ("status=asleep", "status"),
        ("cursor=nonsense!", "cursor"),
        ("colour=blue", "colour"),
    ] {
        let answer = host
            .get(&format!("/v1/runs?{query}"))
            .expect_problem(400, "invalid-query");
        assert!(
            answer.detail().contains(parameter),
            "{query}: {}",
            answer.detail()
        );
    }
}

#[test]
fn an_unknown_run_is_404_and_a_malformed_id_400() {
    let host = Host::start();
    let unknown = "/v1/runs/01890000-0000-7000-8000-000000000000";
    for path in ["", "/output", "/journal", "/logs", "/webhooks"] {
        host.get(&format!("{unknown}{path}"))
            .expect_problem(404, "unknown-run");
    }
    for path in ["/cancel", "/resume", "/events/e"] {
        host.post(&format!("{unknown}{path}"), "")
            .expect_problem(404, "unknown-run");
    }
    host.get("/v1/runs/nonsense")
        .expect_problem(400, "invalid-run-id");
}
