//! What the engine itself costs: a new instance, one activation of a warm one, and the replay of journals of several
//! lengths. The guests are those of the tests, so `cargo xtask build --guests-only` comes first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on fails"
)]

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../tests/engine/harness.rs"]
mod harness;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use dormouse_engine::{CpuClock, Instance};
use dormouse_journal::{Activation, Completion, Delivery, OperationNumber, Outcome, Request, Time};
use harness::{Run, START, block_on, program};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// A new instance, up to where it first waits.
#[divan::bench(args = ["bare", "script"])]
fn instantiate(bencher: Bencher<'_, '_>, guest: &str) {
    let run = match guest {
        "script" => script(sleeps(1)),
        other => Run::of(program(other)).with(|launch| launch.cpu = Arc::new(ThreadTime)),
    };
    bencher.bench_local(|| {
        let mut instance = run.launch();
        block_on(instance.activate(Time(START), None)).unwrap();
        instance
    });
}

/// One new activation of a warm instance: a wait ends, and the next begins.
#[divan::bench(args = KINDS)]
fn activate(bencher: Bencher<'_, '_>, kind: &Kind) {
    let mut waiting = Waiting::start(&script(kind.script(u32::MAX)), kind);
    bencher.bench_local(|| waiting.next());
}

/// Bringing a run back that has waited so often.
#[divan::bench(args = [10, 100, 1_000, 10_000, 100_000], sample_count = 10)]
fn replay_sleeps(bencher: Bencher<'_, '_>, waits: u32) {
    replay(bencher, &KINDS[0], waits);
}

/// The same where each wait brought a request. The guest keeps them all, and has memory for no more than these.
#[divan::bench(args = [10, 100, 1_000, 10_000], sample_count = 10)]
fn replay_deliveries(bencher: Bencher<'_, '_>, waits: u32) {
    replay(bencher, &KINDS[1], waits);
}

fn replay(bencher: Bencher<'_, '_>, kind: &Kind, waits: u32) {
    let run = script(kind.script(waits));
    let mut waiting = Waiting::start(&run, kind);
    let mut journal = vec![waiting.first.clone()];
    journal.extend((1..waits).map(|_| waiting.next()));
    bencher
        .counter(ItemsCount::new(waits))
        .with_inputs(|| journal.clone())
        .bench_local_values(|journal| {
            let mut instance = run.launch();
            for activation in journal {
                block_on(instance.replay(activation)).unwrap();
            }
            instance
        });
}

/// What a run waits for.
struct Kind {
    name: &'static str,
    script: fn(u32) -> Value,
    outcome: fn() -> Outcome,
    /// The number of the first wait.
    first: u32,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "sleeps",
        script: sleeps,
        outcome: || Outcome::Slept,
        first: 0,
    },
    Kind {
        name: "deliveries",
        script: deliveries,
        outcome: delivered,
        first: 1,
    },
];

impl Kind {
    fn script(&self, waits: u32) -> Value {
        (self.script)(waits)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn sleeps(waits: u32) -> Value {
    json!({"repeat": waits, "do": {"sleep": 1}})
}

fn deliveries(waits: u32) -> Value {
    json!({"seq": [{"webhook": "a"}, {"repeat": waits, "do": {"wait": "a"}}]})
}

fn delivered() -> Outcome {
    let header =
        |name: &str, value: &'static str| (name.into(), Bytes::from_static(value.as_bytes()));
    Outcome::Delivery(Some(Delivery {
        id: "019a4b3c-5d6e-7f80-9123-456789abcdef".into(),
        accepted: Time(START),
        request: Request {
            method: "POST".into(),
            url: "https://host.example/hooks/0".into(),
            headers: vec![
                header("content-type", "application/json"),
                header("user-agent", "benchmark/1"),
            ],
            body: Bytes::from_static(br#"{"status":"paid"}"#),
        },
    }))
}

fn script(script: Value) -> Run {
    Run::script(script).with(|launch| launch.cpu = Arc::new(ThreadTime))
}

/// A run that waits.
struct Waiting {
    instance: Instance,
    first: Activation,
    outcome: fn() -> Outcome,
    next: u32,
}

impl Waiting {
    fn start(run: &Run, kind: &Kind) -> Self {
        let mut instance = run.launch();
        let decision = block_on(instance.activate(Time(START), None)).unwrap();
        Waiting {
            instance,
            first: decision.activation,
            outcome: kind.outcome,
            next: kind.first,
        }
    }

    fn next(&mut self) -> Activation {
        let completion = Completion {
            operation: OperationNumber(self.next),
            outcome: (self.outcome)(),
        };
        self.next += 1;
        let time = Time(START + u64::from(self.next));
        let activated = self.instance.activate(time, Some(completion));
        block_on(activated).unwrap().activation
    }
}

/// The clock that a host has.
struct ThreadTime;

impl CpuClock for ThreadTime {
    fn thread_time(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or_default(),
            u32::try_from(time.tv_nsec).unwrap_or_default(),
        )
    }
}
