//! Replay: a journal is repeated exactly, or the difference is reported and nothing is lost.

use dormouse_engine::{Effect, Interruption};
use dormouse_journal::{Arguments, CallOptions, Fields, Mismatch, OperationNumber, Outcome, Side};
use serde_json::{Value, json};

use crate::harness::{CountedTurns, Run, block_on};

/// Replays the journal of one script with another.
fn differs(recorded: Value, completions: usize, repeated: Value) -> Box<Mismatch> {
    let mut run = Run::script(recorded);
    run.start();
    for number in 0..completions {
        let number = u32::try_from(number).unwrap();
        run.complete(2_000, number, Outcome::Slept);
    }
    let mut other = Run::script(repeated);
    other.journal = run.journal;
    match other.rebuild() {
        Err(Interruption::Mismatch(mismatch)) => mismatch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_evicted_run_goes_on_where_it_was() {
    let script = json!({"seq": [
        {"random": 4},
        {"sleep": 5},
        {"step": "s", "value": {"a": [1, 2]}},
        {"join": [{"sleep": 7}, {"seq": [{"now": true}, {"random": 4}]}]},
        {"now": true},
    ]});
    let mut warm = Run::script(script.clone());
    warm.start()
        .complete(1_005, 0, Outcome::Slept)
        .complete(1_020, 2, Outcome::Slept);
    let mut cold = Run::script(script);
    cold.start().evict();
    cold.complete(1_005, 0, Outcome::Slept).evict();
    cold.complete(1_020, 2, Outcome::Slept);
    assert_eq!(warm.journal, cold.journal);
    assert_eq!(warm.output()[4], json!(1_020));
}

#[test]
fn nothing_is_asked_for_or_logged_again() {
    let mut run = Run::script(json!({"seq": [{"log": "once"}, {"notify": "e"}, {"sleep": 1}]}));
    run.start();
    assert_eq!(run.last().effects.len(), 1);
    run.evict().complete(1_001, 0, Outcome::Notified(0));
    assert!(run.last().effects.is_empty());
    assert_eq!(run.logged(), ["once"]);
}

#[test]
fn other_arguments_are_shown_on_both_sides() {
    let text = differs(json!({"sleep": 5}), 0, json!({"sleep": 6})).to_string();
    assert!(text.contains("(5 ms)") && text.contains("(6 ms)"), "{text}");
}

#[test]
fn an_operation_less_is_a_difference() {
    let recorded = json!({"join": [{"sleep": 5}, {"sleep": 6}]});
    let mismatch = differs(recorded, 0, json!({"sleep": 5}));
    assert_eq!(mismatch.found, Side::Quiescence);
}

#[test]
fn an_operation_more_is_a_difference() {
    let repeated = json!({"join": [{"sleep": 5}, {"sleep": 6}]});
    let mismatch = differs(json!({"sleep": 5}), 0, repeated);
    assert_eq!(mismatch.expected, Side::Quiescence);
}

#[test]
fn an_end_where_the_journal_goes_on_is_a_difference() {
    let recorded = json!({"seq": [{"sleep": 5}, {"sleep": 6}, {"sleep": 7}]});
    let mismatch = differs(recorded, 2, json!({"sleep": 5}));
    assert_eq!(mismatch.found, Side::End);
}

#[test]
fn a_trap_where_the_journal_goes_on_is_a_difference_and_no_failure() {
    let recorded = json!({"seq": [{"sleep": 5}, {"sleep": 6}]});
    let repeated = json!({"seq": [{"sleep": 5}, {"trap": "changed"}]});
    let mismatch = differs(recorded, 1, repeated);
    assert_eq!(mismatch.found, Side::End);
}

#[test]
fn a_journal_that_completes_what_is_not_outstanding_is_the_hosts_trouble() {
    let mut run = Run::script(json!({"sleep": 5}));
    run.start();
    let mut instance = run.instance.take().unwrap();
    let completion = dormouse_journal::Completion {
        operation: dormouse_journal::OperationNumber(1),
        outcome: Outcome::Slept,
    };
    let error = block_on(instance.activate(dormouse_journal::Time(2_000).into(), Some(completion)));
    let Err(Interruption::Host(text)) = error else {
        panic!("{error:?}")
    };
    assert!(text.contains("operation 1"), "{text}");
}

#[test]
fn an_outcome_of_another_kind_is_the_hosts_trouble() {
    let mut run = Run::script(json!({"sleep": 5}));
    run.start();
    let mut instance = run.instance.take().unwrap();
    let completion = dormouse_journal::Completion {
        operation: dormouse_journal::OperationNumber(0),
        outcome: Outcome::Notified(3),
    };
    let error = block_on(instance.activate(dormouse_journal::Time(2_000).into(), Some(completion)));
    assert!(matches!(error, Err(Interruption::Host(_))), "{error:?}");
}

/// Returns the script of a call whose body begins with `first`, and is too large to be hashed where it is made.
fn large_call(first: &str) -> Value {
    let body = format!("{first}{}", "x".repeat(300 << 10));
    json!({"call": {"method": "POST", "url": "http://service.example/", "body": body}})
}

#[test]
fn large_arguments_are_hashed_elsewhere_in_a_turn_of_the_guest() {
    let turns = CountedTurns::up_to(u32::MAX);
    let with_turns = |script: Value| {
        let given = turns.clone();
        Run::script(script).with(move |parts| parts.turns = given.clone())
    };
    with_turns(json!({"call": {"method": "GET", "url": "http://service.example/"}})).start();
    assert_eq!((turns.hashed(), turns.asked()), (0, 0));
    let mut run = with_turns(large_call("a"));
    run.start();
    assert_eq!((turns.hashed(), turns.taken()), (1, 0));
    let Effect::Call {
        request, options, ..
    } = &run.last().effects[0]
    else {
        panic!("{:?}", run.last().effects)
    };
    let arguments = Arguments::Call {
        request: request.clone(),
        options: CallOptions {
            retry: None,
            ..options.clone()
        },
    };
    let made = &run.last().activation.operations[0];
    assert_eq!(made.digest, arguments.digest());
    assert_eq!(made.fields, Fields::of(&arguments));
    run.rebuild().unwrap();
    assert_eq!((turns.hashed(), turns.taken()), (2, 0));
}

#[test]
fn large_arguments_that_differ_are_found_in_a_replay() {
    let mismatch = differs(large_call("a"), 0, large_call("b"));
    assert_eq!(mismatch.number, OperationNumber(0));
    assert_eq!(mismatch.differing(), ["body"]);
}
