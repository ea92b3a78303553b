//! The memory that the host keeps for a guest besides the guest's own, which is taken from the budget.

use dormouse_engine::Interruption;
use dormouse_limits::{Budget, Part};
use serde_json::{Value, json};

use crate::harness::{Run, START, block_on, check_failure};

/// Returns a run whose host has this much memory for guests, and that budget.
fn run(script: Value, bytes: u64) -> (Run, Budget) {
    let budget = Budget::new(bytes / 2 * 3);
    assert_eq!(budget.size(Part::Guests), bytes);
    let own = budget.clone();
    let run = Run::script(script);
    (
        run.with(move |parts| parts.held = own.begin(Part::Guests)),
        budget,
    )
}

fn finds_no_memory(mut run: Run) -> bool {
    matches!(run.try_activate(START, None), Err(Interruption::NoMemory))
}

#[test]
fn every_instance_and_every_wait_takes_memory_as_long_as_it_is_there() {
    let sleeps = || json!({"join": vec![json!({"sleep": 1_000}); 300]});
    let (mut waiting, budget) = run(sleeps(), 900 << 10);
    waiting.start();
    waiting.instance.as_mut().unwrap().committed();
    let taken = budget.taken(Part::Guests);
    assert!(taken >= (52 << 10) + 300 * 1_700, "{taken}");
    waiting.evict();
    assert_eq!(budget.taken(Part::Guests), 0);
    let (waiting, _) = run(sleeps(), 450 << 10);
    assert!(finds_no_memory(waiting));
}

#[test]
fn operations_take_memory_until_they_are_committed() {
    let steps = || {
        let steps = json!({"repeat": 1_000, "do": {"step": "a step", "value": 1}});
        json!({"seq": [steps, {"sleep": 1_000}]})
    };
    let (mut many, budget) = run(steps(), 1 << 20);
    many.start();
    assert!(budget.taken(Part::Guests) > 400_000);
    many.instance.as_mut().unwrap().committed();
    assert!(budget.taken(Part::Guests) <= 64 << 10);
    let (many, _) = run(steps(), 300 << 10);
    assert!(finds_no_memory(many));
}

#[test]
fn records_take_memory_while_they_are_repeated() {
    let (mut steps, budget) = run(
        json!({"seq": [{"step": "s", "value": 1}, {"sleep": 1}]}),
        1 << 20,
    );
    steps.start().evict();
    let mut instance = steps.launch();
    instance.hold_records(700 << 10).unwrap();
    for activation in &steps.journal {
        block_on(instance.replay(activation.clone())).unwrap();
    }
    assert!(budget.taken(Part::Guests) >= 700 << 10);
    assert!(matches!(
        instance.hold_records(2 << 20),
        Err(Interruption::NoMemory)
    ));
}

/// A header without a value has one byte, and takes as much memory as others.
#[test]
fn short_headers_take_the_memory_that_they_need() {
    let headers = vec![json!(["a", ""]); 5_000];
    let call = json!({"call": {"method": "GET", "url": "http://a/", "headers": headers}});
    let (many, _) = run(call.clone(), 300 << 10);
    assert!(finds_no_memory(many));
    let (mut many, budget) = run(call, 1 << 20);
    many.start();
    assert!(budget.taken(Part::Guests) > 5_000 * 96);
}

#[test]
fn what_a_failed_run_says_is_cut_to_what_its_row_can_bear() {
    let fail = json!({"fail": {"code": "c".repeat(300), "message": "m".repeat(70_000)}});
    let mut failed = Run::script(fail);
    let failure = failed.start().failure();
    assert_eq!((failure.code.len(), failure.message.len()), (256, 64 << 10));
    assert!(failure.message.ends_with("m…"));
    let whole = json!({"fail": {"code": "c", "message": "m".repeat(64 << 10)}});
    check_failure(Run::script(whole), "c", &[&"m".repeat(64 << 10)]);
}
