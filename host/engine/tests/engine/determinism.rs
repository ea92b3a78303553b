//! Guests that look for a difference between an execution and its replay: in their memory, in floating point, in the
//! depth of their stack, in the order of hash maps, and in effects of a step.

use dormouse_engine::Interruption;
use dormouse_journal::{End, Outcome, Payload};
use serde_json::{Value, json};

use crate::core_guest::{CoreGuest, OTHER, SLEEP, STEP, WAIT};
use crate::harness::Run;

/// Ends with these bytes of memory, from 512 on, as the run's result.
fn give(length: usize) -> String {
    format!(
        "(call $return (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512) (i32.const {length})) (i32.const 0)"
    )
}

/// Returns what a guest saw that looks before and after a wait: the same whether its instance was kept or made anew.
#[track_caller]
fn seen(items: &str, before: &str, after: &str, length: usize) -> Vec<u8> {
    let guest = CoreGuest {
        items,
        run: &format!("{before} {SLEEP} {WAIT}"),
        callback: &format!("{after} {}", give(length)),
        ..CoreGuest::default()
    };
    let program = guest.program();
    let mut kept = Run::of(program.clone());
    kept.start().complete(2_000, 0, Outcome::Slept);
    let mut rebuilt = Run::of(program);
    rebuilt.start().evict().complete(2_000, 0, Outcome::Slept);
    assert_eq!(kept.journal, rebuilt.journal);
    kept.result().body.to_vec()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.chunks_exact(4);
    words
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
        .collect()
}

/// What grows has the size that it had, and is empty also where an instance before left something.
#[test]
fn memory_and_tables_grow_alike() {
    let last_word = "(i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))";
    let grow = |at: u32| {
        format!(
            "(i32.store (i32.const {at}) (memory.grow (i32.const 3)))
             (i32.store (i32.const {}) (i32.load {last_word}))
             (i32.store {last_word} (i32.const -1))
             (i32.store (i32.const {}) (table.grow $t (ref.null func) (i32.const 2)))",
            at + 4,
            at + 8
        )
    };
    let none = u32::MAX;
    let items = "(table $t 1 4 funcref)";
    assert_eq!(
        words(&seen(items, &grow(512), &grow(524), 24)),
        [1, 0, 1, 4, 0, none]
    );
}

/// A NaN has one pattern of bits, whatever it was made of and by whichever processor.
#[test]
fn every_nan_is_the_same() {
    let items = "
        (global $zero (mut f64) (f64.const 0))
        (global $nan (mut f64) (f64.const -nan:0x8000000012345))
        (global $small (mut f32) (f32.const -nan:0x412345))";
    let observe = "
        (f64.store (i32.const 512) (f64.div (global.get $zero) (global.get $zero)))
        (f64.store (i32.const 520) (f64.sqrt (f64.sub (global.get $zero) (f64.const 1))))
        (f64.store (i32.const 528) (f64.add (global.get $nan) (f64.const 1)))
        (f64.store (i32.const 536) (f64.min (global.get $nan) (global.get $zero)))
        (f64.store (i32.const 544) (f64.promote_f32 (global.get $small)))
        (f32.store (i32.const 552) (f32.demote_f64 (global.get $nan)))
        (f32.store (i32.const 556) (f32.mul (global.get $small) (global.get $small)))
        (v128.store (i32.const 560)
            (f32x4.add (f32x4.splat (global.get $small)) (f32x4.splat (f32.const 1))))";
    let (double, single) = ([0, 0x7ff8_0000], [0x7fc0_0000]);
    let expected = [&[double; 5].concat()[..], &[single; 6].concat()].concat();
    assert_eq!(words(&seen(items, "", observe, 64)), expected);
}

/// What the relaxed instructions leave to the processor is decided: no number is 0, and so is what lies past the end.
#[test]
fn relaxed_instructions_are_not() {
    let items = "(global $nan (mut f32) (f32.const nan)) (global $past (mut i32) (i32.const 17))";
    let observe = "
        (v128.store (i32.const 512) (i32x4.relaxed_trunc_f32x4_s (f32x4.splat (global.get $nan))))
        (v128.store (i32.const 528)
            (i8x16.relaxed_swizzle (i8x16.splat (i32.const 7)) (i8x16.splat (global.get $past))))";
    assert_eq!(words(&seen(items, observe, "", 32)), [0; 8]);
}

