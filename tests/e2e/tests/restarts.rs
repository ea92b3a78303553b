//! Time, timers and code after a restart.

use std::fs;
use std::time::Duration;

use dormouse_e2e::{Host, Run, Stopwatch, body, pause, post, with_enough_time};
use serde_json::{Value, json};

use crate::forms::go;

#[test]
fn a_sleep_is_never_early_also_across_a_restart() {
    let mut host = Host::start();
    let watch = Stopwatch::start();
    let run = host.script(&json!({"seq": [{"now": true}, {"sleep": 2_000}, {"now": true}]}));
    run.wait_for_operation("sleep");
    host.restart();
    let output = run.output();
    assert!(watch.elapsed() >= Duration::from_secs(2));
    assert!(
        output[2].as_u64().unwrap() >= output[0].as_u64().unwrap() + 2_000,
        "{output}"
    );
}

#[test]
fn many_sleeps_are_never_early() {
    let host = Host::start();
    let sleeps: Vec<Value> = (0..40_u64)
        .map(|number| json!({"seq": [{"now": true}, {"sleep": 20 * number}, {"now": true}, {"step": "s", "value": 20 * number}]}))
        .collect();
    let output = host.script(&json!({"join": sleeps})).output();
    for slept in output.as_array().unwrap() {
        let [from, to, asked] = [0, 2, 3].map(|place| slept[place].as_u64().unwrap());
        assert!(to >= from + asked, "{slept}");
    }
}

#[test]
fn waits_without_an_end_in_sight_wait() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"race": [{"wait": "a", "ms": u64::MAX}, {"sleep": u64::MAX}, {"event": "e", "ms": u64::MAX / 2}]},
    ]}));
    run.wait_for_steps(&["a", "sleep", "e"]);
    host.restart();
    run.wait_for_steps(&["a", "sleep", "e"]);
    post(run.hook("a"), "at last").expect(202);
    assert_eq!(body(&run.output()[1][0]), "at last");
}

#[test]
fn downtime_does_not_move_a_deadline() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"wait": "a", "ms": 1_000, "as": "first"}, {"wait": "a", "as": "second"},
    ]}));
    let hook = run.hook("a");
    run.wait_for_operation("first");
    host.kill();
    pause(Duration::from_millis(1_500));
    host.resume();
    // The host may not have got to the deadline yet. It has passed all the same.
    post(&hook, "too late for the first").expect(202);
    let output = run.output();
    assert_eq!(
        (&output[1], body(&output[2])),
        (&Value::Null, "too late for the first".into())
    );
}

#[test]
fn a_call_accepted_before_a_deadline_is_taken_after_it() {
    let mut host = Host::start();
    with_enough_time("a call before a deadline", 3_000, |time| {
        let watch = Stopwatch::start();
        let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a", "ms": time}]}));
        let answer = post(run.hook("a"), "in time");
        let time = Duration::from_millis(time);
        if watch.elapsed() >= time {
            return None;
        }
        answer.expect(202);
        host.kill();
        pause(time);
        host.resume();
        assert_eq!(body(&run.output()[1]), "in time");
        Some(())
    });
}

/// Runs this with what happens between two of its calls; gives its output. What its journal had, it has after.
fn called_three_times(mut host: Host, between: impl Fn(&mut Host)) -> Value {
    // Whatever the guest has in memory is in the result: webhooks, generators, places in loops.
    let round = json!({"seq": [{"wait": "a"}, {"random": 16}, {"now": true}, {"log": "round"}]});
    let run = host.script(&json!({"seq": [
        {"random": 16}, {"webhook": "a"}, {"now": true}, {"repeat": 3, "do": round},
    ]}));
    let hook = run.hook("a");
    let mut journals: Vec<Vec<Value>> = Vec::new();
    for call in ["one", "two", "three"] {
        run.wait_for_steps(&["a"]);
        journals.push(run.journal()["activations"].as_array().unwrap().clone());
        between(&mut host);
        post(&hook, call).expect(202);
    }
    let output = run.output();
    let journal = run.journal()["activations"].as_array().unwrap().clone();
    for before in journals {
        assert_eq!(journal[..before.len()], before[..]);
    }
    assert_eq!(run.logs()["lines"].as_array().unwrap().len(), 3);
    output
}

fn bodies(output: &Value) -> Vec<String> {
    output[3]
        .as_array()
        .unwrap()
        .iter()
        .map(|round| body(&round[0]))
        .collect()
}

#[test]
fn a_run_is_rebuilt_after_a_restart_as_it_was() {
    let output = called_three_times(Host::start(), Host::restart);
    assert_eq!(bodies(&output), ["one", "two", "three"]);
}

#[test]
fn a_run_is_rebuilt_after_its_memory_was_needed_as_it_was() {
    let output = called_three_times(Host::with(&["--warm-memory", "0"]), |_| {});
    assert_eq!(bodies(&output), ["one", "two", "three"]);
}

#[test]
fn a_run_is_kept_in_memory_as_it_was() {
    let output = called_three_times(Host::start(), |_| {});
    assert_eq!(bodies(&output), ["one", "two", "three"]);
}

/// Whatever is compiled is compiled by a child process.
#[cfg(target_os = "linux")]
#[test]
fn a_restart_compiles_nothing() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    run.wait_for_steps(&["a"]);
    host.restart();
    post(run.hook("a"), "").expect(202);
    run.output();
    host.start_run("script", &json!({"now": true})).output();
    assert_eq!(host.children_processor_time(), 0);
    // So that this test can fail:
    host.deploy("fan-out", "fan-out");
    assert!(host.children_processor_time() > 0);
}

#[test]
fn events_and_notifies_are_kept_across_a_restart() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [{"sleep": 1_500}, {"event": "go"}]}));
    run.wait_for_operation("sleep");
    go(&run);
    host.restart();
    run.output();
}

#[test]
fn many_sleeping_runs_wake_after_a_restart() {
    let mut host = Host::start();
    let script = json!({"seq": [{"webhook": "a"}, {"wait": "a"}]});
    let runs: Vec<Run> = (0..100).map(|_| host.script(&script)).collect();
    let hooks: Vec<String> = runs.iter().map(|run| run.hook("a")).collect();
    host.restart();
    for (number, hook) in hooks.iter().enumerate() {
        post(hook, number.to_string()).expect(202);
    }
    for (number, run) in runs.iter().enumerate() {
        assert_eq!(body(&run.output()[1]), number.to_string());
    }
}

#[test]
fn a_copy_of_the_data_is_all_that_a_host_is() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"random": 8}]}));
    let hook = run.hook("a");
    run.wait_for_steps(&["a"]);
    assert!(host.stop().success());

    let mut other = Host::start();
    other.kill();
    for file in fs::read_dir(host.data_dir()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), other.data_dir().join(file.file_name())).unwrap();
    }
    other.resume();
    let token = hook.rsplit_once('/').unwrap().1;
    other
        .post(&format!("/hooks/{token}"), "to the other")
        .expect(202);
    assert_eq!(body(&other.run(run.id()).output()[1]), "to the other");
}
