//! The disk space that a run, and all runs of a workflow, may use: a run that exceeds it fails, and requests beyond it
//! are refused.

use dormouse_e2e::{Answer, Host, Reply, Run, Service, post, wait_until};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};
use crate::limits::fails;

const KIB: usize = 1 << 10;

/// Checks that a sender is refused for now, by this code.
#[track_caller]
fn refused(answer: Answer, code: &str) -> Answer {
    assert!(answer.header("retry-after").is_some(), "{}", answer.text());
    answer.expect_problem(429, code)
}

/// Checks that a caller of the API is refused for now, by this code, and is told which setting it was.
#[track_caller]
fn refused_for(answer: Answer, code: &str, setting: &str) {
    let detail = refused(answer, code).detail();
    assert!(detail.contains(&format!("`{setting}`")), "{detail}");
}

/// So many steps, each with a value of 10 KiB and in an activation of its own.
fn steps(count: usize) -> Value {
    let value = "x".repeat(10 * KIB);
    json!({"repeat": count, "do": {"seq": [{"step": "s", "value": value}, {"sleep": 1}]}})
}

/// Sends smaller and smaller bodies to a webhook until it takes no empty one either. Returns how many it took.
fn fill(hook: &str) -> usize {
    let mut size = 16 * KIB;
    let mut taken = 0;
    loop {
        let answer = post(hook, "x".repeat(size));
        match answer.status {
            202 => taken += 1,
            _ => {
                refused(answer, "run-storage-full");
                if size == 0 {
                    return taken;
                }
                size /= 2;
            }
        }
    }
}

#[test]
fn a_run_that_makes_more_than_it_may_take_fails_and_the_others_go_on() {
    let host = Host::with(&["--storage-limit", "100KiB"]);
    fails(&host.script(&steps(20)), "limit", "storage-limit");
    host.script(&steps(5)).output();
}

#[test]
fn a_response_beyond_what_a_run_may_take_fails_it() {
    let service = Service::start(|_| Reply::status(200).body("x".repeat(200 * KIB)));
    let host = Host::with(&["--storage-limit", "100KiB", "--allow-private-egress"]);
    let run = host.script(&json!({"call": {"url": service.url()}}));
    fails(&run, "limit", "storage-limit");
}

#[test]
fn an_input_that_is_more_than_a_run_may_take_is_413() {
    let host = Host::with(&["--storage-limit", "100KiB"]);
    host.deploy("script", "script");
    let answer = host
        .post("/v1/workflows/script/runs", vec![b' '; 100 * KIB])
        .expect_problem(413, "run-storage-full");
    let detail = answer.detail();
    assert!(detail.contains("`storage-limit`"), "{detail}");
    let runs = host.get("/v1/runs").expect(200).json();
    assert_eq!(runs["runs"], json!([]));
}

#[test]
fn requests_to_a_run_without_space_are_refused_and_never_fail_it() {
    const WAITS: usize = 5;
    let mut host = Host::with(&["--storage-limit", "100KiB"]);
    // Events to all are nobody's to keep, so that this one comes although the run is full.
    let waits = json!({"seq": [{"webhook": "a"}, {"event": "go"}, {"event": "more"}, {"repeat": WAITS, "do": {"wait": "a"}}]});
    let run = host.script(&waits);
    let neighbour = host.script(&waits_after_go(1));
    run.wait_for_steps(&["go"]);
    let hook = run.hook("a");
    let taken = fill(&hook);
    assert!(taken > WAITS, "{taken}");
    refused_for(
        run.notify("more", "x".repeat(4 * KIB)),
        "run-storage-full",
        "storage-limit",
    );
    host.restart();
    let (run, neighbour) = (host.run(run.id()), host.run(neighbour.id()));
    refused(post(&hook, ""), "run-storage-full");
    assert_eq!(run.status(), "suspended");
    assert_eq!(run.queued(), taken as u64);

    post(neighbour.hook("a"), "x".repeat(50 * KIB)).expect(202);
    go(&neighbour);
    neighbour.output();

    for event in ["go", "more"] {
        run.wait_for_steps(&[event]);
        let reached = host.post(&format!("/v1/events/{event}"), "");
        assert_eq!(reached.expect(200).json()["waits"], 1);
    }
    let output = run.output();
    assert_eq!(output[3].as_array().unwrap().len(), WAITS);
    assert_eq!(run.show()["untaken"], taken - WAITS);
}

