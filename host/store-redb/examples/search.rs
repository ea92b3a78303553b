//! Measures the cost of the first page of a search among many runs: fills a store with runs of all kinds, and measures
//! each filter.
//!
//! ```text
//! cargo run --release -p dormouse-store-redb --example search -- fill FILE RUNS CACHE_MIB
//! cargo run --release -p dormouse-store-redb --example search -- search FILE CACHE_MIB
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on ends, prints what it found, and reads the machine's clock"
)]

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use dormouse_journal::{
    Activation, Digest, End, Failure, Fields, GuestLimits, Kind, Labels, Operation, Payload, RunId,
    Status, Time, VersionId,
};
use dormouse_seams::{Clock as _, Entropy as _};
use dormouse_store::{
    Deploy, MailLimits, NewActivation, RunQuery, StartRun, StorageLimits, Store, TimeRange,
};
use futures::future::join_all;

use common::{Machine, Random, memory, new_id, open};

const RETENTION: u64 = 365 * 24 * 3_600_000;
const MAIL: MailLimits = MailLimits {
    queued: 1_000,
    bytes: 1 << 20,
    storage: StorageLimits::NONE,
};

/// The number of times that each search is made.
const TIMES: usize = 21;

/// The number of the oldest runs, which are the only runs with rare values.
const RARE: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().unwrap();
    let store = match words[..] {
        ["fill", file, runs, cache, ..] => {
            let store = open(file, number(cache));
            fill(&*store, number(runs));
            store
        }
        ["search", file, cache, ..] => {
            let store = open(file, number(cache));
            search(&*store);
            store
        }
        _ => {
            println!("see the head of this file");
            return;
        }
    };
    memory();
    drop(store);
}

fn deploy(store: &dyn Store, name: &str, component: &'static [u8]) {
    let component = Bytes::from_static(component);
    let deploy = Deploy {
        name: name.into(),
        version: VersionId::of(&component),
        component,
        code: Bytes::from_static(b"code"),
    };
    pollster::block_on(store.deploy(deploy)).unwrap();
}

fn fill(store: &dyn Store, runs: usize) {
    let before = Instant::now();
    deploy(store, "order", b"first");
    deploy(store, "invoice", b"invoice");
    for start in (0..runs).step_by(512) {
        if start == 512 {
            deploy(store, "order", b"second");
        }
        let numbers = start..runs.min(start + 512);
        let is_last = numbers.end == runs;
        pollster::block_on(some(store, numbers, is_last));
    }
    println!("filled with {runs} runs in {:?}", before.elapsed());
}

/// Starts these runs and brings each into some state. The last ones stay pending.
async fn some(store: &dyn Store, numbers: std::ops::Range<usize>, is_last: bool) {
    let ids: Vec<(usize, RunId)> = numbers.map(|number| (number, new_id())).collect();
    let starts = ids.iter().map(|(number, id)| {
        let start = new_start(*number, *id);
        store.start_run(start, Box::new(|_| None))
    });
    for started in join_all(starts).await {
        started.unwrap();
    }
    if is_last {
        return;
    }
    let activations = ids.iter().map(|(number, id)| {
        let new = activation(*number);
        store.activate(*id, 0, new, RETENTION, MAIL)
    });
    for activated in join_all(activations).await {
        activated.unwrap().unwrap();
    }
}

fn new_start(number: usize, id: RunId) -> StartRun {
    let mut key = [0; 32];
    Random.fill(&mut key);
    let mut labels = Labels::default();
    let customer = format!("customer:{}", number % 100_000);
    let tier = if number.is_multiple_of(5) {
        "tier:gold"
    } else {
        "tier:free"
    };
    let rare = (number < RARE).then_some("rare:1");
    for label in [customer.as_str(), tier].into_iter().chain(rare) {
        labels.set(label.parse().unwrap()).unwrap();
    }
    StartRun {
        run: id,
        workflow: if number.is_multiple_of(10) {
            "invoice"
        } else {
            "order"
        }
        .into(),
        version: None,
        input: Payload {
            content_type: "application/json".into(),
            body: Bytes::from_static(b"{}"),
        },
        headers: vec![("user-agent".into(), Bytes::from_static(b"curl/8.5.0"))],
        key,
        limits: GuestLimits {
            memory: 64 << 20,
            stack: 1 << 20,
        },
        idempotency_key: None,
        earlier_key: None,
        remember: 0,
        storage: StorageLimits::NONE,
        restarted: None,
        parent: None,
        trigger: None,
        labels,
    }
}

