//! The cost of the engine itself: a new instance, one activation of a warm instance, and the replay of journals of
//! several lengths. The guests are those of the tests, so run `cargo xtask build --guests-only` first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a benchmark that cannot go on fails"
)]

#[allow(dead_code, reason = "the tests use all of it")]
#[path = "../tests/engine/harness.rs"]
mod harness;

use std::cell::{LazyCell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dormouse_engine::{CpuClock, Instance};
use dormouse_journal::{Activation, Completion, Delivery, OperationNumber, Outcome, Request, Time};
use harness::{Run, START, block_on, program};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// The number of activations of one instance before a new one takes its place. The operations of a run are limited, and the
/// guest keeps every request that it gets.
const LIFE: u32 = 10_000;

/// Measures making an instance and executing it until it first waits.
fn instantiate(criterion: &mut Criterion) {
    let bare = Run::of(program("bare")).with(|parts| parts.cpu = Arc::new(ThreadTime));
    let mut group = criterion.benchmark_group("instantiate");
    for (guest, run) in [("bare", bare), ("script", script(sleeps(1)))] {
        group.bench_function(guest, |bencher| {
            bencher.iter_batched(
                || (),
                |()| {
                    let mut instance = run.launch();
                    block_on(instance.activate(Time(START).into(), None)).unwrap();
                    instance
                },
                // The instance is dropped before the next one is made, and not in the time that is measured.
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Measures one new activation of a warm instance: a wait ends, and the next begins.
fn activate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activate");
    for kind in KINDS {
        let start = || RefCell::new(Waiting::start(&script(kind.script(u32::MAX)), kind));
        let waiting = LazyCell::new(start);
        group.bench_function(kind.name, |bencher| {
            bencher.iter_batched(
                || {
                    if waiting.borrow().next > LIFE {
                        waiting.swap(&start());
                    }
                },
                |()| waiting.borrow_mut().next(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Measures the replay of runs with several numbers of waits. The guest keeps all requests that it gets, so its memory
/// limits their number.
fn replay(criterion: &mut Criterion) {
    for (kind, waits) in KINDS.iter().zip([
        [10, 100, 1_000, 10_000, 100_000].as_slice(),
        &[10, 100, 1_000, 10_000],
    ]) {
        let mut group = criterion.benchmark_group(format!("replay {}", kind.name));
        group.sample_size(10);
        for &waits in waits {
            let run = script(kind.script(waits));
            let journal = LazyCell::new(|| journal(&run, kind, waits));
            group.throughput(Throughput::Elements(waits.into()));
            group.bench_function(BenchmarkId::from_parameter(waits), |bencher| {
                bencher.iter_batched(
                    || journal.clone(),
                    |journal| {
                        let mut instance = run.launch();
                        for activation in journal {
                            block_on(instance.replay(activation)).unwrap();
                        }
                        instance
                    },
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

/// Returns the journal of a run that has waited this many times.
fn journal(run: &Run, kind: &Kind, waits: u32) -> Vec<Activation> {
    let mut waiting = Waiting::start(run, kind);
    let mut journal = vec![waiting.first.clone()];
    journal.extend((1..waits).map(|_| waiting.next()));
    journal
}

criterion_group!(benches, instantiate, activate, replay);
criterion_main!(benches);

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
    Run::script(script).with(|parts| parts.cpu = Arc::new(ThreadTime))
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
        let decision = block_on(instance.activate(Time(START).into(), None)).unwrap();
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
        let activated = self.instance.activate(time.into(), Some(completion));
        block_on(activated).unwrap().activation
    }
}

/// The processor time of this thread, which the host measures too.
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
