//! Large bodies of calls: read, and counted for the host's memory, only when there is a connection to send them on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{Request, Response, Status, Until};
use dormouse_runtime::{Runtime, Settings};
use dormouse_sim::{Connection, SimEgress, StoreKind, World, on_both};
use dormouse_store::rows::{Part, RowsMut, TableId};
use serde_json::{Value, json};

const SIZE: usize = 1 << 20;

/// How connections to the service are made now.
#[derive(Clone, Default)]
struct Service(Arc<AtomicUsize>);

impl Service {
    fn is(&self, connection: Connection) {
        self.0.store(connection as usize, Ordering::Relaxed);
    }

    fn connect(&self) -> Connection {
        let all = [Connection::Made, Connection::Refused, Connection::Hangs];
        all[self.0.load(Ordering::Relaxed)]
    }
}

/// A host and a service. What is for another one always arrives.
fn world(store_kind: StoreKind, settings: Settings) -> (World, Runtime, Service) {
    let service = Service::default();
    let connect = service.clone();
    let egress = SimEgress::new(|_: &Request| {
        Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        })
    });
    let egress = egress.connecting(move |request| {
        let is_other = request.url.starts_with("http://other");
        if is_other {
            Connection::Made
        } else {
            connect.connect()
        }
    });
    let world = World::new(store_kind, 23, egress, settings);
    let host = world.host();
    world.deploy(&host, "script");
    (world, host, service)
}

fn call(url: &str) -> Value {
    json!({"call": {"method": "POST", "url": url, "body": "x".repeat(SIZE), "timeout_ms": 600_000, "delay_ms": 100}})
}

fn bodies(world: &World) -> Vec<usize> {
    let sent = world.egress().sent().into_iter();
    sent.map(|request| request.body.len()).collect()
}

/// Whoever connects and then finds no body has made no attempt; whoever does not connect does not look for it.
#[test]
fn a_refused_connection_reads_no_body_and_a_body_that_cannot_be_read_is_waited_for() {
    let (world, host, service) = world(StoreKind::Memory, Settings::default());
    service.is(Connection::Refused);
    let run = world.start(&host, "script", &call("http://service.example/"));
    world.pass(1_000);
    let key = [Part::Run(&run.0), Part::U32(0)];
    let mut body = Vec::new();
    let damage = |rows: &mut dyn RowsMut| {
        rows.remove(TableId::CallBodies, &key, &mut |row| body = row.to_vec())
            .unwrap();
    };
    world.memory().change(damage);
    assert_eq!(body.len(), SIZE);
    let attempts = || world.reading().attempts(run).unwrap().unwrap().scheduled;
    let before = attempts();
    world.pass(60_000);
    assert!(attempts() > before, "it is tried again, and refused");
    service.is(Connection::Made);
    world.pass(300_000);
    let before = attempts();
    world.pass(300_000);
    assert_eq!((attempts(), bodies(&world)), (before, Vec::new()));
    world.memory().change(|rows| {
        rows.write(TableId::CallBodies, &key, &body).unwrap();
    });
    assert_eq!(world.result(&host, run)["status"], 200);
    assert_eq!(bodies(&world), [SIZE]);
}

fn calls_that_hang_hold_no_memory(store_kind: StoreKind) {
    let mut settings = Settings::default();
    // The sixth of it that calls have is enough for one body and a half.
    settings.limits.memory_budget = 9 * SIZE as u64;
    let (world, host, service) = world(store_kind, settings);
    service.is(Connection::Hangs);
    let hanging = [(); 5].map(|()| world.start(&host, "script", &call("http://service.example/")));
    world.pass(1_000);
    for _ in 0..3 {
        let run = world.start(&host, "script", &call("http://other.example/"));
        world.pass(1_000);
        assert_eq!(world.status(run), Status::Completed);
    }
    assert!(
        hanging
            .iter()
            .all(|run| world.status(*run) == Status::Running)
    );
}

fn a_large_call_goes_on_with_its_body_after_a_kill(store_kind: StoreKind) {
    let (world, host, service) = world(store_kind, Settings::default());
    service.is(Connection::Hangs);
    let run = world.start(&host, "script", &call("http://service.example/"));
    world.pass(1_000);
    world.crash(host, 1_000);
    service.is(Connection::Made);
    let host = world.host();
    assert_eq!(world.result(&host, run)["status"], 200);
    assert_eq!(bodies(&world), [SIZE]);
}

/// Returns how many pieces of blocking work follow from a request with a body of this size.
fn work_of_a_request(store_kind: StoreKind, size: usize) -> u64 {
    let (world, host) = World::with_script(store_kind, 3, |_| {});
    let script = json!({"seq": [{"webhook": "a"}, {"wait": "a", "ms": null}, {"sleep": 1_000}]});
    let run = world.start(&host, "script", &script);
    let url = world.url(run);
    let work = world.count_blocking_work();
    world.post(&host, &url, &[], &"x".repeat(size)).unwrap();
    world.pass(100);
    assert_eq!(world.status(run), Status::Suspended);
    assert_eq!(world.reading().journal(run).unwrap().len(), 2);
    work.load(Ordering::Relaxed)
}

/// The request is checked and encoded, and so is the activation that takes it.
fn a_large_request_is_worked_on_where_it_delays_no_task(store_kind: StoreKind) {
    let small = work_of_a_request(store_kind, 10);
    let large = work_of_a_request(store_kind, 200 << 10);
    assert!(
        large >= small + 2,
        "{large} pieces, and {small} for a small one"
    );
}

fn who_waits_for_a_run_is_told_how_much_was_recorded_of_it(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 3, |_| {});
    let run = world.start(&host, "script", &json!({"sleep": 1_000}));
    let wait = Duration::from_secs(10);
    let told = world.run(host.wait_until(run, Until::Suspended, wait));
    let told = told.unwrap().unwrap();
    let state = world.reading().state(run).unwrap().unwrap();
    assert_eq!(told.status, Status::Suspended);
    assert_eq!(told.journal_bytes, Some(state.journal_bytes));
}

on_both! {
    a_large_request_is_worked_on_where_it_delays_no_task,
    who_waits_for_a_run_is_told_how_much_was_recorded_of_it,
    calls_that_hang_hold_no_memory,
    a_large_call_goes_on_with_its_body_after_a_kill,
}
