//! Finding runs, counting them, and doing the same act to many of them.

use dormouse_e2e::{Answer, Cli, Host, post};
use serde_json::{Value, json};

const STEP: &str = r#"{"step": "s", "value": 7}"#;
const SLEEP: &str = r#"{"seq": [{"webhook": "a"}, {"wait": "a"}]}"#;
const UNKNOWN: &str = "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6";

fn start(host: &Host, query: &str, input: &str) -> String {
    let path = format!("/v1/workflows/script/runs?{query}");
    let start = host.request("POST", &path);
    let start = start.json(&serde_json::from_str(input).unwrap());
    start.send().expect(202).field("id")
}

/// Returns two runs that wait, one of which is labelled, one that has completed and one that has failed.
fn host() -> (Host, [String; 4]) {
    let host = Host::start();
    host.deploy("script", "script");
    let runs = [
        start(&host, "label=tier:gold&label=customer:1", SLEEP),
        start(&host, "", SLEEP),
        start(&host, "label=tier:gold", STEP),
        start(&host, "label=tier:free", r#"{"trap": "on purpose"}"#),
    ];
    for run in &runs[..2] {
        host.run(run).wait_for_status("suspended");
    }
    for run in &runs[2..] {
        host.run(run).end();
    }
    (host, runs)
}

fn found(host: &Host, query: &str) -> Vec<String> {
    let page = host.get(&format!("/v1/runs?{query}")).expect(200).json();
    assert_eq!(page["next"], Value::Null, "{query}");
    let runs = page["runs"].as_array().unwrap().iter();
    runs.map(|run| run["id"].as_str().unwrap().to_owned())
        .collect()
}

fn act(host: &Host, query: &str, body: &Value) -> Answer {
    let url = format!("{}/v1/runs/actions?{query}", host.url());
    post(url, body.to_string())
}

/// Returns the lines of an answer, by run, and the last one.
fn lines(answer: &Answer) -> (Vec<Value>, Value) {
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let text = answer.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let last = lines.pop().unwrap();
    lines.sort_by_key(|line| line["id"].as_str().unwrap().to_owned());
    (lines, last)
}

#[test]
fn runs_are_found_by_every_condition() {
    let (host, [labelled, plain, completed, failed]) = host();
    let check = |query: &str, expected: &[&String]| {
        assert_eq!(
            found(&host, query).iter().collect::<Vec<_>>(),
            expected,
            "{query}"
        );
    };
    check("", &[&failed, &completed, &plain, &labelled]);
    check("label=tier:gold", &[&completed, &labelled]);
    check("label=tier:gold&label=customer:1", &[&labelled]);
    check(
        "label=tier:gold&status=completed&workflow=script",
        &[&completed],
    );
    check("label=tier:gold&workflow=other", &[]);
    check("failure=trap", &[&failed]);
    check("failure=trap&status=completed", &[]);
    check("waiting=webhook", &[&plain, &labelled]);
    check("waiting=webhook&label=tier:gold", &[&labelled]);
    check("waiting=call", &[]);
    let version = host.run(&plain).show()["version"].clone();
    let version = version.as_str().unwrap();
    check(
        &format!("version={version}&status=suspended"),
        &[&plain, &labelled],
    );
    check(&format!("version={}", "0".repeat(64)), &[]);
    let created = |id: &str| host.run(id).show()["created"].as_str().unwrap().to_owned();
    let of_plain = created(&plain);
    let since = found(&host, &format!("since={of_plain}"));
    assert!(
        since.contains(&plain) && since.contains(&failed),
        "{since:?}"
    );
    assert!(!found(&host, &format!("until={of_plain}")).contains(&plain));
    let ended = host.run(&completed).show()["ended"].clone();
    let ended = ended.as_str().unwrap();
    assert!(found(&host, &format!("ended-since={ended}")).contains(&completed));
    assert!(!found(&host, &format!("ended-until={ended}")).contains(&completed));
    check("ended-until=1970-01-01T00:00:00Z", &[]);
    for wrong in [
        "status=done",
        "label=a",
        "since=yesterday",
        "version=1",
        "waiting=timer",
    ] {
        let name = wrong.split('=').next().unwrap();
        let problem = host
            .get(&format!("/v1/runs?{wrong}"))
            .expect_problem(400, "invalid-query");
        assert!(problem.detail().contains(name), "{}", problem.detail());
    }
}

#[test]
fn runs_are_counted_by_status_across_a_restart() {
    let (mut host, [labelled, ..]) = host();
    let check = |host: &Host, suspended: u64, cancelled: u64| {
        let expected = json!({
            "pending": 0, "running": 0, "suspended": suspended, "blocked": 0, "completed": 1, "failed": 1,
            "cancelled": cancelled,
        });
        assert_eq!(host.get("/v1/counts").expect(200).json(), expected);
        assert_eq!(host.get("/v1/counts?workflow=script").json(), expected);
    };
    check(&host, 2, 0);
    host.run(&labelled).cancel();
    check(&host, 1, 1);
    host.restart();
    check(&host, 1, 1);
    assert_eq!(host.get("/v1/counts?workflow=other").json()["failed"], 0);
    host.get("/v1/counts?status=failed")
        .expect_problem(400, "invalid-query");
    let metrics = host.get("/metrics").text();
    assert!(
        metrics.contains("dormouse_runs{status=\"suspended\"} 1\n"),
        "{metrics}"
    );
    let table = Cli::of(&host).run(&["counts", "--workflow", "script"]).ok();
    assert!(
        table
            .lines()
            .any(|line| line.split_whitespace().eq(["cancelled", "1"])),
        "{table}"
    );
}

#[test]
fn the_same_is_done_to_all_runs_of_a_filter() {
    let (host, [labelled, plain, completed, failed]) = host();
    let (lines_of, last) =
        lines(&act(&host, "label=tier:gold", &json!({"action": "cancel"})).expect(200));
    assert_eq!(last, json!({"done": 1, "failed": 1}));
    assert_eq!(lines_of[0], json!({"id": labelled, "status": "cancelled"}));
    let refused = &lines_of[1];
    assert_eq!(
        (&refused["id"], &refused["status"]),
        (&json!(completed), &json!("completed"))
    );
    assert_eq!(refused["code"], "run-ended");
    assert_eq!(host.run(&plain).show()["status"], "suspended");

    let body = json!({"action": "restart", "ids": [failed, UNKNOWN], "options": {"input": {"step": "s", "value": 8}}});
    let (lines_of, last) = lines(&act(&host, "", &body).expect(200));
    assert_eq!(last, json!({"done": 1, "failed": 1}));
    let of = |id: &str| lines_of.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!(
        (&of(UNKNOWN)["status"], &of(UNKNOWN)["code"]),
        (&Value::Null, &json!("unknown-run"))
    );
    assert_eq!(of(&failed)["status"], "failed");
    let started = host.run(of(&failed)["started"].as_str().unwrap());
    assert_eq!(started.output(), 8);
    assert_eq!(started.show()["labels"], json!({"tier": "free"}));

    let (_, last) = lines(&act(&host, "status=failed", &json!({"action": "delete"})).expect(200));
    assert_eq!(last, json!({"done": 1, "failed": 0}));
    host.get(&format!("/v1/runs/{failed}"))
        .expect_problem(404, "unknown-run");
    let (none, last) =
        lines(&act(&host, "status=failed", &json!({"action": "resume"})).expect(200));
    assert_eq!((none, last), (vec![], json!({"done": 0, "failed": 0})));
}

/// More than are acted on at once, and than are looked up at once.
#[test]
fn many_runs_are_acted_on_and_each_once() {
    const RUNS: usize = 450;
    let host = Host::start();
    host.deploy("script", "script");
    for _ in 0..RUNS {
        start(&host, "label=batch:1", SLEEP);
    }
    let (lines_of, last) =
        lines(&act(&host, "label=batch:1", &json!({"action": "cancel"})).expect(200));
    assert_eq!(last, json!({"done": RUNS, "failed": 0}));
    let mut ids: Vec<_> = lines_of
        .iter()
        .map(|line| line["id"].as_str().unwrap())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), RUNS);
    assert_eq!(host.get("/v1/counts").json()["cancelled"], RUNS);
}