/// Returns a run as deep in its stack, at the start and after a wait, as its input is long.
fn diver(length: usize) -> Run {
    let guest = CoreGuest {
        items: "
            (global $depth (mut i32) (i32.const 0))
            (func $dive (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (i32.add (i32.const 1) (call $dive (i32.sub (local.get 0) (i32.const 1)))))
                    (else (i32.const 0))))",
        run: &format!(
            "(global.set $depth (local.get 3)) (drop (call $dive (global.get $depth))) {SLEEP} {WAIT}"
        ),
        callback: &format!("(drop (call $dive (global.get $depth))) {}", give(0)),
        ..CoreGuest::default()
    };
    Run::of(guest.program()).with(move |parts| {
        parts.input = Payload {
            body: vec![b' '; length].into(),
            ..Payload::default()
        };
    })
}

/// Returns how a run ends that recurses this deep, and after how many activations.
fn depth_reached(length: usize, evicted: bool) -> (usize, Option<End>) {
    let mut run = diver(length);
    run.start();
    if run.last().activation.end.is_none() {
        if evicted {
            run.evict();
        }
        run.complete(2_000, 0, Outcome::Slept);
    }
    (run.journal.len(), run.last().activation.end.clone())
}

/// To the very frame: a run that just fitted fits in a replay, and one that did not does not.
#[test]
fn the_stack_is_as_deep_in_replay() {
    let fits = |length: usize| matches!(depth_reached(length, false), (2, Some(End::Completed(_))));
    let (mut fitting, mut too_deep) = (0, 60_000);
    assert!(fits(fitting) && !fits(too_deep));
    while too_deep - fitting > 1 {
        let middle = usize::midpoint(fitting, too_deep);
        *(if fits(middle) {
            &mut fitting
        } else {
            &mut too_deep
        }) = middle;
    }
    for length in fitting - 3..=too_deep + 3 {
        assert_eq!(
            depth_reached(length, true),
            depth_reached(length, false),
            "{length}"
        );
    }
}

/// Returns what hash sets give, by a key from the run's randomness and by the standard library's, before and after a wait. The
/// first one is made after a step, which a replay skips: the heap is another there, and addresses are what the standard
/// library makes its keys from.
fn orders(key: u8, evicted: bool) -> Value {
    let step = json!({"step": "s", "value": "some text that stays in memory when it is computed"});
    let order = |names: [&str; 6]| json!({ "order": names });
    let script = json!({"seq": [
        step,
        order(["a", "b", "c", "d", "e", "f"]),
        {"sleep": 1_000},
        order(["g", "h", "i", "j", "k", "l"]),
    ]});
    let mut run = Run::script(script).with(move |parts| parts.key = [key; 32]);
    run.start();
    if evicted {
        run.evict();
    }
    run.complete(2_000, 1, Outcome::Slept);
    run.output()
}

#[test]
fn a_hash_set_has_the_same_order_in_replay() {
    let kept = orders(1, false);
    assert_eq!(kept, orders(1, true));
    let other = orders(2, false);
    for place in [1, 3] {
        assert_ne!(
            kept[place]["random"], other[place]["random"],
            "another run has another order"
        );
    }
}

/// A step is skipped in a replay, so what it left in memory is missing then. The checks of replay detect a guest that
/// depends on it, and both sides are shown.
#[test]
fn a_replay_detects_state_that_a_step_left_behind() {
    let guest = CoreGuest {
        items: "(global $left (mut i32) (i32.const 0))",
        run: &format!(
            "(call $begin {STEP} (i32.const 512))
             (if (i32.eqz (i32.load8_u (i32.const 512))) (then
                (global.set $left (i32.const 1))
                (call $finish {STEP} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
             (if (global.get $left) (then (call $begin {STEP} (i32.const 512))) (else (call $begin {OTHER} (i32.const 512))))
             (call $finish {STEP} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
             {SLEEP} {WAIT}"
        ),
        ..CoreGuest::default()
    };
    let mut run = Run::of(guest.program());
    run.start();
    let Err(Interruption::Mismatch(mismatch)) = run.rebuild() else {
        panic!("a replay that differs was taken")
    };
    let text = mismatch.to_string();
    assert!(
        text.contains("\"step\"") && text.contains("\"other\""),
        "{text}"
    );
}
