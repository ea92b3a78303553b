//! Measures the first page of each filter in a store with many runs. It is not a test: it prints the measured values
//! (BENCHMARKS.md).

use std::env;
use std::time::{Duration, Instant};

use dormouse_journal::{
    Awaited, CancelOptions, End, Failure, Payload, RunId, Status, Time, VersionId,
};
use dormouse_store::{RunQuery, TimeRange};

use crate::labels::labels;
use crate::support::{RETENTION, StoreKind, World, activation, run, wait_event};

/// How often each filter is asked for. The median counts.
const TIMES: usize = 21;

/// How large a page is.
const PAGE: usize = 50;

fn failure(code: &str) -> Failure {
    Failure {
        code: code.into(),
        message: "m".into(),
    }
}

/// Starts a run and lets it come to the state whose turn it is.
fn start(world: &World, number: u64) {
    world.at(1_000 + number);
    let mut start = world.new_start();
    start.run = RunId::new(world.now(), std::array::from_fn(|_| 7));
    let customer = format!("customer:{}", number % 1_000);
    let tier = if number.is_multiple_of(2) {
        "tier:gold"
    } else {
        "tier:free"
    };
    start.labels = labels(&[tier, &customer]);
    let id = start.run;
    world.begin(start).unwrap();
    let mut new = activation(world.now(), None, vec![wait_event(None)]);
    match number % 6 {
        0 => return,
        1 => {
            run(world.store.block(id, failure("odd"), None)).unwrap();
            return;
        }
        2 => {
            let options = CancelOptions::default();
            run(world.store.cancel(id, options, RETENTION)).unwrap();
            return;
        }
        3 => {
            new.activation.end = Some(End::Failed {
                failure: failure("even"),
                backtrace: None,
            });
        }
        4 => new.activation.end = Some(End::Completed(Payload::default())),
        _ => {}
    }
    world.commit(id, 0, new).unwrap();
}

/// Returns the filters that `docs/how-to/find-runs.md` names, each by itself.
fn filters(last: u64) -> Vec<(&'static str, RunQuery)> {
    let all = || RunQuery {
        limit: PAGE,
        ..RunQuery::default()
    };
    let label = |text: &str| RunQuery {
        labels: vec![text.parse().unwrap()],
        ..all()
    };
    let status = |status| RunQuery {
        status: Some(status),
        ..all()
    };
    let first_half = TimeRange {
        since: None,
        until: Some(Time(1_000 + last / 2)),
    };
    vec![
        ("none", all()),
        (
            "workflow",
            RunQuery {
                workflow: Some("w".into()),
                ..all()
            },
        ),
        ("status=pending", status(Status::Pending)),
        ("status=suspended", status(Status::Suspended)),
        ("status=blocked", status(Status::Blocked)),
        ("status=completed", status(Status::Completed)),
        ("status=failed", status(Status::Failed)),
        ("status=cancelled", status(Status::Cancelled)),
        ("label, of every second run", label("tier:gold")),
        ("label, of every thousandth run", label("customer:7")),
        ("label, of none", label("customer:none")),
        (
            "two labels, of none together",
            RunQuery {
                labels: vec!["tier:free".parse().unwrap(), "customer:8".parse().unwrap()],
                ..all()
            },
        ),
        (
            "until",
            RunQuery {
                created: first_half,
                ..all()
            },
        ),
        (
            "parent",
            RunQuery {
                parent: Some(RunId([1; 16])),
                ..all()
            },
        ),
        (
            "version, of all",
            RunQuery {
                version: Some(VersionId::of(b"component")),
                ..all()
            },
        ),
        (
            "version, of none (bounded scan)",
            RunQuery {
                version: Some(VersionId([0; 32])),
                ..all()
            },
        ),
        (
            "failure, of every sixth run",
            RunQuery {
                failure: Some("even".into()),
                ..all()
            },
        ),
        (
            "failure, of none (bounded scan)",
            RunQuery {
                failure: Some("none".into()),
                ..all()
            },
        ),
        (
            "ended-until",
            RunQuery {
                ended: first_half,
                ..all()
            },
        ),
        (
            "waiting=event",
            RunQuery {
                awaited: Some(Awaited::Event),
                ..all()
            },
        ),
        (
            "waiting=webhook, of none (bounded scan)",
            RunQuery {
                awaited: Some(Awaited::Webhook),
                ..all()
            },
        ),
    ]
}

/// The median of some times that a search took.
#[expect(
    clippy::disallowed_methods,
    reason = "it measures, and nothing depends on it"
)]
fn measure(world: &World, query: &RunQuery) -> (Duration, usize) {
    let mut found = 0;
    let mut took: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let begun = Instant::now();
            found = run(world.store.runs(query.clone())).unwrap().runs.len();
            begun.elapsed()
        })
        .collect();
    took.sort_unstable();
    (took[TIMES / 2], found)
}

#[test]
#[ignore = "measures: DORMOUSE_MEASURED_RUNS=1000000 cargo nextest run --release -p dormouse-store -E 'test(measures)' --run-ignored only --no-capture"]
fn the_first_page_of_each_filter() {
    let runs = env::var("DORMOUSE_MEASURED_RUNS");
    let runs: u64 = runs.map_or(1_000, |text| text.parse().unwrap());
    let world = World::new(StoreKind::Redb);
    for number in 0..runs {
        start(&world, number);
    }
    for (name, query) in filters(runs) {
        let (took, found) = measure(&world, &query);
        println!(
            "| {name} | {found} | {:.2} ms |",
            took.as_secs_f64() * 1_000.0
        );
    }
}
