//! Generated workflows, and everything that may happen to them, against the model of what must happen.
//!
//! A fixed set of seeds runs every time, and a few fresh ones. `DORMOUSE_SEED=7` runs one seed again, and
//! `DORMOUSE_SEEDS=1000` as many fresh ones. A case that fails is made smaller before it is printed.

use std::hash::{BuildHasher, RandomState};

use dormouse_sim::{Case, Numbers, drive, generate, shrink};

/// How many seeds are tried every time: these, from 0, and as many fresh ones.
const FIXED: u64 = 60;
const FRESH: u64 = 20;

#[test]
fn whatever_happens_nothing_is_lost() {
    let setting = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds: Vec<u64> = match (setting("DORMOUSE_SEED"), setting("DORMOUSE_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(count)) => fresh(count),
        (None, None) => (0..FIXED).chain(fresh(FRESH)).collect(),
    };
    let mut all = Numbers::default();
    for seed in &seeds {
        let case = generate(*seed);
        match drive(&case) {
            Ok(numbers) => {
                all.runs += numbers.runs;
                all.requests += numbers.requests;
                all.crashes += numbers.crashes;
                all.activations += numbers.activations;
                all.made_again += numbers.made_again;
                all.time += numbers.time;
            }
            Err(failure) => fail(case, failure),
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

#[test]
fn a_seed_gives_the_same_bytes_on_the_disk_again() {
    for seed in 0..3 {
        let case = generate(seed);
        assert_eq!(drive(&case).unwrap(), drive(&case).unwrap(), "seed {seed}");
    }
    let disks = [0, 1].map(|seed| drive(&generate(seed)).unwrap().disk);
    assert_ne!(disks[0], disks[1]);
}

/// Seeds that nobody has tried, from the system's randomness.
fn fresh(count: u64) -> Vec<u64> {
    (0..count)
        .map(|number| RandomState::new().hash_one(number))
        .collect()
}

fn fail(case: Case, failure: String) {
    let seed = case.seed;
    println!("seed {seed} fails: {failure}\nMaking it smaller.");
    let (smallest, failure) = shrink(case, failure, |case| drive(case).err());
    for (run, script) in smallest.scripts.iter().enumerate() {
        println!("run {run}: {script}");
    }
    panic!(
        "seed {seed} fails (DORMOUSE_SEED={seed} runs it again): {failure}\nThe smallest case found: {smallest:#?}"
    );
}
