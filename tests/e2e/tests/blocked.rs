//! A host in trouble fails no run: the run is blocked, its webhooks stay open, and it continues when the cause is
//! gone.

use dormouse_e2e::{Cli, Host, Run, body, guest, post};
use serde_json::{Value, json};

use crate::stored::replace_component;

/// Returns a waiting run on a stopped host, whose store has other bytes for the run's version, or none.
fn run_without_its_component(other: Option<&[u8]>) -> (Host, Run, String) {
    let mut host = Host::start();
    let version = host.deploy("script", "script");
    let run = host.start_run(
        "script",
        &json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"wait": "a"}]}),
    );
    run.wait_for_steps(&["a"]);
    let hook = run.hook("a");
    assert!(host.stop().success());
    replace_component(&host, &version, other);
    host.resume();
    (host, run, hook)
}

#[track_caller]
fn blocked(run: &Run, code: &str) -> String {
    let shown = run.wait_for_status("blocked");
    assert_eq!(shown["failure"]["code"], code, "{shown:#}");
    assert_eq!(shown["ended"], Value::Null);
    shown["failure"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_whose_component_is_missing_goes_on_when_it_is_back() {
    let (mut host, run, hook) = run_without_its_component(None);
    post(&hook, "first").expect(202);
    let message = blocked(&run, "component-missing");
    assert!(message.contains("deploy these bytes again"), "{message}");
    post(&hook, "second, to a blocked run").expect(202);
    host.restart();
    blocked(&run, "component-missing");

    host.upload("script", &guest("script")).expect(200);
    run.post("/resume", "").expect(200);
    let output = run.output();
    assert_eq!(
        (body(&output[1]), body(&output[2])),
        ("first".into(), "second, to a blocked run".into())
    );
}

#[test]
fn a_replay_that_differs_blocks_the_run_and_harms_no_other() {
    let (host, run, hook) = run_without_its_component(Some(&guest("bare")));
    let other = host.deploy("other", "progress");
    post(&hook, "").expect(202);
    let message = blocked(&run, "replay-mismatch");
    // Both sides: what is in the journal, and what the workflow does now.
    assert!(message.contains("create-webhook \"a\""), "{message}");
    assert!(message.contains("create-webhook \"bare\""), "{message}");
    let input = json!({"service_url": "http://127.0.0.1:9", "timeout_ms": 1});
    assert_eq!(host.start_run("other", &input).show()["version"], other);
    assert_eq!(Cli::of(&host).run(&["cancel", run.id()]).code, 0);
    assert_eq!(run.status(), "cancelled");
}

#[test]
fn resuming_what_still_cannot_go_on_blocks_it_again() {
    let (host, run, hook) = run_without_its_component(None);
    post(&hook, "").expect(202);
    blocked(&run, "component-missing");
    Cli::of(&host).run(&["resume", run.id()]).ok();
    blocked(&run, "component-missing");
    host.get("/readyz").expect(200);
}
