//! A store in memory, with a clock that the test sets.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by tests, each of which uses a part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

pub mod disk;

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{
    Activation, Channel, Completion, Digest, End, GuestLimits, Kind, Operation, OperationNumber,
    Outcome, Payload, Request, RunId, Source, Time, VersionId, WebhookNumber, WebhookOptions,
    json_payload,
};
use dormouse_store::seams::{Clock, Disk, Entropy, Spawner, Task};
use dormouse_store::{
    Accept, Accepted, Activated, Deploy, InboxLimits, MailLimits, OpenError, Options, Refused,
    StartRun, Started, State, Step, Store, WriteError,
};
use futures::channel::oneshot;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;

pub const HOOK: WebhookNumber = WebhookNumber(0);
pub const RETENTION: u64 = 1_000_000;
pub const MAIL: MailLimits = MailLimits {
    queued: 3,
    bytes: 1_000,
};

/// Time that the test sets.
#[derive(Default)]
pub struct TestClock {
    now: AtomicU64,
    sleepers: Mutex<Vec<(Time, oneshot::Sender<()>)>>,
}

impl TestClock {
    pub fn set(&self, now: u64) {
        let mut sleepers = self.sleepers.lock().unwrap();
        self.now.store(now, Ordering::Relaxed);
        // A dropped sender wakes who waits for it.
        sleepers.retain(|(until, _)| until.0 > now);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time(self.now.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, time: Time) -> Task {
        let (sender, receiver) = oneshot::channel();
        let mut sleepers = self.sleepers.lock().unwrap();
        if self.now() < time {
            sleepers.push((time, sender));
        }
        Box::pin(async move {
            let _ = receiver.await;
        })
    }

    fn thread_time(&self) -> Duration {
        Duration::ZERO
    }
}

pub fn queued(is_due: bool, place: u64) -> Accepted {
    Accepted::Queued {
        is_due,
        place,
        is_first: false,
        time: Time(0),
    }
}

pub struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes()[0];
        }
    }
}

/// Work is done where it is asked for.
pub struct Inline;

impl Spawner for Inline {
    fn spawn(&self, task: Task) {
        pollster::block_on(task);
    }

    fn spawn_blocking(&self, task: Task) {
        pollster::block_on(task);
    }
}

/// A disk that is empty each time it is opened, and has as much space as the test says.
pub struct MemoryDisk(pub Arc<AtomicU64>);

impl Disk for MemoryDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(InMemoryBackend::new()))
    }

    fn available(&self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::Relaxed))
    }
}

pub fn open_on(disk: Arc<dyn Disk>, clock: Arc<TestClock>) -> Result<Store, OpenError> {
    open_with(disk, clock, Arc::new(Inline))
}

pub fn open_with(
    disk: Arc<dyn Disk>,
    clock: Arc<TestClock>,
    spawner: Arc<dyn Spawner>,
) -> Result<Store, OpenError> {
    open_as(disk, clock, spawner, true)
}

/// Opens a store that is verified, or is not.
pub fn open_as(
    disk: Arc<dyn Disk>,
    clock: Arc<TestClock>,
    spawner: Arc<dyn Spawner>,
    verify: bool,
) -> Result<Store, OpenError> {
    let entropy = Counter(AtomicU64::new(0));
    let options = Options {
        cache: 1 << 20,
        reserve: 100,
        verify,
    };
    Store::open(disk, clock, &entropy, spawner, options)
}

pub fn run<F: Future>(future: F) -> F::Output {
    pollster::block_on(future)
}

/// A store with a workflow, and shorthand for what happens to it.
pub struct World {
    pub store: Store,
    pub clock: Arc<TestClock>,
    pub space: Arc<AtomicU64>,
    runs: Mutex<u8>,
}

impl World {
    pub fn new() -> Self {
        let space = Arc::new(AtomicU64::new(u64::MAX));
        World::on(Arc::new(MemoryDisk(space.clone())), space)
    }

    /// The same on a disk that takes its space from there.
    pub fn on(disk: Arc<dyn Disk>, space: Arc<AtomicU64>) -> Self {
        let clock = Arc::new(TestClock::default());
        let store = open_on(disk, clock.clone()).unwrap();
        World::of(store, clock, space)
    }

    /// The same in this store.
    pub fn of(store: Store, clock: Arc<TestClock>, space: Arc<AtomicU64>) -> Self {
        clock.set(1_000);
        let component = Bytes::from_static(b"component");
        let version = VersionId::of(&component);
        let deploy = Deploy {
            name: "w".into(),
            version,
            component,
            code: Bytes::from_static(b"code"),
        };
        run(store.deploy(deploy)).unwrap();
        World {
            store,
            clock,
            space,
            runs: Mutex::new(0),
        }
    }

    pub fn at(&self, time: u64) {
        self.clock.set(time);
    }