/// Returns the state of a run: of a hundred runs, 10 wait, 4 have failed and the others have completed.
fn activation(number: usize) -> NewActivation {
    let fail = |code: &str| End::Failed {
        failure: Failure {
            code: code.into(),
            message: "it did not work".into(),
        },
        backtrace: None,
    };
    let end = match number % 100 {
        _ if number < RARE => Some(fail("rare")),
        0..10 => None,
        10..14 => Some(fail("error")),
        _ => Some(End::Completed(Payload::default())),
    };
    let wait = Kind::WaitForEvent {
        event: format!("event {number}"),
        timeout: None,
    };
    let operation = |kind| Operation {
        step: "wait".into(),
        digest: Digest::of(&0u8),
        kind,
        fields: Fields::default(),
    };
    NewActivation {
        tries: 0,
        activation: Activation {
            time: Machine.date(),
            completion: None,
            operations: end.is_none().then(|| operation(wait)).into_iter().collect(),
            shift: 0,
            log_lines: 0,
            end,
            origin: None,
        },
        replaced: Vec::new(),
        calls: Vec::new(),
        notifies: Vec::new(),
        orders: Vec::new(),
        responses: Vec::new(),
        logs: Vec::new(),
        next: None,
        logged: 0,
        labels: dormouse_journal::Labels::default(),
        repair_within: 0,
        next_run: None,
    }
}

/// Measures the first page of each filter. A page has 50 runs, as in the API.
fn search(store: &dyn Store) {
    let counts = pollster::block_on(store.counts(None)).unwrap();
    println!("runs: {counts:?}");
    let all = RunQuery {
        limit: 50,
        ..RunQuery::default()
    };
    let label = |text: &str| text.parse().unwrap();
    let page = pollster::block_on(store.runs(all.clone())).unwrap();
    let newest = page.runs[0].run.created;
    let (first, second) = (VersionId::of(b"first"), VersionId::of(b"second"));
    let ago = |milliseconds: u64| Some(Time(newest.0 - milliseconds));
    let one = page.runs[7].id;
    let range = |since, until| TimeRange { since, until };
    macro_rules! searches {
        ($($name:literal { $($field:ident: $value:expr),* })*) => {
            $(measure(store, $name, &RunQuery { $($field: $value,)* ..all.clone() });)*
        };
    }
    println!(
        "{:55}{:>10}{:>10}{:>7}{:>6}",
        "filter", "median", "most", "found", "next"
    );
    searches! {
        "none" {}
        "workflow" { workflow: Some("invoice".into()) }
        "status=failed" { status: Some(Status::Failed) }
        "status=pending" { status: Some(Status::Pending) }
        "version, frequent" { version: Some(second) }
        "version, of the oldest only" { version: Some(first) }
        "label, frequent" { labels: vec![label("tier:free")] }
        "label, 10 runs" { labels: vec![label("customer:42")] }
        "label, of the oldest only" { labels: vec![label("rare:1")] }
        "id" { ids: Some((one, one)) }
        "since" { created: range(ago(1_000), None) }
        "until" { created: range(None, ago(20_000)) }
        "since and until" { created: range(ago(21_000), ago(20_000)) }
        "ended-since" { ended: range(ago(1_000), None) }
        "ended-since, ended-until, nothing there" { ended: range(Some(Time(1)), Some(Time(2))) }
        "ended-since, later than all" { ended: range(Some(newest.after(RETENTION)), None) }
        "failure, frequent" { failure: Some("error".into()) }
        "failure, of the oldest only" { failure: Some("rare".into()) }
        "workflow, status" { workflow: Some("order".into()), status: Some(Status::Failed) }
        "workflow, status, nothing there" { workflow: Some("none".into()), status: Some(Status::Completed) }
        "workflow, status, another" { workflow: Some("invoice".into()), status: Some(Status::Failed) }
        "workflow, label" { workflow: Some("order".into()), labels: vec![label("tier:gold")] }
        "status, label, of the oldest only" { status: Some(Status::Failed), labels: vec![label("rare:1")] }
        "two labels, frequent" { labels: vec![label("tier:gold"), label("customer:50")] }
        "two labels, in no run" { labels: vec![label("tier:gold"), label("customer:51")] }
        "status, failure, workflow, version" {
            status: Some(Status::Failed), failure: Some("error".into()), workflow: Some("order".into()), version: Some(second)
        }
        "status, version, of the oldest only" { status: Some(Status::Suspended), version: Some(first) }
        "label, frequent; version, of the oldest only" { labels: vec![label("tier:free")], version: Some(first) }
    }
}

fn measure(store: &dyn Store, name: &str, query: &RunQuery) {
    let mut times = Vec::new();
    let (mut found, mut more) = (0, false);
    for _ in 0..TIMES {
        let before = Instant::now();
        let page = pollster::block_on(store.runs(query.clone())).unwrap();
        times.push(before.elapsed());
        (found, more) = (page.runs.len(), page.next.is_some());
    }
    times.sort();
    let milliseconds = |time: Duration| format!("{:.2} ms", time.as_secs_f64() * 1_000.0);
    println!(
        "{name:55}{:>10}{:>10}{found:>7}{:>6}",
        milliseconds(times[TIMES / 2]),
        milliseconds(times[TIMES - 1]),
        if more { "yes" } else { "" }
    );
}
