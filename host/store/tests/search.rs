//! Finding runs by every condition, page by page.

use std::collections::BTreeSet;

use bytes::Bytes;
use dormouse_journal::{
    Awaited, End, Failure, Kind, OperationNumber, RunId, Status, Time, VersionId,
};
use dormouse_store::rows::{Part, RowsMut};
use dormouse_store::{Deploy, RunQuery, RunView, TableId, TimeRange};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::labels::labels;
use crate::on_both_grounds;
use crate::support::{Machine, RETENTION, StoreKind, World, activation, run, wait_event};

on_both_grounds! {
    every_search_finds_what_a_look_at_all_runs_finds,
    a_time_of_creation_is_found_by_itself,
    a_wait_is_found_after_many_other_operations,
}

/// How many runs are searched, and how often.
const RUNS: u32 = 120;
const SEARCHES: u32 = 400;

struct SeededRng(ChaCha8Rng);

impl SeededRng {
    fn below(&mut self, end: u32) -> u32 {
        self.0.next_u32() % end
    }

    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// Returns one of these values, at random once in this many times.
    fn maybe<T: Clone>(&mut self, once_in: u32, of: &[T]) -> Option<T> {
        let of = &of[self.below(u32::try_from(of.len()).unwrap()) as usize];
        self.once_in(once_in).then(|| of.clone())
    }
}

fn deploy(world: &World, name: &str, component: &'static [u8]) {
    let component = Bytes::from_static(component);
    let deploy = Deploy {
        name: name.into(),
        version: VersionId::of(&component),
        component,
        code: Bytes::new(),
    };
    run(world.store.deploy(deploy)).unwrap();
}

fn failure(code: &str) -> Failure {
    Failure {
        code: code.into(),
        message: "m".into(),
    }
}

/// Starts a run at this time, and lets it come to some state.
fn start(world: &World, rng: &mut SeededRng, time: u64) {
    world.at(time);
    let mut start = world.new_start();
    // Its id is older than it is, as that of a start that had to wait.
    let asked = time - u64::from(rng.below(500));
    start.run = RunId::new(
        Time(asked),
        std::array::from_fn(|_| u8::try_from(rng.below(256)).unwrap()),
    );
    start.workflow = if rng.once_in(3) { "v" } else { "w" }.into();
    for text in ["tier:gold", "tier:free", "rare:1", "url:a:b"] {
        let once_in = if text == "rare:1" { 30 } else { 2 };
        if rng.once_in(once_in) {
            start.labels.set(text.parse().unwrap()).unwrap();
        }
    }
    let id = start.run;
    world.begin(start).unwrap();
    world.at(time + u64::from(rng.below(3_000)));
    let mut new = activation(world.now(), None, vec![wait_event(None)]);
    match rng.below(6) {
        0 => return,
        1 => return assert!(run(world.store.block(id, failure("odd"), None)).unwrap()),
        2 => {
            run(world
                .store
                .cancel(id, dormouse_journal::CancelOptions::default(), RETENTION))
            .unwrap();
            return;
        }
        3 => {
            new.activation.end = Some(End::Failed {
                failure: failure(["odd", "even"][rng.below(2) as usize]),
                backtrace: None,
            });
        }
        4 => new.activation.end = Some(End::Completed(dormouse_journal::Payload::default())),
        _ => {}
    }
    world.commit(id, 0, new).unwrap();
}

fn range(rng: &mut SeededRng, last: u64) -> TimeRange {
    let mut time = |once_in| {
        let time = Time(1_000 + u64::from(rng.below(u32::try_from(last).unwrap())));
        rng.once_in(once_in).then_some(time)
    };
    TimeRange {
        since: time(4),
        until: time(4),
    }
}

fn search(rng: &mut SeededRng, last: u64, all: &[RunView]) -> RunQuery {
    let texts: Vec<&str> = ["tier:gold", "tier:free", "rare:1", "url:a:b", "none:0"]
        .into_iter()
        .filter(|_| rng.once_in(6))
        .collect();
    let id = all[rng.below(u32::try_from(all.len()).unwrap()) as usize].id;
    RunQuery {
        workflow: rng.maybe(3, &["v".into(), "w".into(), "none".into()]),
        status: rng.maybe(3, &Status::ALL),
        parent: None,
        version: rng.maybe(4, &[VersionId::of(b"component"), VersionId::of(b"second")]),
        other_than: rng.maybe(6, &[VersionId::of(b"component"), VersionId::of(b"second")]),
        alive: rng.once_in(5),
        labels: texts.iter().map(|text| text.parse().unwrap()).collect(),
        created: if rng.once_in(2) {
            range(rng, last)
        } else {
            TimeRange::default()
        },
        ended: if rng.once_in(4) {
            range(rng, last)
        } else {
            TimeRange::default()
        },
        failure: rng.maybe(6, &["odd".into(), "even".into()]),
        awaited: rng.maybe(6, &[Awaited::Event, Awaited::Sleep]),
        ids: rng.once_in(10).then_some((id, id)),
        before: rng.once_in(6).then_some(id),
        limit: 1 + rng.below(20) as usize,
    }
}