/// A host on which the runs of the workflow `script` take as much as they may, and those of `other` do not.
struct Full {
    host: Host,
    /// A run of the full workflow that has received what fills it.
    run: Run,
    neighbour: Run,
}

/// What is sent to fill a workflow.
const PIECE: usize = 16 * KIB;

fn full() -> Full {
    let host = Host::with(&["--workflow-storage-limit", "200KiB"]);
    host.deploy("script", "script");
    host.deploy("other", "script");
    let run = host.start_run("script", &waits_after_go(1));
    let neighbour = host.start_run("other", &waits_after_go(1));
    run.wait_for_steps(&["go"]);
    neighbour.wait_for_steps(&["go"]);
    let hook = run.hook("a");
    let refusal = (0..20)
        .map(|_| post(&hook, "x".repeat(PIECE)))
        .find(|answer| answer.status != 202)
        .unwrap();
    refused(refusal, "workflow-storage-full");
    Full {
        host,
        run,
        neighbour,
    }
}

/// Returns an input that needs as much room as what was refused when the workflow became full.
fn large() -> Value {
    json!({"step": "s", "value": "x".repeat(PIECE)})
}

fn start(host: &Host, workflow: &str) -> Answer {
    let path = format!("/v1/workflows/{workflow}/runs");
    host.request("POST", &path).json(&large()).send()
}

#[test]
fn a_full_workflow_takes_nothing_and_another_takes_all() {
    let Full {
        mut host,
        run,
        neighbour,
    } = full();
    host.restart();
    let (run, neighbour) = (host.run(run.id()), host.run(neighbour.id()));
    let (code, setting) = ("workflow-storage-full", "workflow-storage-limit");
    refused_for(start(&host, "script"), code, setting);
    refused_for(run.notify("e", "x".repeat(PIECE)), code, setting);
    refused(post(run.hook("a"), "x".repeat(PIECE)), code);
    assert_eq!(run.status(), "suspended");

    let other = start(&host, "other").expect(202).field("id");
    host.run(&other).output();
    neighbour.notify("e", "x".repeat(PIECE)).expect(202);
    post(neighbour.hook("a"), "x".repeat(PIECE)).expect(202);
    go(&neighbour);
    neighbour.output();
}

#[test]
fn neither_triggers_nor_other_runs_start_runs_of_a_full_workflow() {
    let Full { host, .. } = full();
    let url = |workflow: &str| {
        let set = host.request("PUT", &format!("/v1/triggers/{workflow}"));
        let set = set.json(&json!({"workflow": workflow})).send();
        set.expect(201).field("url")
    };
    refused(
        post(url("script"), large().to_string()),
        "workflow-storage-full",
    );
    post(url("other"), large().to_string()).expect(202);

    let invoke = |workflow: &str| {
        let child = json!({"invoke": {"workflow": workflow, "or_fail": true, "input": large()}});
        host.start_run("other", &child)
    };
    fails(&invoke("script"), "limit", "workflow-storage-limit");
    invoke("other").output();
}

#[test]
fn a_workflow_has_room_again_when_a_run_is_deleted() {
    let Full { host, run, .. } = full();
    run.cancel().expect(200);
    refused(start(&host, "script"), "workflow-storage-full");
    let path = format!("/v1/runs/{}", run.id());
    host.request("DELETE", &path).send().expect(200);
    // What it had is removed piece by piece.
    let started = wait_until("there is room", || {
        let answer = start(&host, "script");
        (answer.status == 202).then(|| answer.field("id"))
    });
    host.run(&started).output();
}
