//! Compares generated workflows, and everything that may happen to them, with the model of what must
//! happen.
//!
//! A fixed set of seeds runs every time, and a few new ones. `DORMOUSE_SEED=7` runs one seed again, and
//! `DORMOUSE_SEEDS=1000` runs this many new ones. A case that fails is made smaller before it is printed.

use std::hash::{BuildHasher, RandomState};

use dormouse_sim::{Case, StoreKind, Totals, drive, generate, on_both, shrink};

/// The number of fixed seeds, from 0. `FRESH` is the number of new seeds.
const FIXED: u64 = 60;
const FRESH: u64 = 20;

fn whatever_happens_nothing_is_lost(store_kind: StoreKind) {
    let setting = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match (setting("DORMOUSE_SEED"), setting("DORMOUSE_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => fresh(count),
        (None, None) => (0..FIXED).chain(fresh(FRESH)).collect(),
    };
    let mut all = Totals::default();
    for seed in &seeds {
        // The seed is printed first, so that a case which never ends is known.
        println!("seed {seed}");
        let case = generate(*seed);
        match drive(store_kind, &case) {
            Ok(numbers) => {
                all.runs += numbers.runs;
                all.requests += numbers.requests;
                all.crashes += numbers.crashes;
                all.activations += numbers.activations;
                all.made_again += numbers.made_again;
                all.time += numbers.time;
            }
            Err(failure) => fail(store_kind, case, failure),
        }
    }
    println!(
        "{} seeds, {} simulated hours: {} runs with {} activations, {} made again, {} requests acknowledged, {} crashes",
        seeds.len(),
        all.time / 3_600_000,
        all.runs,
        all.activations,
        all.made_again,
        all.requests,
        all.crashes,
    );
}

fn a_seed_gives_the_same_bytes_again(store_kind: StoreKind) {
    let drive = |seed| drive(store_kind, &generate(seed)).unwrap();
    for seed in 0..3 {
        assert_eq!(drive(seed), drive(seed), "seed {seed}");
    }
    assert_ne!(drive(0).kept, drive(1).kept);
}

/// Returns new seeds, from the system's randomness.
fn fresh(count: u64) -> Vec<u64> {
    (0..count)
        .map(|number| RandomState::new().hash_one(number))
        .collect()
}

fn fail(store_kind: StoreKind, case: Case, failure: String) {
    let seed = case.seed;
    println!("seed {seed} fails on {store_kind:?}: {failure}\nMaking it smaller.");
    let (smallest, failure) = shrink(case, failure, |case| drive(store_kind, case).err());
    for (run, script) in smallest.scripts.iter().enumerate() {
        println!("run {run}: {script}");
    }
    panic!(
        "seed {seed} fails on {store_kind:?} (DORMOUSE_SEED={seed} runs it again): {failure}\nThe smallest case found: {smallest:#?}"
    );
}

on_both! {
    whatever_happens_nothing_is_lost,
    a_seed_gives_the_same_bytes_again,
}
