//! Instances are moved between threads and dropped at any point, and the pool is bounded.

use std::thread;

use dormouse_engine::{Config, Engine, Instance, Interruption, Program, open, seal};
use dormouse_journal::{Completion, OperationNumber, Outcome, Payload, Time, VersionId};

use crate::core_guest::{CoreGuest, RETURN, SLEEP, WAIT};
use crate::harness::{Run, SEAL, block_on, instance_parts};

fn slept(number: u32) -> Option<Completion> {
    Some(Completion {
        operation: OperationNumber(number),
        outcome: Outcome::Slept,
    })
}

/// Sleeps for ever, one time after the other.
fn sleeper() -> CoreGuest<'static> {
    CoreGuest {
        run: "(call $again)",
        callback: "(call $again)",
        items: "(func $again (result i32)
            (global.set $task
                (i32.shr_u (call $sleep (i32.const 16) (i32.const 4) (i64.const 10)) (i32.const 4)))
            (call $join (global.get $task) (global.get $set))
            (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))",
        ..CoreGuest::default()
    }
}

/// Blocks its stack in every sleep, which is what a guest without async does.
fn blocker() -> CoreGuest<'static> {
    CoreGuest {
        run: "(loop $again (call $sleep_sync (i32.const 16) (i32.const 4) (i64.const 10)) (br $again)) unreachable",
        ..CoreGuest::default()
    }
}

/// Returns one activation on a thread of its own.
fn elsewhere(mut instance: Instance, number: u32) -> Instance {
    let moved = thread::spawn(move || {
        let made = block_on(instance.activate(Time(2_000).into(), slept(number)));
        assert_eq!(made.unwrap().activation.operations.len(), 1);
        instance
    });
    moved.join().unwrap()
}

#[test]
fn an_instance_is_polled_on_one_thread_and_then_on_another() {
    for guest in [sleeper(), blocker()] {
        let mut run = Run::of(guest.program());
        run.start();
        let mut instance = run.instance.take().unwrap();
        for number in 0..6 {
            instance = if number % 2 == 0 {
                elsewhere(instance, number)
            } else {
                block_on(instance.activate(Time(2_000).into(), slept(number))).unwrap();
                instance
            };
        }
    }
}

#[test]
fn two_instances_take_turns_on_one_thread() {
    let program = blocker().program();
    let mut first = Run::of(program.clone());
    let mut second = Run::of(program);
    first.start();
    second.start();
    for number in 0..4 {
        first.complete(2_000, number, Outcome::Slept);
        second.complete(2_000, number, Outcome::Slept);
    }
    assert_eq!(first.journal, second.journal);
}

#[test]
fn an_instance_is_dropped_before_it_started_while_it_waits_and_when_it_is_done() {
    for guest in [sleeper(), blocker()] {
        let mut run = Run::of(guest.program());
        drop(run.launch());
        run.start().evict();
        let dropped = run.rebuild().unwrap();
        thread::spawn(move || drop(dropped)).join().unwrap();
    }
    let done = CoreGuest {
        run: &format!("{SLEEP} {RETURN} {WAIT}"),
        ..CoreGuest::default()
    };
    let mut run = Run::of(done.program());
    run.start().evict();
}

/// Returns a program in an engine of its own, with this many slots.
fn pooled(slots: u32, guest: &CoreGuest<'_>) -> Program {
    let engine = Engine::new(&Config { slots }).unwrap();
    let component = guest.component();
    let version = VersionId::of(&component);
    let code = engine.precompile(&component).unwrap();
    let sealed = seal(&SEAL, engine.fingerprint(), version, None, &code);
    open(&engine, &SEAL, version, &sealed, None).unwrap()
}

fn start(program: &Program) -> Result<Instance, Interruption> {
    let mut instance = program.launch(instance_parts(Payload::default())).unwrap();
    block_on(instance.activate(Time(1_000).into(), None)).map(|_| instance)
}

#[test]
fn a_full_pool_says_so_and_has_room_again() {
    let program = pooled(2, &sleeper());
    let first = start(&program).unwrap();
    let _second = start(&program).unwrap();
    let third = start(&program);
    assert!(matches!(third, Err(Interruption::PoolFull)), "{third:?}");
    drop(first);
    start(&program).unwrap();
}

#[test]
fn instances_that_fill_the_pool_all_go_on() {
    for guest in [sleeper(), blocker()] {
        let program = pooled(3, &guest);
        let mut instances: Vec<_> = (0..3).map(|_| start(&program).unwrap()).collect();
        for number in 0..3 {
            for instance in &mut instances {
                block_on(instance.activate(Time(2_000).into(), slept(number))).unwrap();
            }
        }
    }
}
