//! One command that moves the runs of a workflow to another version.

use dormouse_e2e::{Answer, Cli, Host, Run, guest};
use serde_json::{Value, json};

/// Deploys the same program as another version: with a custom section at its end.
fn deploy_another(host: &Host) -> String {
    let mut component = guest("script");
    component.extend([0, 3, 1, b'x', 9]);
    let answer = host.upload("script", &component).expect(201).json();
    answer["version"].as_str().unwrap().to_owned()
}

fn move_all(host: &Host, query: &str, body: &Value) -> Answer {
    host.post(
        &format!("/v1/workflows/script/move{query}"),
        body.to_string(),
    )
}

/// Returns what came of a move for each run, by its id, and the counts.
fn moved(answer: Answer) -> (Vec<(String, Value)>, Value) {
    let text = answer.expect(200).text();
    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.pop().unwrap();
    let runs = lines.into_iter();
    let mut runs: Vec<_> = runs
        .map(|run| (run["id"].as_str().unwrap().to_owned(), run))
        .collect();
    runs.sort_by(|a, b| a.0.cmp(&b.0));
    (runs, last)
}

fn version(run: &Run) -> String {
    run.show()["version"].as_str().unwrap().to_owned()
}

fn start(host: &Host, label: &str, script: &Value) -> Run {
    let path = format!("/v1/workflows/script/runs?label={label}");
    let started = host.post(&path, script.to_string()).expect(202).json();
    host.run(started["id"].as_str().unwrap())
}

fn counts(moved: u64, agree: u64, differ: u64, skipped: u64) -> Value {
    json!({"moved": moved, "agree": agree, "differ": differ, "skipped": skipped})
}

#[test]
fn runs_are_moved_with_a_line_for_each_and_what_is_left_is_moved_by_the_same_again() {
    let host = Host::start();
    let first = host.deploy("script", "script");
    let sleeps = json!({"sleep": 60_000_000});
    let runs = [
        start(&host, "a:1", &sleeps),
        start(&host, "a:2", &sleeps),
        start(&host, "a:2", &sleeps),
    ];
    let differs = start(
        &host,
        "a:3",
        &json!({"version": {(first.as_str()): {"sleep": 60_000_000}}, "else": {"sleep": 60_000_001}}),
    );
    for run in runs.iter().chain([&differs]) {
        run.wait_for_status("suspended");
    }
    start(&host, "a:1", &json!({"step": "s", "value": 1})).output();
    let second = deploy_another(&host);

    let dry = json!({"version": second, "dry_run": true});
    let (lines, last) = moved(move_all(&host, "", &dry));
    assert_eq!(last, counts(0, 3, 1, 0));
    let ids: Vec<&str> = lines.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids.len(), 4, "what has ended is not named: {ids:?}");
    assert!(runs.iter().all(|run| version(run) == first));

    let to = json!({"version": second});
    let (lines, last) = moved(move_all(&host, "?label=a:1", &to));
    assert_eq!(last, counts(1, 0, 0, 0));
    assert_eq!(lines[0].0, runs[0].id());
    assert_eq!(lines[0].1["result"], "moved");
    // Only what is left.
    let (lines, last) = moved(move_all(&host, "?status=suspended", &to));
    assert_eq!(last, counts(2, 0, 1, 0));
    assert!(lines.iter().all(|(id, _)| id != runs[0].id()));
    let line = lines.iter().find(|(id, _)| id == differs.id()).unwrap();
    assert_eq!(line.1["result"], "differs");
    assert_eq!(line.1["code"], "differs");
    assert_eq!(line.1["difference"]["operation"], 0);
    assert!(runs.iter().all(|run| version(run) == second));
    assert_eq!(version(&differs), first);
    let (_, last) = moved(move_all(&host, "", &to));
    assert_eq!(last, counts(0, 0, 1, 0));
    assert_eq!(runs[0].show()["tries"], 1);

    // Back, of those on the second version only.
    let back = json!({"version": first, "from_version": second});
    let (_, last) = moved(move_all(&host, "?label=a:2", &back));
    assert_eq!(last, counts(2, 0, 0, 0));
    let cli = Cli::of(&host);
    let shown = cli.run(&[
        "move",
        "--to",
        &second,
        "--workflow",
        "script",
        "--from-version",
        &first,
        "--yes",
    ]);
    assert_eq!(shown.code, 1, "{}", shown.stderr);
    assert!(
        shown
            .stdout
            .ends_with("2 runs moved, 1 differ, 0 skipped\n"),
        "{}",
        shown.stdout
    );
    assert!(shown.stderr.contains(differs.id()), "{}", shown.stderr);
    let unasked = cli.run(&["move", "--to", &first, "--workflow", "script"]);
    assert_eq!(unasked.code, 2, "{}", unasked.stderr);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
}

#[test]
fn a_move_that_cannot_be_is_refused_before_any_run_is_moved() {
    let host = Host::start();
    let first = host.deploy("script", "script");
    let unknown = json!({"version": "0".repeat(64)});
    move_all(&host, "", &unknown).expect_problem(404, "unknown-version");
    host.post("/v1/workflows/none/move", unknown.to_string())
        .expect_problem(404, "unknown-workflow");
    let to = json!({"version": first});
    move_all(&host, "?workflow=other", &to).expect_problem(400, "invalid-query");
    let from = json!({"version": first, "from_version": "0".repeat(64)});
    let other = format!("?version={first}");
    move_all(&host, &other, &from).expect_problem(400, "invalid-query");
    let wrong = json!({"version": first, "from_version": "x"});
    let problem = move_all(&host, "", &wrong).expect_problem(400, "invalid-version");
    assert!(
        problem.detail().contains("from_version"),
        "{}",
        problem.detail()
    );
    move_all(&host, "", &json!({"version": first, "form": 1})).expect_problem(400, "invalid-json");
    host.post("/v1/workflows/script/move", "")
        .expect_problem(400, "invalid-json");
}

#[test]
fn a_failed_run_is_moved_by_its_retry_and_the_refusal_says_so() {
    let host = Host::start();
    let first = host.deploy("script", "script");
    let failed = host.start_run("script", &json!({"fail": {"code": "no", "message": "no"}}));
    failed.failure();
    let second = deploy_another(&host);
    let command = format!("dormouse retry --on VERSION {}", failed.id());
    let to = json!({"version": second});
    let problem = failed
        .post("/move", to.to_string())
        .expect_problem(409, "run-ended");
    assert!(problem.detail().contains(&command), "{}", problem.detail());
    let (lines, last) = moved(move_all(&host, "?status=failed", &to));
    assert_eq!(last, counts(0, 0, 0, 1));
    let detail = lines[0].1["detail"].as_str().unwrap();
    assert!(detail.contains(&command), "{detail}");
    assert_eq!(version(&failed), first);
    // Without a status only what has not ended is looked at.
    let (_, last) = moved(move_all(&host, "", &to));
    assert_eq!(last, counts(0, 0, 0, 0));
}
