//! The processor time of the store's transactions and reads. The store is in memory, so no disk is involved.
//! `examples/dormant.rs` measures the cost of dormant runs on a disk.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot go on ends"
)]

#[path = "../../store/tests/support/mod.rs"]
mod support;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dormouse_journal::{Channel, Delivery, Kind, Outcome, RunId, Source, Time, WebhookOptions};
use dormouse_store::{Accept, NewActivation, StartRun, Store};
use support::{HOOK, MAIL, RETENTION, StoreKind, World, activation, run, wait};

/// The number of runs in the store before anything is measured. It gives the B-trees the depth that larger stores have.
const RUNS: u64 = 20_000;

/// Runs that wait for a webhook.
struct Waiting {
    world: World,
    start: StartRun,
    count: u64,
}

impl Waiting {
    fn new() -> Self {
        let world = World::new(StoreKind::Redb);
        let start = world.new_start();
        let mut waiting = Waiting {
            world,
            start,
            count: 0,
        };
        for _ in 0..RUNS {
            let start = waiting.next();
            waiting.start(start);
        }
        waiting
    }

    fn store(&self) -> &dyn Store {
        &*self.world.store
    }

    fn next(&mut self) -> StartRun {
        self.count += 1;
        StartRun {
            run: id(self.count),
            ..self.start.clone()
        }
    }

    /// Starts a run and lets it wait: two commits.
    fn start(&self, start: StartRun) {
        let id = start.run;
        let create = Kind::CreateWebhook {
            webhook: HOOK,
            url: format!("https://hooks.example.com/hooks/{}", "t".repeat(56)),
            options: WebhookOptions::default(),
        };
        let first = activation(self.world.now(), None, vec![create, wait(Some(60_000))]);
        run(self.store().start_run(start, Box::new(|_| None))).unwrap();
        self.activate(id, 0, first);
    }

    /// Returns the next request for a run that has taken this many requests.
    fn request(&self, id: RunId, taken: u32) -> (Accept, NewActivation) {
        let accept = self.world.request(id, "{\"paid\":true}");
        let delivery = Delivery {
            id: accept.id.clone(),
            accepted: self.world.now(),
            request: accept.request.clone(),
        };
        let source = Source::Arrival {
            channel: Channel::Webhook(HOOK),
            place: u64::from(taken),
        };
        let delivered = (taken + 1, Outcome::Delivery(Some(delivery)), source);
        let new = activation(self.world.now(), Some(delivered), vec![wait(Some(60_000))]);
        (accept, new)
    }

    /// Accepts a request and delivers it: two commits.
    fn wake(&self, id: RunId, taken: u32, accept: Accept, new: NewActivation) {
        run(self.store().accept(accept, Box::new(|_| None))).unwrap();
        self.activate(id, taken + 1, new);
    }

    fn activate(&self, id: RunId, number: u32, new: NewActivation) {
        let activated = self.store().activate(id, number, new, RETENTION, MAIL);
        run(activated).unwrap().unwrap();
    }
}

fn id(number: u64) -> RunId {
    RunId::new(Time(number), [0; 10])
}

/// Returns the runs' numbers in a scattered order, each number once.
fn scattered(number: u64) -> u64 {
    1 + number * 7_919 % RUNS
}

fn transactions(criterion: &mut Criterion) {
    let mut waiting = Waiting::new();
    criterion.bench_function("start a run and let it wait", |bencher| {
        bencher.iter(|| {
            let start = waiting.next();
            waiting.start(start);
        });
    });
    let mut requests = 0;
    criterion.bench_function("wake a run and let it wait again", |bencher| {
        bencher.iter_batched(
            || {
                let id = id(scattered(requests % RUNS));
                let taken = u32::try_from(requests / RUNS).unwrap();
                requests += 1;
                let (accept, new) = waiting.request(id, taken);
                (id, taken, accept, new)
            },
            |(id, taken, accept, new)| waiting.wake(id, taken, accept, new),
            BatchSize::PerIteration,
        );
    });
}

fn reads(criterion: &mut Criterion) {
    let waiting = Waiting::new();
    let mut number = 0;
    let mut next = move || {
        number += 1;
        id(scattered(number % RUNS))
    };
    criterion.bench_function("read where a run stands", |bencher| {
        bencher.iter(|| run(waiting.store().state(next())));
    });
    criterion.bench_function(
        "read a run with all that decides what comes next",
        |bencher| {
            bencher.iter(|| run(waiting.store().run_to_continue(next())));
        },
    );
    criterion.bench_function("read a webhook", |bencher| {
        bencher.iter(|| run(waiting.store().incoming(next(), HOOK)));
    });
    criterion.bench_function("read a run's webhooks with their URLs", |bencher| {
        bencher.iter(|| run(waiting.store().webhooks(next(), 10)));
    });
}

criterion_group!(benches, transactions, reads);
criterion_main!(benches);