/// Says again what a search is for.
fn is_wanted(query: &RunQuery, view: &RunView) -> bool {
    let within = |range: TimeRange, time: Option<Time>| {
        range == TimeRange::default()
            || time.is_some_and(|time| {
                range.since.is_none_or(|since| time >= since)
                    && range.until.is_none_or(|until| time < until)
            })
    };
    let code = view.state.failure.as_ref().map(|failure| &failure.code);
    query
        .workflow
        .as_ref()
        .is_none_or(|name| *name == view.run.workflow)
        && query
            .status
            .is_none_or(|status| status == view.state.status)
        && query
            .version
            .is_none_or(|version| version == view.run.version)
        && query.other_than != Some(view.run.version)
        && !(query.alive && view.state.status.has_ended())
        && query.labels.iter().all(|label| view.run.labels.has(label))
        && within(query.created, Some(view.run.created))
        && within(query.ended, view.state.ended)
        && (query.failure.is_none() || query.failure.as_ref() == code)
        && query.awaited.is_none_or(|awaited| {
            let waits = view.state.activations > 0 && !view.state.status.has_ended();
            waits && awaited == Awaited::Event
        })
        && query
            .ids
            .is_none_or(|(first, last)| first <= view.id && view.id <= last)
        && query.before.is_none_or(|before| view.id < before)
}

/// Returns all pages of a search.
fn all_pages(world: &World, query: &RunQuery) -> Vec<RunId> {
    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let (page, next) = world.list(&query);
        assert!(page.len() <= query.limit);
        assert!(
            page.len() == query.limit || next.is_none(),
            "a page was short: {query:?}"
        );
        found.extend(page);
        query.before = next;
        if next.is_none() {
            return found;
        }
    }
}

fn every_search_finds_what_a_look_at_all_runs_finds(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let mut rng = SeededRng(ChaCha8Rng::seed_from_u64(7));
    deploy(&world, "v", b"component");
    let mut time = 1_000;
    for number in 0..RUNS {
        if number == RUNS / 2 {
            deploy(&world, "w", b"second");
        }
        time += u64::from(rng.below(4_000));
        start(&world, &mut rng, time.max(2_000));
    }
    let all = RunQuery {
        limit: 1_000,
        ..RunQuery::default()
    };
    let mut all = run(world.store.runs(all)).unwrap().runs;
    all.sort_by_key(|view| std::cmp::Reverse(view.id));
    assert_eq!(all.len(), RUNS as usize);
    let mut sizes = BTreeSet::new();
    for _ in 0..SEARCHES {
        let query = search(&mut rng, time, &all);
        let wanted = all.iter().filter(|view| is_wanted(&query, view));
        let wanted: Vec<RunId> = wanted.map(|view| view.id).collect();
        assert_eq!(all_pages(&world, &query), wanted, "{query:?}");
        sizes.insert(wanted.len());
    }
    assert!(sizes.len() > 10, "most searches find nothing: {sizes:?}");
}

/// Whoever copies a date from a list must find what has it, although its id is older.
fn a_time_of_creation_is_found_by_itself(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let mut start = world.new_start();
    world.at(100_000);
    start.run = RunId::new(Time(41_000), [0; 10]);
    let id = start.run;
    world.begin(start).unwrap();
    let find = |since: u64, until: u64| {
        let created = TimeRange {
            since: Some(Time(since)),
            until: Some(Time(until)),
        };
        let query = RunQuery {
            created,
            limit: 10,
            ..RunQuery::default()
        };
        world.list(&query).0
    };
    assert_eq!(find(100_000, 100_001), [id]);
    assert_eq!(find(99_000, 100_000), []);
    assert_eq!(find(100_001, 200_000), []);
}

