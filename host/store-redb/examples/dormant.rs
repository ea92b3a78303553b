//! Measures the cost of dormant runs: fills a store with runs that wait for a webhook with a timeout, and measures how
//! much it takes to keep, to open and to wake them.
//!
//! ```text
//! cargo run --release -p dormouse-store-redb --example dormant -- fill FILE RUNS CACHE_MIB
//! cargo run --release -p dormouse-store-redb --example dormant -- commit FILE RUNS_AT_ONCE CACHE_MIB
//! cargo run --release -p dormouse-store-redb --example dormant -- wake FILE RUNS_AT_ONCE CACHE_MIB
//! cargo run --release -p dormouse-store-redb --example dormant -- open FILE CACHE_MIB
//! cargo run --release -p dormouse-store-redb --example dormant -- tables FILE
//! ```
//!
//! With `unverified` as the last argument, the store is opened without a verification, and is written in the way that
//! this requires. With `crash` after all other arguments, the program ends without closing the store, as after a kill.

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
    Activation, Completion, Delivery, Digest, Fields, GuestLimits, Kind, Operation,
    OperationNumber, Origin, Outcome, Payload, Request, RunId, Source, VersionId, WebhookNumber,
    WebhookOptions,
};
use dormouse_seams::{Clock as _, Entropy as _};
use dormouse_store::{
    Accept, Accepted, Deploy, InboxLimits, MailLimits, NewActivation, RunQuery, StartRun,
    StorageLimits, Store,
};
use futures::future::join_all;
use redb::{ReadableDatabase, TableHandle};

use common::{Machine, Random, memory, new_id, open};

const HOOK: WebhookNumber = WebhookNumber(0);
const TIMEOUT: u64 = 30 * 24 * 3_600_000;
const MAIL: MailLimits = MailLimits {
    queued: 1_000,
    bytes: 1 << 20,
    storage: StorageLimits::NONE,
};

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
        ["commit", file, at_once, cache, ..] => {
            let store = open(file, number(cache));
            commit(&*store, number(at_once));
            store
        }
        ["wake", file, at_once, cache, ..] => {
            let store = open(file, number(cache));
            wake(&*store, number(at_once));
            store
        }
        ["open", file, cache, ..] => open(file, number(cache)),
        ["tables", file] => return tables(file),
        _ => {
            println!("see the head of this file");
            return;
        }
    };
    memory();
    if words.last() == Some(&"crash") {
        std::process::exit(0);
    }
    let before = Instant::now();
    drop(store);
    println!("closed in {:?}", before.elapsed());
}

fn fill(store: &dyn Store, runs: usize) {
    let component = Bytes::from_static(b"component");
    let deploy = Deploy {
        name: "order".into(),
        version: VersionId::of(&component),
        component,
        code: Bytes::from_static(b"code"),
    };
    pollster::block_on(store.deploy(deploy)).unwrap();
    let before = Instant::now();
    let mut left = runs;
    while left > 0 {
        let count = left.min(512);
        pollster::block_on(start(store, count));
        left -= count;
    }
    let took = before.elapsed();
    println!("filled with {runs} runs in {took:?}");
}

/// Starts this many runs at the same time, and executes each until it waits.
async fn start(store: &dyn Store, count: usize) {
    let ids: Vec<RunId> = (0..count).map(|_| new_id()).collect();
    let starts = ids
        .iter()
        .map(|id| store.start_run(new_start(*id), Box::new(|_| None)));
    for started in join_all(starts).await {
        started.unwrap();
    }
    let activations = ids
        .iter()
        .map(|id| store.activate(*id, 0, first_activation(*id), TIMEOUT, MAIL));
    for activated in join_all(activations).await {
        activated.unwrap().unwrap();
    }
}

fn new_start(id: RunId) -> StartRun {
    let mut key = [0; 32];
    Random.fill(&mut key);
    StartRun {
        run: id,
        workflow: "order".into(),
        version: None,
        input: Payload {
            content_type: "application/json".into(),
            body: Bytes::from_static(b"{}"),
        },
        headers: vec![
            (
                "content-type".into(),
                Bytes::from_static(b"application/json"),
            ),
            ("user-agent".into(), Bytes::from_static(b"curl/8.5.0")),
        ],
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
        labels: dormouse_journal::Labels::default(),
    }
}

/// Returns the first activation of a run as the runner makes it: the run creates a webhook and waits for it.
fn first_activation(id: RunId) -> NewActivation {
    let token: String = (0..56)
        .map(|at| char::from(b'a' + id.0[at % 16] % 26))
        .collect();
    let create = Kind::CreateWebhook {
        webhook: HOOK,
        url: format!("https://hooks.example.com/hooks/{token}"),
        options: WebhookOptions::default(),
    };
    activation(None, vec![operation("paid", create), wait()])
}

fn wait() -> Operation {
    let wait = Kind::WaitForWebhook {
        webhook: HOOK,
        timeout: Some(TIMEOUT),
    };
    operation("paid", wait)
}

fn operation(step: &str, kind: Kind) -> Operation {
    Operation {
        step: step.into(),
        digest: Digest::of(&0u8),
        kind,
        fields: Fields::default(),
    }
}

