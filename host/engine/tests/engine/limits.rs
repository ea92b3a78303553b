//! Limits: a run that exceeds one fails, and the message names the limit and the setting that raises
//! it.

use dormouse_journal::Outcome;
use serde_json::json;

use crate::core_guest::{CoreGuest, RETURN, run};
use crate::harness::{Run, allow, check_failure, instance_parts};

#[test]
fn a_step_name() {
    let run = |length| Run::script(json!({"sleep": 1, "as": "x".repeat(length)}));
    check_failure(
        run(257),
        "limit",
        &["step name", "257", "256", "step-name-limit"],
    );
    assert_eq!(run(256).start().last().activation.end, None);
}

#[test]
fn an_events_name() {
    let name = "x".repeat(257);
    check_failure(
        Run::script(json!({"notify": name, "as": "s"})),
        "limit",
        &["event's name", "step-name-limit"],
    );
    check_failure(
        Run::script(json!({"event": name, "ms": 1, "as": "s"})),
        "limit",
        &["event's name", "step-name-limit"],
    );
}

#[test]
fn values() {
    let check = |script, what| {
        let run = Run::script(script).with(|parts| allow(parts, |limits| limits.body = 100));
        check_failure(run, "limit", &[what, "100", "body-limit"]);
    };
    let big = "x".repeat(100);
    check(json!({"notify": "e", "body": big}), "the event");
    check(
        json!({"step": "s", "value": big}),
        "the outcome of the step",
    );
    check(
        json!({"call": {"method": "GET", "url": "http://a/", "body": big}}),
        "the request",
    );
    check(
        json!({"repeat": 60, "do": {"now": true}}),
        "the run's result",
    );
}

#[test]
fn values_since_it_last_waited() {
    let notify = |n: usize| json!({"repeat": n, "do": {"race": [{"notify": "e", "body": "x".repeat(70)}, {"now": true}]}});
    let small = |run: Run| run.with(|parts| allow(parts, |limits| limits.body = 100));
    let waits = json!({"seq": [notify(4), {"sleep": 1}, notify(4), {"sleep": 1}]});
    let mut run = small(Run::script(waits));
    run.start().complete(1_001, 8, Outcome::Slept);
    assert_eq!(run.last().activation.end, None);
    let run = small(Run::script(notify(5)));
    check_failure(run, "limit", &["since it last waited", "400", "body-limit"]);
}

#[test]
fn operations() {
    let script = json!({"repeat": 3, "do": {"step": "s", "value": 1}});
    let run = Run::script(script).with(|parts| allow(parts, |limits| limits.operations = 2));
    check_failure(run, "limit", &["2 operations", "operations-limit"]);
}

#[test]
fn operations_outstanding() {
    let script = json!({"join": [{"sleep": 1}, {"sleep": 1}, {"sleep": 1}]});
    let run = Run::script(script).with(|parts| allow(parts, |limits| limits.outstanding = 2));
    check_failure(
        run,
        "limit",
        &["2 operations outstanding", "outstanding-limit"],
    );
}

#[test]
fn webhooks() {
    let script = json!({"seq": [{"webhook": "a"}, {"webhook": "b"}]});
    let run = Run::script(script).with(|parts| allow(parts, |limits| limits.webhooks = 1));
    check_failure(run, "limit", &["1 webhooks", "webhooks-limit"]);
}

/// A host that is restarted with lower limits takes no run back to where it was above them.
#[test]
fn an_operation_once_allowed_stays_allowed() {
    let script = json!({"seq": [
        {"webhook": "a"}, {"step": "s", "value": "x".repeat(200)}, {"join": [{"sleep": 1}, {"sleep": 2}]},
        {"sleep": 3},
    ]});
    let mut run = Run::script(script);
    run.start();
    let mut run = run.with(|parts| {
        allow(parts, |limits| {
            limits.operations = 1;
            limits.outstanding = 1;
            limits.webhooks = 0;
            limits.step_name = 0;
            limits.body = 0;
        });
    });
    run.evict().complete(1_001, 2, Outcome::Slept);
    run.complete(1_002, 3, Outcome::Slept);
    assert_eq!(
        run.failure().code,
        "limit",
        "the first new operation is judged"
    );
}

