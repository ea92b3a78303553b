//! The log of a run.

use dormouse_journal::{Level, Outcome, Time};
use serde_json::json;

use crate::core_guest::{CoreGuest, OTHER, RETURN, run};
use crate::harness::{Run, allow};

#[test]
fn lines_have_their_time_and_level() {
    let guest = run(&format!(
        "(call $log (i32.const 0) {OTHER}) (call $log (i32.const 4) {OTHER}) {RETURN} (i32.const 0)"
    ));
    let mut run = Run::of(guest);
    let logs = &run.start().last().logs;
    let seen: Vec<_> = logs.iter().map(|line| (line.time, line.level)).collect();
    assert_eq!(
        seen,
        [(Time(1_000), Level::Trace), (Time(1_000), Level::Error)]
    );
    assert_eq!(run.last().activation.log_lines, 2);
}

#[test]
fn a_full_log_says_so_once_and_does_no_harm() {
    let script = json!({"seq": [
        {"log": "x".repeat(40)}, {"sleep": 1}, {"log": "y".repeat(40)}, {"log": "z"}, {"sleep": 1}, {"log": "w"},
    ]});
    let mut run = Run::script(script).with(|parts| allow(parts, |limits| limits.log = 100));
    run.start().evict().complete(1_001, 0, Outcome::Slept);
    run.evict().complete(1_002, 1, Outcome::Slept);
    run.result();
    let lines = run.logged();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[1].contains("100 bytes") && lines[1].contains("log-limit"),
        "{lines:?}"
    );
}

/// What is logged within a step is not repeated by replay, and yet counts.
#[test]
fn a_log_does_not_grow_by_being_rebuilt() {
    let begin = "(call $begin (i32.const 16) (i32.const 4) (i32.const 512))";
    let finish = "(call $finish (i32.const 16) (i32.const 4)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";
    let round = format!(
        "{begin} (if (i32.eqz (i32.load8_u (i32.const 512))) (then (call $log (i32.const 2) {OTHER}) {finish}))
         {} {}",
        crate::core_guest::SLEEP,
        crate::core_guest::WAIT
    );
    let guest = CoreGuest {
        run: &round,
        callback: &round,
        ..CoreGuest::default()
    };
    let mut run = Run::of(guest.program()).with(|parts| allow(parts, |limits| limits.log = 80));
    run.start();
    for number in 0..4 {
        run.evict().complete(2_000, number * 2 + 1, Outcome::Slept);
    }
    let lines = run.logged();
    assert_eq!(lines.len(), 3, "two, and the one that says so: {lines:?}");
}
