//! Random sequences of operations, on both stores at once, which must agree row by row, and on one that fails.

mod model;
mod operations;

use std::sync::Arc;

use dormouse_journal::RunId;
use futures::FutureExt;

use self::model::Model;
use self::operations::{SeededRng, next};
use crate::commits::Later;
use crate::support::{Inline, Machine, StoreKind, World, run};

/// How many seeds are tried unless `DORMOUSE_SEEDS` says otherwise, of how many operations each.
const SEEDS: u64 = 200;
const LENGTH: u32 = 60;

/// Names the seed of a sequence that fails.
struct Named(u64);

impl Drop for Named {
    #[allow(clippy::print_stderr, reason = "it is how a failing seed is known")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed is {}", self.0);
        }
    }
}

/// Calls a check with every seed, or with the one that `DORMOUSE_SEED` names.
fn with_seeds(check: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds = match number("DORMOUSE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("DORMOUSE_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let _named = Named(seed);
        check(seed);
    }
}

#[test]
fn both_stores_do_the_same() {
    with_seeds(|seed| {
        let mut rng = SeededRng::new(seed);
        let (redb, memory) = (World::new(StoreKind::Redb), World::new(StoreKind::Memory));
        let mut model = Model::default();
        let (mut runs, mut made, mut now) = (Vec::<RunId>::new(), 0, 1_000);
        for _ in 0..LENGTH {
            if rng.once_in(3) {
                now += u64::from(rng.below(400));
                redb.at(now);
                memory.at(now);
            }
            let happens = next(&memory, &mut rng, &mut runs, &mut made);
            let came = run(happens.to(&*memory.store)).unwrap();
            assert_eq!(run(happens.to(&*redb.store)).unwrap(), came, "{happens:?}");
            model.follow(&happens, &came);
        }
        model.check(&memory);
        model.check(&redb);
        for world in [&redb, &memory] {
            let commits = world.store.commits();
            assert!(commits.rows_max <= 4_096, "{commits:?}");
            assert!(commits.bytes_max <= 64 << 20, "{commits:?}");
        }
        let (redb, memory) = (redb.opened.dump(), memory.opened.dump());
        for (redb, memory) in redb.iter().zip(&memory) {
            assert_eq!(redb, memory);
        }
        assert_eq!(redb.len(), memory.len());
    });
}

/// Writes come together and become durable in any order, commits fail, and power is lost.
#[test]
fn acknowledged_writes_survive_every_failure() {
    with_seeds(|seed| {
        let mut rng = SeededRng::new(seed);
        let machine = Machine::new(StoreKind::Memory);
        let Machine::Memory(memory) = &machine else {
            panic!("it is in memory");
        };
        let mut world = World::on(machine.clone(), Arc::new(Inline));
        memory.faults().reorder(seed);
        let mut model = Model::default();
        let (mut runs, mut made, mut now) = (Vec::<RunId>::new(), 0, 1_000);
        for _ in 0..LENGTH / 6 {
            now += u64::from(rng.below(400));
            world.at(now);
            let count = 1 + rng.below(8);
            let happen: Vec<_> = (0..count)
                .map(|_| next(&world, &mut rng, &mut runs, &mut made))
                .collect();
            let fails = rng.once_in(3);
            if fails {
                memory.faults().fail_after(u64::from(rng.below(3)));
            }
            let later = Arc::new(Later::default());
            let store = machine
                .open(world.clock.clone(), later.clone())
                .map(|opened| opened.store());
            // Opening may be what fails; then nothing was acknowledged.
            if let Ok(store) = store {
                let all: Vec<_> = happen.iter().map(|one| one.to(&*store)).collect();
                let mut all = Box::pin(futures::future::join_all(all));
                // A large retry has several writes, one after the other.
                let came = loop {
                    later.now();
                    if let Some(came) = all.as_mut().now_or_never() {
                        break came;
                    }
                };
                let mut acknowledged: Vec<_> = happen.iter().zip(came).collect();
                // A request is followed before the activation that takes it.
                acknowledged
                    .sort_by_key(|(one, _)| matches!(one, operations::TestAction::Activate(..)));
                for (one, came) in acknowledged {
                    if let Ok(came) = came {
                        model.follow(one, &came);
                    }
                }
            }
            memory.lose_power();
            world.reopen();
            model.check(&world);
        }
    });
}
