//! The context of a run: its ids, its time and its request.

use serde_json::json;

use crate::core_guest::run;
use crate::harness::{Run, check_failure};

#[test]
fn the_context_has_the_runs_identity() {
    // The record's strings are written out as the result: id, workflow, version.
    let mut run = Run::of(run("
        (call $current_run (i32.const 512))
        (call $return (i32.const 0) (i32.load (i32.const 520)) (i32.load (i32.const 524))
            (i32.load (i32.const 512)) (i32.load (i32.const 516)))
        (i32.const 0)"));
    let payload = run.start().result();
    assert_eq!(payload.content_type, "test");
    let id = std::str::from_utf8(&payload.body).unwrap();
    assert!(id.parse::<dormouse_journal::RunId>().is_ok(), "{id}");
}

#[test]
fn the_headers_of_the_start_are_shown() {
    let mut run = Run::script(json!({"headers": true}));
    assert_eq!(run.start().output(), json!([["x-tenant", "YWNtZQ=="]]));
}

#[test]
fn time_stands_still_while_the_workflow_computes() {
    let mut run = Run::script(json!({"seq": [{"now": true}, {"now": true}]}));
    assert_eq!(run.start().output(), json!([1_000, 1_000]));
}

#[test]
fn randomness_is_the_runs_own() {
    let random = || Run::script(json!({"random": 8}));
    let with_key = |key| {
        let mut run = random().with(move |parts| parts.key = [key; 32]);
        run.start().output()
    };
    assert_eq!(with_key(1), with_key(1));
    assert_ne!(with_key(1), with_key(2));
}

#[test]
fn too_much_randomness_at_once_is_a_misuse() {
    let guest = run("(call $random (i32.const 65537) (i32.const 512)) unreachable");
    check_failure(Run::of(guest), "misuse", &["65537", "65536"]);
}
