//! Measurements that take long and are not tests: how fast runs are checked against new code, and how fast children are
//! started and waited for. Each takes its size from the environment, prints the measured values, and needs a host that
//! was built for release (docs: BENCHMARKS.md).

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dormouse_e2e::{Cli, Host, Stopwatch, guest, wait_until};
use serde_json::{Value, json};

/// Operations of each run that is checked.
const OPERATIONS: usize = 20;

/// Returns the size that the environment gives, or a small one.
fn size(name: &str, small: usize) -> usize {
    env::var(name).map_or(small, |text| text.parse().unwrap())
}

/// Starts short runs, one after another, until it is told to stop. Returns how long each took.
fn neighbours(host: &Host, stop: &AtomicBool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let watch = Stopwatch::start();
        host.start_run("script", &json!({"step": "s", "value": 1}))
            .output();
        took.push(watch.elapsed());
    }
    took.sort_unstable();
    took
}

fn p99(took: &[Duration]) -> Duration {
    let place = (took.len() * 99 / 100).min(took.len().saturating_sub(1));
    took.get(place).copied().unwrap_or_default()
}

#[test]
#[ignore = "measures: DORMOUSE_MEASURED_RUNS=10000 cargo nextest run --release -E 'test(measures)' --run-ignored only --no-capture"]
fn runs_are_checked_against_a_component() {
    let host = Host::with(&["--allow-private-egress", "--log", "warn"]);
    host.deploy("script", "script");
    host.deploy("asleep", "script");
    let runs = size("DORMOUSE_MEASURED_RUNS", 50);
    let steps = json!({"repeat": OPERATIONS - 1, "do": {"step": "s", "value": 1}});
    let asleep = json!({"seq": [steps, {"sleep": 600_000_000}]});
    for _ in 0..runs {
        host.start_run("asleep", &asleep);
    }
    wait_until("all runs to sleep", || {
        let counts = host.get("/v1/counts?workflow=asleep").expect(200).json();
        (counts["suspended"] == runs).then_some(())
    });
    let mut component = guest("script");
    component.extend([0, 3, 1, b'x', 7]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), component).unwrap();
    let path = file.path().to_str().unwrap();
    let measured = |check: &dyn Fn()| {
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            let neighbours = scope.spawn(|| neighbours(&host, &stop));
            let watch = Stopwatch::start();
            check();
            let took = watch.elapsed();
            stop.store(true, Ordering::SeqCst);
            (took, p99(&neighbours.join().unwrap()))
        })
    };
    // The first one compiles the component.
    let check = || {
        assert_eq!(
            Cli::of(&host)
                .run(&["deploy", "--check", "asleep", path])
                .code,
            0
        );
    };
    check();
    let (_, alone) = measured(&|| dormouse_e2e::pause(Duration::from_secs(2)));
    let (took, beside) = measured(&check);
    let each = runs as f64 / took.as_secs_f64();
    println!(
        "{runs} runs of {OPERATIONS} operations checked in {took:?}: {each:.0} a second; a neighbour's p99 {alone:?} alone, \
         {beside:?} meanwhile"
    );
}

#[test]
#[ignore = "measures: DORMOUSE_MEASURED_CHILDREN=10000 cargo nextest run --release -E 'test(measures)' --run-ignored only --no-capture"]
fn children_are_started_and_waited_for() {
    let host = Host::with(&[
        "--allow-private-egress",
        "--log",
        "warn",
        "--outstanding-limit",
        "20000",
    ]);
    host.deploy("script", "script");
    host.deploy("child", "script");
    let children = size("DORMOUSE_MEASURED_CHILDREN", 50);
    let child = json!({"invoke": {"workflow": "child", "input": {"step": "s", "value": 1}}});
    let all: Vec<Value> = vec![child; children];
    let watch = Stopwatch::start();
    let run = host.start_run("script", &json!({"join": all}));
    wait_until("all children to be waited for", || {
        run.status().eq("completed").then_some(())
    });
    let took = watch.elapsed();
    assert_eq!(run.output().as_array().unwrap().len(), children);
    let each = children as f64 / took.as_secs_f64();
    println!("{children} children started and waited for in {took:?}: {each:.0} a second");
}