fn activation(
    completion: Option<(Completion, Source)>,
    operations: Vec<Operation>,
) -> NewActivation {
    let (completion, source) = completion.unzip();
    let origin = source.map(|source| Origin {
        source,
        accepted: Machine.date(),
        event: None,
    });
    NewActivation {
        activation: Activation {
            time: Machine.date(),
            completion,
            operations,
            shift: 0,
            log_lines: 0,
            end: None,
            origin,
        },
        tries: 0,
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

/// Measures how long groups of this many new runs take to become durable.
fn commit(store: &dyn Store, at_once: usize) {
    let mut times = Vec::new();
    for _ in 0..40 {
        let before = Instant::now();
        pollster::block_on(start(store, at_once));
        times.push(before.elapsed() / 2);
    }
    times.sort();
    println!(
        "a commit of {at_once}: median {:?}, 9th decile {:?}",
        times[20], times[36]
    );
}

/// Measures how many random runs in a second take a request and wait again.
fn wake(store: &dyn Store, at_once: usize) {
    let ids = all_ids(store);
    let before = Instant::now();
    let mut woken = 0;
    while before.elapsed() < Duration::from_secs(10) {
        let some = sample(&ids, at_once);
        woken += some.len();
        pollster::block_on(wake_some(store, &some));
    }
    let rate = woken as f64 / before.elapsed().as_secs_f64();
    println!(
        "woke {rate:.0} random runs a second of {}, {at_once} at once",
        ids.len()
    );
}

async fn wake_some(store: &dyn Store, ids: &[RunId]) {
    let accepts = ids
        .iter()
        .map(|id| store.accept(new_request(*id), Box::new(|_| None)));
    let accepted = join_all(accepts).await;
    let activations = ids.iter().zip(accepted).map(|(id, accepted)| {
        let Accepted::Queued { place, .. } = accepted.unwrap() else {
            unreachable!("a run that waits takes a request")
        };
        deliver(store, *id, place)
    });
    join_all(activations).await;
}

async fn deliver(store: &dyn Store, id: RunId, place: u64) {
    let state = store.state(id).await.unwrap().unwrap();
    let completion = Completion {
        operation: OperationNumber(state.operations - 1),
        outcome: Outcome::Delivery(Some(Delivery {
            id: "request".into(),
            accepted: Machine.date(),
            request: new_request(id).request,
        })),
    };
    let source = Source::Arrival {
        channel: dormouse_journal::Channel::Webhook(HOOK),
        place,
    };
    let new = activation(Some((completion, source)), vec![wait()]);
    store
        .activate(id, state.activations, new, TIMEOUT, MAIL)
        .await
        .unwrap()
        .unwrap();
}

fn new_request(run: RunId) -> Accept {
    Accept {
        run,
        webhook: HOOK,
        id: "request".into(),
        request: Request {
            method: "POST".into(),
            url: "https://hooks.example.com/hooks/token".into(),
            headers: vec![("user-agent".into(), Bytes::from_static(b"curl/8.5.0"))],
            body: Bytes::from_static(b"{\"paid\":true}"),
        },
        key: None,
        remember: 0,
        limits: InboxLimits {
            requests: 1_000,
            bytes: 1 << 20,
            host_bytes: 1 << 30,
            storage: StorageLimits::NONE,
        },
    }
}

fn all_ids(store: &dyn Store) -> Vec<RunId> {
    let mut query = RunQuery {
        limit: 5_000,
        ..RunQuery::default()
    };
    let mut ids = Vec::new();
    loop {
        let page = pollster::block_on(store.runs(query.clone())).unwrap();
        ids.extend(page.runs.iter().map(|view| view.id));
        query.before = page.next;
        if page.next.is_none() {
            return ids;
        }
    }
}

/// Returns this many different ids, chosen at random.
fn sample(ids: &[RunId], count: usize) -> Vec<RunId> {
    let mut random = [0; 8];
    let mut some = std::collections::BTreeSet::new();
    while some.len() < count.min(ids.len()) {
        Random.fill(&mut random);
        some.insert(ids[usize::try_from(u64::from_le_bytes(random)).unwrap() % ids.len()]);
    }
    let mut some: Vec<RunId> = some.into_iter().collect();
    some.sort_by_key(|id| id.0[15]);
    some
}

/// Prints the size of each table.
fn tables(file: &str) {
    let database = redb::Database::builder()
        .set_cache_size(1 << 30)
        .open(file)
        .unwrap();
    let transaction = database.begin_read().unwrap();
    println!(
        "{:18}{:>10}{:>13}{:>13}{:>13}{:>9}",
        "table", "rows", "stored", "metadata", "unused", "pages"
    );
    let mut sum = 0;
    for handle in transaction.list_tables().unwrap() {
        let table = transaction.open_untyped_table(handle.clone()).unwrap();
        let stats = redb::ReadableTableMetadata::stats(&table).unwrap();
        let rows = redb::ReadableTableMetadata::len(&table).unwrap();
        sum += stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        println!(
            "{:18}{rows:>10}{:>13}{:>13}{:>13}{:>9}",
            handle.name(),
            stats.stored_bytes(),
            stats.metadata_bytes(),
            stats.fragmented_bytes(),
            stats.leaf_pages() + stats.branch_pages(),
        );
    }
    let size = std::fs::metadata(file).unwrap().len();
    println!("in all {sum} bytes, in a file of {size}");
}