#[test]
fn an_action_without_a_filter_or_with_what_it_does_not_take_is_refused() {
    let (host, [plain, ..]) = host();
    let ids: Vec<_> = (0..1_001).map(|_| UNKNOWN).collect();
    for (query, body, says) in [
        ("", json!({"action": "cancel"}), "no filter"),
        (
            "",
            json!({"action": "cancel", "ids": [UNKNOWN, "x"]}),
            "ids[1]",
        ),
        ("", json!({"action": "cancel", "ids": ids}), "at most 1000"),
        (
            "workflow=script",
            json!({"action": "cancel", "ids": [UNKNOWN]}),
            "give one of them",
        ),
        ("workflow=script", json!({"action": "destroy"}), "destroy"),
        (
            "workflow=script",
            json!({"action": "cancel", "force": true}),
            "force",
        ),
        (
            "workflow=script",
            json!({"action": "cancel", "options": {"input": 1}}),
            "input",
        ),
        (
            "workflow=script",
            json!({"action": "restart", "options": {"inptu": 1}}),
            "inptu",
        ),
        ("workflow=script", json!(["cancel"]), "not a JSON object"),
    ] {
        let problem = act(&host, query, &body).expect_problem(400, "invalid-json");
        assert!(problem.detail().contains(says), "{}", problem.detail());
    }
    for query in ["limit=1", "status=done"] {
        act(&host, query, &json!({"action": "cancel"})).expect_problem(400, "invalid-query");
    }
    assert_eq!(host.run(&plain).show()["status"], "suspended");
}

