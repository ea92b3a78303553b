//! CPU time: it is counted across polls and for each activation, and a replay never fails a run for it.

use std::pin::pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use dormouse_engine::{InstanceParts, Interruption};
use dormouse_journal::{End, Outcome, Time};
use serde_json::json;

use crate::core_guest::{CoreGuest, SLEEP, WAIT};
use crate::harness::{CountedTurns, Run, SteppingCpu, allow, check_failure, engine};

/// Keeps the other tests of this file waiting. All share an engine, and a tick that one asks for would reach a guest of
/// another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the engine tick while something is done.
fn ticking<T>(body: impl FnOnce() -> T) -> T {
    let (running, stopped) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let interval = Duration::from_micros(200);
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                engine().tick();
            }
        });
        // Dropped when the body is done, also when it panics.
        let _running = running;
        body()
    })
}

/// Every look at the clock costs 10 ms, and 50 may be used.
fn small_budget(parts: &mut InstanceParts) {
    parts.cpu = SteppingCpu::new(Duration::from_millis(10));
    allow(parts, |limits| {
        limits.cpu = 50;
    });
}

#[test]
fn a_guest_that_never_yields_is_stopped() {
    let _alone = alone();
    let run = Run::script(json!({"spin": true})).with(small_budget);
    ticking(|| check_failure(run, "cpu-limit", &["50ms", "cpu-limit"]));
}

/// Whichever look at the clock is the one that finds the budget used up.
#[test]
fn a_guest_that_never_yields_is_shown_where_it_was_stopped() {
    let _alone = alone();
    for budget in (50..150).step_by(10) {
        let mut run = Run::script(json!({"spin": true}))
            .with(small_budget)
            .with(move |parts| allow(parts, |limits| limits.cpu = budget));
        let end = ticking(|| run.start().last().activation.end.clone());
        let Some(End::Failed { failure, backtrace }) = end else {
            panic!("{end:?}")
        };
        assert_eq!(failure.code, "cpu-limit");
        let backtrace = backtrace.unwrap_or_default();
        assert!(backtrace.contains("interpreter"), "{budget}: {backtrace:?}");
    }
}

/// Without any tick: what counts is the sum over its polls.
#[test]
fn a_guest_that_yields_for_ever_is_stopped() {
    let _alone = alone();
    let yields = CoreGuest {
        run: "(i32.const 1)",
        callback: "(i32.const 1)",
        ..CoreGuest::default()
    };
    let run = Run::of(yields.program()).with(small_budget);
    check_failure(run, "cpu-limit", &["cpu-limit"]);
}

#[test]
fn a_guest_that_spins_lets_others_have_a_turn() {
    let _alone = alone();
    let run = Run::script(json!({"spin": true})).with(|parts| {
        small_budget(parts);
        allow(parts, |limits| {
            limits.cpu = 500;
        });
    });
    let mut instance = run.launch();
    let turns = ticking(|| {
        let mut future = pin!(instance.activate(Time(1_000).into(), None));
        let mut context = Context::from_waker(Waker::noop());
        (0..).find(|_| future.as_mut().poll(&mut context).is_ready())
    });
    assert!(turns.unwrap() > 3, "{turns:?}");
}

/// A look would cost a second, of 50 ms that may be used.
#[test]
fn an_activation_that_is_over_before_a_tick_is_not_measured() {
    let _alone = alone();
    let mut run = Run::script(json!({"seq": [{"sleep": 1}, {"sleep": 1}]}))
        .with(small_budget)
        .with(|parts| parts.cpu = SteppingCpu::new(Duration::from_secs(1)));
    run.start().complete(2_000, 0, Outcome::Slept);
    assert_eq!(run.last().activation.end, None);
}

/// Wakes itself three times in each activation, then sleeps.
fn yields_thrice() -> Run {
    let guest = CoreGuest {
        items: "(global $left (mut i32) (i32.const 3))",
        run: "(i32.const 1)",
        callback: &format!(
            "(if (result i32) (global.get $left)
                (then (global.set $left (i32.sub (global.get $left) (i32.const 1))) (i32.const 1))
                (else (global.set $left (i32.const 3)) {SLEEP} {WAIT}))"
        ),
        ..CoreGuest::default()
    };
    Run::of(guest.program())
}

#[test]
fn each_activation_has_the_whole_budget() {
    let _alone = alone();
    let mut run = yields_thrice().with(|parts| {
        small_budget(parts);
        allow(parts, |limits| {
            limits.cpu = 100;
        });
    });
    run.start();
    for number in 0..5 {
        run.complete(2_000, number, Outcome::Slept);
        assert_eq!(run.last().activation.end, None);
    }
}

#[test]
fn a_slow_replay_is_the_hosts_trouble_and_not_the_runs() {
    let _alone = alone();
    let mut run = yields_thrice();
    run.start().complete(2_000, 0, Outcome::Slept);
    let run = run.with(small_budget).with(|parts| {
        parts.cpu = SteppingCpu::new(Duration::from_secs(1));
    });
    let replayed = run.rebuild();
    let Err(Interruption::Host(text)) = replayed else {
        panic!("{replayed:?}")
    };
    assert!(text.contains("CPU time"), "{text}");
}

#[test]
fn an_activation_can_be_dropped_in_the_middle() {
    let _alone = alone();
    let run = Run::script(json!({"spin": true})).with(small_budget);
    let mut instance = run.launch();
    ticking(|| {
        let mut future = pin!(instance.activate(Time(1_000).into(), None));
        let polled = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
    });
    drop(instance);
}

/// A look at the clock costs 10 ms, so that a poll that is measured is a long one.
#[test]
fn a_guest_that_computes_for_long_executes_only_when_it_is_its_turn() {
    let _alone = alone();
    let turns = CountedTurns::up_to(2);
    let given = turns.clone();
    let run = Run::script(json!({"spin": true})).with(move |parts| {
        small_budget(parts);
        parts.turns = given.clone();
        allow(parts, |limits| {
            limits.cpu = 3_600_000;
        });
    });
    let mut instance = run.launch();
    ticking(|| {
        let mut future = pin!(instance.activate(Time(1_000).into(), None));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..9 {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(turns.asked(), 3, "two slices were given, and none after");
        assert_eq!(turns.taken(), 0, "who waits for a turn has none");
    });
}

#[test]
fn a_guest_that_computes_for_a_moment_asks_for_no_turn() {
    let _alone = alone();
    let turns = CountedTurns::up_to(0);
    let given = turns.clone();
    let mut run = Run::script(json!({"seq": [{"sleep": 1}, {"sleep": 1}]})).with(move |parts| {
        small_budget(parts);
        parts.turns = given.clone();
    });
    run.start().complete(2_000, 0, Outcome::Slept);
    assert_eq!(turns.asked(), 0);
}

#[test]
fn a_guest_that_computes_for_long_keeps_no_turn_while_it_waits() {
    let _alone = alone();
    let turns = CountedTurns::up_to(u32::MAX);
    let given = turns.clone();
    let mut run = yields_thrice().with(move |parts| {
        small_budget(parts);
        parts.turns = given.clone();
        allow(parts, |limits| {
            limits.cpu = 3_600_000;
        });
    });
    run.start();
    let first = turns.asked();
    assert!(first > 0);
    assert_eq!(turns.taken(), 0);
    run.complete(2_000, 0, Outcome::Slept);
    assert!(turns.asked() > first);
    assert_eq!(turns.taken(), 0);
}