/// The first operations of a run lie in its own row, and the others do not.
fn a_wait_is_found_after_many_other_operations(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let waits = |kind: Option<Kind>| {
        let mut kinds = vec![wait_event(None); 20];
        kinds.extend(kind);
        world.run_with(kinds)
    };
    let sleep = Kind::Sleep { duration: 1_000 };
    let sleeper = waits(Some(sleep));
    world.at(world.now().0 + 1_000);
    let other = waits(None);
    let find = |awaited| {
        let query = RunQuery {
            awaited: Some(awaited),
            limit: 10,
            ..RunQuery::default()
        };
        world.list(&query).0
    };
    assert_eq!(find(Awaited::Sleep), [sleeper]);
    assert_eq!(find(Awaited::Event), [other, sleeper]);
    assert_eq!(find(Awaited::Call), []);
    // What was given up waits for nothing.
    let given_up = Kind::Abandon {
        operations: vec![OperationNumber(21)],
        dropped: false,
    };
    let next = activation(world.now(), None, vec![given_up]);
    world.commit(sleeper, 1, next).unwrap();
    assert_eq!(find(Awaited::Sleep), []);
    let options = dormouse_journal::CancelOptions::default();
    run(world.store.cancel(sleeper, options, RETENTION)).unwrap();
    assert_eq!(find(Awaited::Event), [other]);
}

/// Returns a store in memory with copies of a run, each with the id that follows. `and` writes what else each has.
fn with_copies(count: u64, and: impl Fn(&mut dyn RowsMut, u64, &RunId)) -> (World, Vec<RunId>) {
    let world = World::new(StoreKind::Memory);
    let Machine::Memory(memory) = &world.machine else {
        panic!("it is in memory");
    };
    world.start();
    let dump = world.opened.dump().into_iter();
    let mut rows = dump.filter(|(table, ..)| *table == "runs");
    let (_, _, row) = rows.next().unwrap();
    let ids: Vec<RunId> = (0..count)
        .map(|number| RunId::new(Time(2_000 + number), [0; 10]))
        .collect();
    memory.change(|rows| {
        for (number, id) in (0..).zip(&ids) {
            rows.write(TableId::Runs, &[Part::Run(&id.0)], &row)
                .unwrap();
            let key = [Part::Text("w"), Part::Run(&id.0)];
            rows.write(TableId::RunsByWorkflow, &key, &[]).unwrap();
            and(rows, number, id);
        }
    });
    (world, ids)
}

#[test]
fn a_rare_entry_in_one_index_skips_frequent_entries_of_another() {
    let label = |rows: &mut dyn RowsMut, number: u64, id: &RunId| {
        if number == 3 {
            let key = [Part::Text("rare:1"), Part::Run(&id.0)];
            rows.write(TableId::RunsByLabel, &key, &[]).unwrap();
        }
    };
    let (world, ids) = with_copies(30_000, label);
    let query = RunQuery {
        workflow: Some("w".into()),
        labels: vec!["rare:1".parse().unwrap()],
        limit: 10,
        ..RunQuery::default()
    };
    assert_eq!(
        world.list(&query),
        (vec![ids[3]], None),
        "on the first page"
    );
}

#[test]
fn a_page_looks_at_a_bounded_number_of_runs_and_says_where_to_go_on() {
    let (world, ids) = with_copies(30_000, |_, _, _| {});
    let Machine::Memory(memory) = &world.machine else {
        panic!("it is in memory");
    };
    let failed = ids[7];
    memory.change(|rows| {
        let mut row = Vec::new();
        let key = [Part::Run(&failed.0)];
        rows.read(TableId::Runs, &key, &mut |found| row = found.to_vec())
            .unwrap();
        let (old, new) = (VersionId::of(b"component"), VersionId::of(b"second"));
        let place = row.windows(32).position(|part| part == old.0).unwrap();
        row[place..place + 32].copy_from_slice(&new.0);
        rows.write(TableId::Runs, &key, &row).unwrap();
    });
    let mut query = RunQuery {
        version: Some(VersionId::of(b"second")),
        limit: 10,
        ..RunQuery::default()
    };
    let mut pages = 0;
    loop {
        let (found, next) = world.list(&query);
        pages += 1;
        match next {
            Some(next) => {
                assert_eq!(found, [], "page {pages}");
                assert!(query.before.is_none_or(|before| next < before));
                query.before = Some(next);
            }
            None => {
                assert_eq!(found, [failed]);
                break;
            }
        }
    }
    assert!((3..=12).contains(&pages), "{pages} pages for 30,000 runs");
}

#[test]
fn labels_of_a_search_are_whole() {
    let world = World::new(StoreKind::Memory);
    let mut start = world.new_start();
    start.labels = labels(&["a:1", "b:2"]);
    let id = start.run;
    world.begin(start).unwrap();
    let find = |texts: &[&str]| {
        let query = RunQuery {
            labels: texts.iter().map(|text| text.parse().unwrap()).collect(),
            limit: 10,
            ..RunQuery::default()
        };
        world.list(&query).0
    };
    assert_eq!(find(&["a:1"]), [id]);
    assert_eq!(find(&["a:1", "b:2"]), [id]);
    assert_eq!(find(&["a:1", "b:1"]), []);
    assert_eq!(find(&["a:"]), []);
    assert_eq!(find(&["a:11"]), []);
}
