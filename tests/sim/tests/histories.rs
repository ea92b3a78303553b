//! The history of a run that continues as new while it is read: it is of one generation, and is either
//! complete or ends early.

use dormouse_journal::{Activation, HistoryHead, RunId, generation_key};
use dormouse_runtime::{RunHistory, Runtime};
use dormouse_sim::{StoreKind, World, on_both};
use serde_json::{Value, json};

/// The number of activations of each generation after its first. They are more than are read at once.
const SLEEPS: u64 = 40;

/// The duration of each sleep, in milliseconds.
const SLEEP: u64 = 10;

fn starts(world: &World, host: &Runtime, generations: u32) -> RunId {
    let each = json!({"repeat": SLEEPS, "do": {"sleep": SLEEP}});
    let script = json!({"generations": generations, "do": each});
    world.start(host, "script", &script)
}

fn begin(world: &World, host: &Runtime, run: RunId) -> (HistoryHead, RunHistory) {
    world.run(host.history(run)).unwrap().unwrap()
}

fn next(world: &World, history: &mut RunHistory) -> Option<Vec<Activation>> {
    world.run(history.next()).unwrap()
}

/// Checks that the head is that of one generation.
fn check_head(world: &World, run: RunId, head: &HistoryHead) -> u32 {
    let input: Value = serde_json::from_slice(&head.input.body).unwrap();
    let results = input["results"].as_array().map_or(0, Vec::len);
    let generation = u32::try_from(results).unwrap();
    let key = world.reading().view(run).unwrap().unwrap().run.key;
    assert_eq!(head.key, generation_key(key, generation));
    let each = u32::try_from(SLEEPS + 1).unwrap();
    assert_eq!(head.first_activation, generation * each);
    assert_eq!(head.first.0.0, generation * (each - 1));
    generation
}

fn a_history_is_of_one_generation_whenever_it_is_read(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 5, |settings| {
        settings.rebuild_after_step = true;
    });
    let run = starts(&world, &host, 4);
    let mut generations = Vec::new();
    while !world.status(run).has_ended() {
        world.pass(SLEEP / 3);
        let (head, mut history) = begin(&world, &host, run);
        let generation = check_head(&world, run, &head);
        let mut read = Vec::new();
        while let Some(piece) = next(&world, &mut history) {
            read.extend(piece);
            // The run continues between two pieces.
            world.pass(SLEEP / 3);
        }
        let is_whole = read.len() == head.activations as usize;
        assert!(is_whole || world.reading().state(run).unwrap().unwrap().generation > generation);
        // A generation begins without a completion, and only its first record has none.
        let begin = read.iter().filter(|made| made.completion.is_none());
        assert_eq!(begin.count(), usize::from(!read.is_empty()));
        if is_whole {
            generations.push(generation);
        }
    }
    generations.dedup();
    assert_eq!(generations, [0, 1, 2, 3]);
}

fn a_history_is_broken_off_when_its_generation_ends(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 5, |_| {});
    let run = starts(&world, &host, 3);
    world.pass(SLEEP * (SLEEPS - 1) + 5);
    let (head, mut history) = begin(&world, &host, run);
    assert!(head.activations > 35, "{}", head.activations);
    let first = next(&world, &mut history).unwrap();
    assert!(first.len() < head.activations as usize);
    // The rest of the first generation is removed, and the next one has more activations than the first had.
    world.pass(2 * SLEEP * SLEEPS);
    let state = world.reading().state(run).unwrap().unwrap();
    assert_eq!(state.generation, 2);
    assert_eq!(next(&world, &mut history), None);
}

on_both! {
    a_history_is_of_one_generation_whenever_it_is_read,
    a_history_is_broken_off_when_its_generation_ends,
}