#[test]
fn memory() {
    let run = Run::script(json!({"grow": 65 << 20}));
    check_failure(run, "memory-limit", &["67108864", "memory-limit"]);
}

#[test]
fn more_memory_than_there_are_addresses() {
    let guest = run("(drop (memory.grow (i32.const 65536))) unreachable");
    check_failure(Run::of(guest), "memory-limit", &["memory-limit"]);
}

#[test]
fn memory_that_a_guest_starts_with() {
    let guest = run(&format!("{RETURN} (i32.const 0)"));
    let run = Run::of(guest).with(|parts| parts.limits.memory = 65_535);
    check_failure(run, "memory-limit", &["65535"]);
}

#[test]
fn a_table() {
    let guest = CoreGuest {
        items: "(table $t 1 funcref)",
        run: "(drop (table.grow $t (ref.null func) (i32.const 65536))) unreachable",
        ..CoreGuest::default()
    };
    check_failure(Run::of(guest.program()), "limit", &["65537", "65536"]);
}

#[test]
fn the_stack() {
    let guest = CoreGuest {
        items: "(func $deep (call $deep))",
        run: "(call $deep) unreachable",
        ..CoreGuest::default()
    };
    check_failure(Run::of(guest.program()), "stack-overflow", &["recursion"]);
}

/// What compilers put a guest's large values on: it begins within the memory, and grows down.
#[test]
fn the_stack_in_memory() {
    let guest = CoreGuest {
        items: "(func $deep (param $top i32)
            (i32.store (local.get $top) (i32.const 1))
            (call $deep (i32.sub (local.get $top) (i32.const 4096))))",
        run: "(call $deep (i32.const 60000)) unreachable",
        ..CoreGuest::default()
    };
    check_failure(Run::of(guest.program()), "stack-overflow", &["recursion"]);

    let guest = run("(i32.store (i32.const -4) (i32.const 1)) unreachable");
    check_failure(
        Run::of(guest),
        "trap",
        &["memory that it does not have", "stack"],
    );
}

/// The host's functions run below the guest on its stack. At its very end they must still have enough.
#[test]
fn a_call_from_the_end_of_the_stack_does_no_harm() {
    let guest = CoreGuest {
        items: "(func $deep (call $log (i32.const 0) (i32.const 0) (i32.const 1)) (call $deep))",
        run: "(call $deep) unreachable",
        ..CoreGuest::default()
    };
    check_failure(Run::of(guest.program()), "stack-overflow", &["recursion"]);
}

#[test]
fn data_passed_in_one_call() {
    let guest = run("
        (drop (memory.grow (i32.const 512)))
        (call $log (i32.const 2) (i32.const 0) (i32.const 20000000))
        unreachable");
    check_failure(Run::of(guest), "limit", &["in one call", "body-limit"]);
}

#[test]
fn handles() {
    let guest = run("(loop $more (drop (call $set_new)) (br $more)) unreachable");
    check_failure(Run::of(guest), "trap", &["handle"]);
}

#[test]
fn another_stack_than_the_run_was_started_with_is_the_hosts_trouble() {
    let program = run(&format!("{RETURN} (i32.const 0)"));
    let mut parts = instance_parts(dormouse_journal::Payload::default());
    parts.limits.stack = 512 << 10;
    let error = program.launch(parts).unwrap_err();
    assert!(error.to_string().contains("524288 bytes"), "{error}");
}

#[test]
fn the_footprint_grows_with_the_guest_and_ends_with_it() {
    let mut run = Run::script(json!({"seq": [{"sleep": 1}, {"grow": 8 << 20}, {"sleep": 1}]}));
    run.start();
    let footprint = |run: &Run| run.instance.as_ref().unwrap().footprint();
    let small = footprint(&run);
    run.complete(1_001, 0, Outcome::Slept);
    assert!(footprint(&run) >= small + (8 << 20));
    run.complete(1_002, 1, Outcome::Slept);
    run.result();
    assert_eq!(footprint(&run), 0);
}