    pub fn new_start(&self) -> StartRun {
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        StartRun {
            run: RunId([*runs; 16]),
            workflow: "w".into(),
            version: None,
            input: json_payload(Bytes::from_static(b"1")),
            headers: Vec::new(),
            key: [0; 32],
            limits: GuestLimits {
                memory: 1,
                stack: 1,
            },
            idempotency_key: None,
            remember: 10_000,
        }
    }

    pub fn start(&self) -> RunId {
        let start = self.new_start();
        let id = start.run;
        assert!(matches!(self.begin(start).unwrap(), Started::New { .. }));
        id
    }

    /// A run with one webhook, that made these operations besides.
    pub fn run_with(&self, kinds: Vec<Kind>) -> RunId {
        self.run_with_webhook(WebhookOptions::default(), kinds)
    }

    /// The same, with a webhook of these options.
    pub fn run_with_webhook(&self, options: WebhookOptions, kinds: Vec<Kind>) -> RunId {
        let id = self.start();
        let create = Kind::CreateWebhook {
            webhook: HOOK,
            url: "http://host/hooks/t".into(),
            options,
        };
        let kinds = std::iter::once(create).chain(kinds).collect();
        self.commit(id, 0, step(self.now(), None, kinds)).unwrap();
        id
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn commit(&self, id: RunId, number: u32, step: Step) -> Result<Activated, Refused> {
        run(self.store.activate(id, number, step, RETENTION, MAIL)).unwrap()
    }

    pub fn request(&self, id: RunId, body: &str) -> Accept {
        Accept {
            run: id,
            webhook: HOOK,
            id: format!("request {body}"),
            request: Request {
                method: "POST".into(),
                url: "http://host/hooks/t".into(),
                headers: Vec::new(),
                body: Bytes::copy_from_slice(body.as_bytes()),
            },
            key: None,
            remember: 10_000,
            limits: InboxLimits {
                requests: 3,
                bytes: 1_000,
                host_bytes: 1 << 20,
            },
        }
    }

    pub fn begin(&self, start: StartRun) -> Result<Started, WriteError> {
        run(self.store.start_run(start, |_| None))
    }

    /// Sends a request. What comes of it is given without what only its run's owner wants to know.
    pub fn send(&self, accept: Accept) -> Result<Accepted, WriteError> {
        Ok(match run(self.store.accept(accept, |_| None))? {
            Accepted::Queued { is_due, place, .. } => queued(is_due, place),
            accepted => accepted,
        })
    }

    pub fn accept(&self, id: RunId, body: &str) -> Accepted {
        self.send(self.request(id, body)).unwrap()
    }

    /// What a wait gets that takes the request at this place.
    pub fn delivery(&self, id: RunId, place: u64) -> Outcome {
        let snapshot = self.store.read().unwrap();
        let delivery = snapshot.arrival(id, &Channel::Webhook(HOOK), place);
        delivery.unwrap().unwrap()
    }

    pub fn state(&self, id: RunId) -> State {
        self.store.read().unwrap().state(id).unwrap().unwrap()
    }

    pub fn due(&self) -> Vec<RunId> {
        self.store.read().unwrap().due_runs(None, 100).unwrap()
    }

    pub fn timers(&self) -> Vec<(u64, RunId, u32)> {
        let snapshot = self.store.read().unwrap();
        let timers = snapshot.timers(None, Time(u64::MAX), 100).unwrap();
        timers
            .into_iter()
            .map(|timer| (timer.due.0, timer.run, timer.operation.0))
            .collect()
    }
}

pub fn operation(kind: Kind) -> Operation {
    Operation {
        step: "step".into(),
        digest: Digest::of(&0u8),
        kind,
    }
}

/// A step that delivers this completion and makes these operations.
pub fn step(time: Time, delivered: Option<(u32, Outcome, Source)>, kinds: Vec<Kind>) -> Step {
    let (completion, source) = delivered
        .map(|(number, outcome, source)| {
            (
                Completion {
                    operation: OperationNumber(number),
                    outcome,
                },
                source,
            )
        })
        .unzip();
    Step {
        activation: Activation {
            time,
            completion,
            operations: kinds.into_iter().map(operation).collect(),
            log_lines: 0,
            end: None,
        },
        source,
        calls: Vec::new(),
        notifies: Vec::new(),
        responses: Vec::new(),
        logs: Vec::new(),
        logged: 0,
    }
}

/// The same, and the run ends with it.
pub fn last_step(time: Time, delivered: Option<(u32, Outcome, Source)>) -> Step {
    let mut step = step(time, delivered, Vec::new());
    step.activation.end = Some(End::Completed(Payload::default()));
    step
}

pub fn wait(timeout: Option<u64>) -> Kind {
    Kind::WaitForWebhook {
        webhook: HOOK,
        timeout,
    }
}

pub fn wait_event(timeout: Option<u64>) -> Kind {
    Kind::WaitForEvent {
        event: "e".into(),
        timeout,
    }
}

pub fn payload(text: &str) -> Payload {
    Payload {
        content_type: "text/plain".into(),
        body: Bytes::copy_from_slice(text.as_bytes()),
    }
}
