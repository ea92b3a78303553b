//! Runs without an end: each generation has an empty journal, and what the generation before has kept.

use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use dormouse_e2e::{Host, pause, post, request, wait_until};
use serde_json::{Value, json};

/// How many generations the long run has.
const GENERATIONS: usize = 1_000;

/// Sends a request until it was accepted, under a key of its own, as a provider does whose requests are refused meanwhile.
fn send(hook: &str, number: usize) {
    loop {
        let request = request("POST", hook).header("idempotency-key", format!("k{number}"));
        match request.body(number.to_string()).try_send() {
            Ok(answer) if answer.status == 202 => return,
            Ok(answer) if answer.status < 500 && answer.status != 429 => {
                panic!("request {number}: {} {}", answer.status, answer.text())
            }
            Ok(_) | Err(_) => pause(Duration::from_millis(10)),
        }
    }
}

fn decoded(output: &Value) -> Vec<String> {
    let bodies = output.as_array().unwrap().iter();
    bodies
        .map(|body| BASE64_STANDARD.decode(body.as_str().unwrap()).unwrap())
        .map(|body| String::from_utf8(body).unwrap())
        .collect()
}

#[test]
fn a_kept_webhook_loses_doubles_and_reorders_nothing_in_a_thousand_generations_with_kills() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"generations": GENERATIONS, "do": {"wait": "a"}, "keep": ["a"]},
    ]}));
    run.wait_for_steps(&["a"]);
    let hook = run.hook("a");
    let sender = {
        let hook = hook.clone();
        thread::spawn(move || (0..GENERATIONS).for_each(|number| send(&hook, number)))
    };
    for reached in [100, 400, 700] {
        wait_until("the generation to be reached", || {
            (run.show()["generation"].as_u64().unwrap() >= reached).then_some(())
        });
        host.kill();
        host.resume();
    }
    sender.join().unwrap();
    let output = run.output();
    let expected: Vec<String> = (0..GENERATIONS).map(|number| number.to_string()).collect();
    assert_eq!(decoded(&output), expected);
    let shown = run.show();
    assert_eq!(shown["generation"], GENERATIONS - 1);
    assert_eq!(shown["operations"], 1);
    assert_eq!(shown["activations"], 2);
    wait_until("what is left of the old generations to go", || {
        // Keys of requests are remembered for a day, and count here: about 300 bytes each.
        (run.show()["storage_bytes"].as_u64().unwrap() < 600_000).then_some(())
    });
    post(&hook, "late").expect(410);
}

#[test]
fn a_webhook_that_is_not_kept_closes_and_its_requests_are_counted() {
    let host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"webhook": "b"}, {"event": "go"},
        {"continue": {"seq": [{"webhook": "c"}, {"wait": "b"}, {"event": "end"}]}, "keep": ["b"]},
    ]}));
    run.wait_for_steps(&["go"]);
    let (closes, stays) = (run.hook("a"), run.hook("b"));
    post(&closes, "lost").expect(202);
    post(&stays, "kept").expect(202);
    run.notify("go", "").expect(202);
    run.wait_for_steps(&["end"]);
    post(&closes, "late").expect(410);
    post(&stays, "more").expect(202);
    let shown = run.webhooks();
    let steps: Vec<&str> = shown["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|webhook| webhook["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["b", "c"]);
    assert_eq!(run.hook("b"), stays);
    let journal = run.journal();
    assert_eq!(journal["activations"][0]["operations"][0]["step"], "c");
    run.notify("end", "").expect(202);
    let end = run.end();
    assert_eq!(
        (&end["status"], &end["untaken"]),
        (&json!("completed"), &json!(2))
    );
}

#[test]
fn a_cancel_that_was_asked_for_and_children_belong_to_the_run_and_not_to_a_generation() {
    let mut host = Host::start();
    let child =
        json!({"start": {"workflow": "script", "input": {"sleep": 60_000_000}}, "as": "child"});
    let next = json!({"seq": [{"event": "again"}, {"wait-cancel": null}]});
    let run = host.script(&json!({"seq": [
        child, {"wait-cancel": 1}, {"event": "go"}, {"continue": next},
    ]}));
    run.wait_for_steps(&["go"]);
    run.post("/cancel", r#"{"grace": "1h", "reason": "enough"}"#)
        .expect(200);
    run.notify("go", "").expect(202);
    run.wait_for_steps(&["again"]);
    host.restart();
    let shown = run.show();
    assert_eq!(
        (&shown["generation"], &shown["children"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(shown["cancel"]["reason"], "enough");
    run.notify("again", "").expect(202);
    assert_eq!(run.output()[1], "enough");
    wait_until("the child to be cancelled", || {
        let children = host.get(&format!("/v1/runs?parent={}", run.id()));
        (children.expect(200).json()["runs"][0]["status"] == "cancelled").then_some(())
    });
}

#[test]
fn a_generation_can_go_on_with_code_that_was_deployed_since() {
    let host = Host::start();
    let old = host.deploy("script", "script");
    let shows = json!({"version": {old.clone(): {"step": "s", "value": "old"}}, "else": {"event": "other"}});
    let run = host.start_run(
        "script",
        &json!({"seq": [
            {"event": "go"},
            {"continue": {"seq": [{"event": "stays"}, {"continue": shows, "on_current_version": true}]}},
        ]}),
    );
    run.wait_for_steps(&["go"]);
    let new = host.deploy("script", "waiter");
    assert_ne!(new, old);
    run.notify("go", "").expect(202);
    run.wait_for_steps(&["stays"]);
    assert_eq!(run.show()["version"], old);
    run.notify("stays", "").expect(202);
    wait_until("the run to move on", || {
        (run.show()["version"] == new).then_some(())
    });
}

#[test]
fn a_loop_that_never_waits_does_not_keep_others_from_running() {
    let host = Host::start();
    let forever = host.script(&json!({"generations": 1_000_000, "do": {"seq": []}}));
    let one = host.script(&json!({"seq": [{"sleep": 1}, {"sleep": 1}]}));
    assert_eq!(one.output(), json!([null, null]));
    assert_ne!(forever.show()["status"], "completed");
    forever.cancel().expect(200);
}