#[test]
fn commands_take_a_filter_in_place_of_ids() {
    let (host, [labelled, plain, completed, failed]) = host();
    let cli = Cli::of(&host);
    let quiet = |filter: &[&str]| {
        let out = cli.run(&[&["runs", "--quiet"], filter].concat()).ok();
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        quiet(&["--label", "tier:gold", "--since", "1h"]),
        [completed, labelled.clone()]
    );
    assert_eq!(quiet(&["--failure", "trap"]), [failed]);
    assert_eq!(quiet(&["--until", "1h"]), [""; 0]);

    // Nobody can be asked, and more than one is hit.
    let refused = cli.run(&["cancel", "--workflow", "script"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("4 runs would be hit: give --yes"),
        "{}",
        refused.stderr
    );
    assert_eq!(host.get("/v1/counts").json()["cancelled"], 0);
    // One run needs no question.
    let out = cli.run(&["cancel", "--label", "customer:1"]).ok();
    assert_eq!(out, format!("run {labelled} is cancelled\n"));
    let some = cli.run(&["cancel", "--workflow", "script", "--yes"]);
    assert_eq!(some.code, 1);
    // The one that has failed is given up.
    assert_eq!(some.stdout.lines().count(), 3, "{}", some.stdout);
    assert!(some.stdout.contains(&format!("run {plain} is cancelled")));
    assert!(some.stderr.contains("1 of 4 failed"), "{}", some.stderr);
    let restarted = cli
        .run(&["restart", "--failure", "trap", "--input", STEP])
        .ok();
    assert_eq!(host.run(restarted.trim()).output(), 7);
    let deleted = cli
        .run(&["delete", "--status", "cancelled", "--yes", "--json"])
        .ok();
    let last = deleted.lines().last().unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(last).unwrap(),
        json!({"done": 2, "failed": 0})
    );

    for (arguments, says) in [
        (vec!["cancel"], "give the ids of runs, or a filter"),
        (vec!["cancel", "--yes"], "give the ids of runs, or a filter"),
        (vec!["cancel", &plain, "--workflow", "script"], "not both"),
        (vec!["runs", "--since", "yesterday"], "how long ago"),
    ] {
        let outcome = cli.run(&arguments);
        assert_eq!(outcome.code, 2, "{arguments:?}");
        assert!(
            outcome.stderr.contains(says),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
}

#[test]
fn a_start_takes_labels_on_the_command_line() {
    let host = Host::start();
    host.deploy("script", "script");
    let cli = Cli::of(&host);
    let labels = ["--label", "customer:42", "--label", "url:http://a"];
    let id = cli
        .run(&[&["start", "script", "--input", STEP], &labels[..]].concat())
        .ok();
    host.run(id.trim()).end();
    let shown = cli.run(&["show", id.trim()]).ok();
    assert!(shown.contains("customer:42 url:http://a"), "{shown}");
    let list = cli.run(&["runs", "--label", "customer:42"]).ok();
    assert!(list.contains("customer:42 url:http://a"), "{list}");
}
