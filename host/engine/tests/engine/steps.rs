//! Steps: each is computed once, and no other operation is allowed within it.

use dormouse_journal::{Kind, Outcome};
use serde_json::json;

use crate::core_guest::{CoreGuest, OTHER, RETURN, SLEEP, STEP, WAIT, run};
use crate::harness::{Run, check_failure};

/// `begin` writes what it gives to 512.
fn begin() -> String {
    format!("(call $begin {STEP} (i32.const 512))")
}

fn finish(step: &str) -> String {
    let empty = "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)";
    format!("(call $finish {step} {empty})")
}

fn check_misuse(body: &str, says: &[&str]) {
    check_failure(Run::of(run(&format!("{body} unreachable"))), "misuse", says);
}

#[test]
fn a_step_is_computed_once() {
    let script = json!({"seq": [
        {"step": "price", "value": {"eur": 3}}, {"random": 4}, {"sleep": 1}, {"random": 4},
    ]});
    let mut run = Run::script(script);
    run.start();
    let Kind::Begin {
        outcome: Some(Ok(payload)),
    } = &run.last().activation.operations[0].kind
    else {
        panic!("{:?}", run.last())
    };
    assert_eq!(&payload.body[..], br#"{"eur":3}"#);
    run.evict().complete(1_001, 1, Outcome::Slept);
    assert_eq!(run.output()[0], json!({"eur": 3}));
}

#[test]
fn a_step_may_log_and_read_the_time_and_be_random() {
    let log = format!("(call $log (i32.const 2) {OTHER})");
    let mut run = Run::of(run(&format!(
        "{} {log} (drop (call $now)) (call $random (i32.const 8) (i32.const 256)) {} {RETURN} (i32.const 0)",
        begin(),
        finish(STEP)
    )));
    run.start().result();
    assert_eq!(run.logged(), ["other"]);
}

/// The run's own randomness is where it was, whether the step's was drawn or the step was skipped.
#[test]
fn a_steps_randomness_does_not_move_the_runs() {
    let draw = "(call $random (i32.const 8) (i32.const 256))";
    let guest = CoreGuest {
        run: &format!(
            "{} (if (i32.eqz (i32.load8_u (i32.const 512))) (then {draw} {})) {SLEEP} {WAIT}",
            begin(),
            finish(STEP)
        ),
        callback: &format!(
            "{draw} (call $return (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.load (i32.const 256)) (i32.load (i32.const 260))) (i32.const 0)"
        ),
        ..CoreGuest::default()
    };
    let program = guest.program();
    let mut warm = Run::of(program.clone());
    warm.start().complete(1_010, 1, Outcome::Slept);
    let mut cold = Run::of(program);
    cold.start().evict().complete(1_010, 1, Outcome::Slept);
    assert_eq!(warm.result(), cold.result());
    assert_eq!(warm.result().body.len(), 8);
}

#[test]
fn whatever_else_a_step_does_is_a_misuse() {
    let within = |call: &str| format!("{} {call}", begin());
    let says = |import| [import, "step \"step\"", "`begin` and `finish`"];
    check_misuse(&within(SLEEP), &says("`sleep`"));
    check_misuse(
        &within("(call $current_run (i32.const 600))"),
        &says("`current-run`"),
    );
    check_misuse(&within("(call $abandon (i32.const 0))"), &says("`abandon`"));
    check_misuse(
        &within(&format!("(call $close {STEP} {OTHER})")),
        &says("`close-webhook`"),
    );
    check_misuse(&within(&begin()), &says("`begin`"));
}

#[test]
fn a_wait_dropped_within_a_step_is_a_misuse() {
    let cancel =
        "(call $join (global.get $task) (i32.const 0)) (drop (call $cancel (global.get $task)))";
    check_misuse(
        &format!("{SLEEP} {} {cancel}", begin()),
        &["dropped", "step \"step\""],
    );
}

#[test]
fn finish_must_fit_begin() {
    check_misuse(&finish(STEP), &["no step is open"]);
    check_misuse(
        &format!("{} {}", begin(), finish(OTHER)),
        &["open step \"step\""],
    );
    let twice = format!("{} {} {}", begin(), finish(STEP), finish(STEP));
    check_misuse(&twice, &["no step is open"]);
}

#[test]
fn a_failed_step_keeps_its_operation_without_an_outcome() {
    let mut run = Run::of(run(&format!("{} unreachable", begin())));
    run.start();
    assert_eq!(run.failure().code, "trap");
    assert_eq!(
        run.last().activation.operations[0].kind,
        Kind::Begin { outcome: None }
    );
}

#[test]
fn rebuilding_after_each_step_changes_nothing() {
    let script = json!({"seq": [
        {"log": "one"}, {"notify": "e"}, {"step": "a", "value": 1}, {"log": "two"}, {"random": 4},
        {"step": "b", "value": 2}, {"log": "three"},
    ]});
    let mut off = Run::script(script.clone());
    let mut on = Run::script(script).with(|parts| parts.rebuild_after_step = true);
    off.start().complete(1_001, 0, Outcome::Notified(0));
    on.start().complete(1_001, 0, Outcome::Notified(0));
    assert_eq!(off.decisions, on.decisions);
    assert_eq!(on.logged(), ["one", "two", "three"]);
}

/// Whether the step was computed or skipped.
#[test]
fn output_of_a_step_is_not_the_last_output_of_the_run() {
    let log = format!("(call $log (i32.const 4) {OTHER})");
    let guest = CoreGuest {
        run: &format!(
            "{} (if (i32.eqz (i32.load8_u (i32.const 512))) (then {log} {})) unreachable",
            begin(),
            finish(STEP)
        ),
        ..CoreGuest::default()
    };
    let program = guest.program();
    let mut off = Run::of(program.clone());
    let mut on = Run::of(program).with(|parts| parts.rebuild_after_step = true);
    off.start();
    on.start();
    assert_eq!(off.failure(), on.failure());
    assert!(
        off.failure().message.contains("unreachable"),
        "{:?}",
        off.failure()
    );
}
