//! Operations that are given up: dropped futures and `abandon`.

use dormouse_journal::{Kind, OperationNumber, Outcome};
use serde_json::json;

use crate::core_guest::{CoreGuest, RETURN, SLEEP, WAIT};
use crate::harness::{Run, check_failure};

/// Returns what was given up: the operations, and whether their futures were dropped.
fn given_up(run: &Run) -> Vec<(String, Vec<u32>, bool)> {
    let operations = run.journal.iter().flat_map(|made| &made.operations);
    operations
        .filter_map(|operation| match &operation.kind {
            Kind::Abandon {
                operations,
                dropped,
            } => {
                let numbers = operations.iter().map(|OperationNumber(number)| *number);
                Some((operation.step.clone(), numbers.collect(), *dropped))
            }
            _ => None,
        })
        .collect()
}

fn guest(run: &str, callback: &str) -> Run {
    let guest = CoreGuest {
        run,
        callback,
        ..CoreGuest::default()
    };
    Run::of(guest.program())
}

#[test]
fn a_wait_that_lost_a_race_is_given_up_by_the_activation_that_decides_it() {
    let mut run = Run::script(json!({"seq": [
        {"webhook": "a"},
        {"race": [{"wait": "a", "ms": null}, {"sleep": 5}, {"wait": "a", "ms": 9}]},
        {"sleep": 1},
    ]}));
    run.start().complete(1_005, 2, Outcome::Slept);
    let expected = [
        ("a".to_owned(), vec![1], true),
        ("a".to_owned(), vec![3], true),
    ];
    assert_eq!(given_up(&run), expected);
    run.evict().complete(1_006, 6, Outcome::Slept);
    assert_eq!(run.output()[1], json!(["lost", null, "lost"]));
}

#[test]
fn a_delivered_outcome_is_not_given_up_when_its_future_is_dropped() {
    let mut run = guest(
        &format!("{SLEEP} {WAIT}"),
        // The callback has the event of the sleep: it is over, and its handle can only be dropped.
        &format!("(call $drop (global.get $task)) {RETURN} (i32.const 0)"),
    );
    run.start().complete(1_010, 0, Outcome::Slept);
    assert_eq!(given_up(&run), []);
}

#[test]
fn abandon_gives_up_the_operation_of_its_number_and_it_still_completes() {
    let mut run = guest(
        &format!("{SLEEP} {SLEEP} (call $abandon (i32.const 1)) {WAIT}"),
        &format!("{RETURN} (i32.const 0)"),
    );
    run.start();
    assert_eq!(given_up(&run), [("step".to_owned(), vec![1], false)]);
    run.complete(1_000, 1, Outcome::Slept);
    assert!(run.last().activation.end.is_some());
}

#[test]
fn abandon_of_a_number_that_no_operation_has_is_a_misuse() {
    let run = guest(
        &format!("{SLEEP} (call $abandon (i32.const 1)) {WAIT}"),
        "unreachable",
    );
    check_failure(run, "misuse", &["`abandon`", "operation 1", "has made 1"]);
}

#[test]
fn abandon_of_what_has_completed_is_recorded_and_gives_up_nothing() {
    let mut run = guest(
        &format!("{SLEEP} {WAIT}"),
        &format!("(call $abandon (i32.const 0)) {RETURN} (i32.const 0)"),
    );
    run.start().complete(1_010, 0, Outcome::Slept);
    assert_eq!(given_up(&run), [(String::new(), vec![], false)]);
}

#[test]
fn an_operation_is_abandoned_only_once() {
    let abandon = "(call $abandon (i32.const 0))";
    let mut run = guest(
        &format!("{SLEEP} {abandon} {abandon} {WAIT}"),
        "unreachable",
    );
    run.start();
    let expected = [
        ("step".to_owned(), vec![0], false),
        (String::new(), vec![], false),
    ];
    assert_eq!(given_up(&run), expected);
}

#[test]
fn the_next_operations_number_is_known_before_it_is_made() {
    let mut run = guest(
        &format!(
            "{SLEEP} (if (i32.ne (call $next_operation) (i32.const 1)) (then unreachable))
             {SLEEP} (call $abandon (i32.sub (call $next_operation) (i32.const 1))) {WAIT}"
        ),
        "unreachable",
    );
    run.start();
    assert_eq!(given_up(&run), [("step".to_owned(), vec![1], false)]);
}

#[test]
fn an_abandoned_operation_can_be_dropped_before_it_completes() {
    let cancel =
        "(call $join (global.get $task) (i32.const 0)) (drop (call $cancel (global.get $task)))";
    let mut run = guest(
        &format!("{SLEEP} (call $abandon (i32.const 0)) {cancel} {SLEEP} {WAIT}"),
        "unreachable",
    );
    run.start();
    let expected = [
        ("step".to_owned(), vec![0], false),
        ("step".to_owned(), vec![0], true),
    ];
    assert_eq!(given_up(&run), expected);
}
