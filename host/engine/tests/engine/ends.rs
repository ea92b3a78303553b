//! The ends of runs, and the parts of the last activation that are kept.

use dormouse_journal::{End, Outcome, Payload};
use serde_json::json;

use crate::core_guest::{CoreGuest, OTHER, RETURN, SLEEP, STEP, WAIT, run};
use crate::harness::{Run, check_failure};

fn log_error() -> String {
    format!("(call $log (i32.const 4) {OTHER})")
}

#[test]
fn a_result_completes_it() {
    let mut run = Run::script(json!({"seq": [{"now": true}]}));
    assert_eq!(run.start().output(), json!([1_000]));
    assert_eq!(run.result().content_type, "application/json");
}

#[test]
fn an_error_fails_it_with_the_guests_own_words() {
    let guest = run(&format!(
        "(call $return (i32.const 1) {STEP} {OTHER}) (i32.const 0)"
    ));
    let mut run = Run::of(guest);
    run.start();
    assert_eq!(run.failure().code, "step");
    assert_eq!(run.failure().message, "other");
}

#[test]
fn a_trap_fails_it_with_a_backtrace() {
    let mut run = Run::of(run("unreachable"));
    let Some(End::Failed { failure, backtrace }) = &run.start().last().activation.end else {
        panic!("{:?}", run.last())
    };
    assert_eq!(failure.code, "trap");
    assert!(failure.message.contains("unreachable"), "{failure:?}");
    let backtrace = backtrace.as_deref().unwrap();
    assert!(backtrace.contains("!run"), "{backtrace}");
}

#[test]
fn an_error_logged_just_before_a_trap_is_its_message() {
    let guest = run(&format!("{} unreachable", log_error()));
    check_failure(Run::of(guest), "trap", &["other"]);
}

#[test]
fn an_error_logged_in_an_earlier_activation_is_not_its_message() {
    let guest = CoreGuest {
        run: &format!("{SLEEP} {} {WAIT}", log_error()),
        ..CoreGuest::default()
    };
    let mut run = Run::of(guest.program());
    let failure = run.start().complete(1_010, 0, Outcome::Slept).failure();
    assert!(failure.message.contains("unreachable"), "{failure:?}");
}

#[test]
fn a_panic_of_a_rust_guest_is_reported_with_its_message() {
    let run = Run::script(json!({"trap": "the kettle is dry"}));
    check_failure(run, "trap", &["the kettle is dry"]);
}

#[test]
fn waiting_for_what_cannot_happen_is_stuck() {
    check_failure(
        Run::of(run(WAIT)),
        "stuck",
        &["something that can never happen"],
    );
}

#[test]
fn a_failed_activation_keeps_its_operations_and_log_and_wants_nothing() {
    let mut run = Run::script(json!({"seq": [
        {"log": "before"},
        {"join": [{"notify": "e"}, {"trap": "no"}]},
    ]}));
    run.start();
    assert_eq!(run.failure().code, "trap");
    assert_eq!(run.operations().len(), 1);
    assert!(run.last().effects.is_empty());
    assert_eq!(run.logged()[0], "before");
}

#[test]
fn it_ends_when_run_returns_whatever_is_still_waited_for() {
    let mut run = Run::of(run(&format!("{SLEEP} {RETURN} {WAIT}")));
    run.start();
    assert_eq!(run.result(), &Payload::default());
    assert_eq!(
        run.operations(),
        [r#"sleep "step" (10 ms)"#],
        "what the host tears down was not given up by the guest"
    );
}

#[test]
fn nothing_more_can_be_asked_of_an_instance_that_is_over() {
    let mut run = Run::of(run(&format!("{RETURN} (i32.const 0)")));
    run.start();
    let error = run.try_activate(2_000, None).unwrap_err();
    assert!(error.to_string().contains("has ended"), "{error}");
}
