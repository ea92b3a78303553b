//! A store on either backend, with a clock that the test sets.

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
pub mod storage;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::{
    Activation, Channel, Completion, Digest, End, Failure, Fields, GuestLimits, Head, Kind, Open,
    Operation, OperationNumber, Origin, Outcome, Payload, Request, Response, RetryPolicy, RunId,
    Source, Time, VersionId, WebhookNumber, WebhookOptions, json_payload,
};
use dormouse_seams::{Clock, Entropy, Spawner, Task};
use dormouse_store::{
    Accept, Accepted, Activated, AttemptMade, AttemptNoted, Attempts, Call, CommitRefused, Deploy,
    InboxLimits, MailLimits, NewActivation, Notified, OpenError, OrderLimits, OverStorage,
    RunQuery, RunView, SendingView, Served, StartRun, Started, State, StorageLimits, Store,
    Webhook, WebhookView, WriteError,
};
use dormouse_store_memory::{Dump, Memory};
use dormouse_store_redb::{Disk, Options, RedbStore};
use futures::channel::oneshot;

use self::disk::TestDisk;

/// Makes two tests of each function named: one for each ground.
#[macro_export]
macro_rules! on_both_grounds {
    ($($test:ident,)*) => {
        mod redb {
            $(#[test]
            fn $test() {
                super::$test($crate::support::StoreKind::Redb);
            })*
        }

        mod memory {
            $(#[test]
            fn $test() {
                super::$test($crate::support::StoreKind::Memory);
            })*
        }
    };
}

/// What keeps the rows of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A redb file, on a disk in memory.
    Redb,
    /// Maps.
    Memory,
}

pub const HOOK: WebhookNumber = WebhookNumber(0);
pub const RETENTION: u64 = 1_000_000;
pub const MAIL: MailLimits = MailLimits {
    queued: 3,
    bytes: 1_000,
    storage: StorageLimits::NONE,
};

/// Time that the test sets.
#[derive(Default)]
pub struct TestClock {
    now: AtomicU64,
    sleepers: Mutex<Vec<(u64, oneshot::Sender<()>)>>,
}

impl TestClock {
    pub fn set(&self, now: u64) {
        let mut sleepers = self.sleepers.lock().unwrap();
        self.now.store(now, Ordering::Relaxed);
        // A dropped sender wakes who waits for it.
        sleepers.retain(|(until, _)| *until > now);
    }
}

impl Clock for TestClock {
    fn date(&self) -> Time {
        Time(self.elapsed())
    }

    fn elapsed(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    fn boot(&self) -> Option<[u8; 16]> {
        Some([1; 16])
    }

    fn sleep_until(&self, until: u64) -> Task {
        let (sender, receiver) = oneshot::channel();
        let mut sleepers = self.sleepers.lock().unwrap();
        if self.elapsed() < until {
            sleepers.push((until, sender));
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

/// Opens a store on a disk, verified.
pub fn open_on(disk: Arc<dyn Disk>, clock: Arc<TestClock>) -> Result<RedbStore, OpenError> {
    open_as(disk, clock, Arc::new(Inline), true)
}

/// Opens a store on a disk, verified or not.
pub fn open_as(
    disk: Arc<dyn Disk>,
    clock: Arc<TestClock>,
    spawner: Arc<dyn Spawner>,
    verify: bool,
) -> Result<RedbStore, OpenError> {
    let entropy = Counter(AtomicU64::new(0));
    let options = Options {
        cache: 1 << 20,
        reserve: 100,
        verify,
    };
    run(RedbStore::open(disk, clock, &entropy, spawner, options))
}

/// What a store is opened on, and what outlives it.
#[derive(Clone)]
pub enum Machine {
    Redb(TestDisk),
    Memory(Memory),
}

impl Machine {
    pub fn new(store_kind: StoreKind) -> Self {
        match store_kind {
            StoreKind::Redb => Machine::Redb(TestDisk::default()),
            StoreKind::Memory => Machine::Memory(Memory::default()),
        }
    }

    /// Opens a store on it.
    pub fn open(
        &self,
        clock: Arc<TestClock>,
        spawner: Arc<dyn Spawner>,
    ) -> Result<Opened, OpenError> {
        let entropy = Counter(AtomicU64::new(0));
        Ok(match self {
            Machine::Redb(disk) => {
                Opened::Redb(open_as(Arc::new(disk.clone()), clock, spawner, true)?)
            }
            Machine::Memory(memory) => {
                let store = run(memory.open(clock, &entropy, spawner))?;
                Opened::Memory(memory.clone(), Arc::new(store))
            }
        })
    }

    /// Says from now on that there is too little space, or enough.
    pub fn fill(&self, is_full: bool) {
        match self {
            Machine::Redb(disk) => {
                let space = if is_full { 10 } else { u64::MAX };
                disk.space.store(space, Ordering::SeqCst);
            }
            Machine::Memory(memory) => memory.faults().fill(is_full),
        }
    }

    /// Has too little space for the next commit, which is not known before.
    pub fn fill_once(&self) {
        match self {
            Machine::Redb(disk) => disk.is_full.store(true, Ordering::SeqCst),
            Machine::Memory(memory) => memory.faults().fill_once(),
        }
    }
}

/// A store that is open.
#[derive(Clone)]
pub enum Opened {
    Redb(RedbStore),
    Memory(Memory, Arc<dyn Store>),
}

impl Opened {
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Opened::Redb(store) => store.store(),
            Opened::Memory(_, store) => store.clone(),
        }
    }

    /// Returns every row of every table.
    pub fn dump(&self) -> Dump {
        match self {
            Opened::Redb(store) => store.dump().unwrap(),
            Opened::Memory(memory, _) => memory.dump(),
        }
    }
}

pub fn run<F: Future>(future: F) -> F::Output {
    pollster::block_on(future)
}

/// A store with a workflow, and shorthand for what happens to it.
pub struct World {
    pub store: Arc<dyn Store>,
    pub clock: Arc<TestClock>,
    pub machine: Machine,
    pub opened: Opened,
    runs: Mutex<u8>,
}

/// Returns a version of the workflow of all these tests.
pub fn deploy(component: &'static [u8]) -> Deploy {
    Deploy {
        name: "w".into(),
        version: VersionId::of(component),
        component: Bytes::from_static(component),
        code: Bytes::from_static(b"code"),
    }
}

impl World {
    pub fn new(store_kind: StoreKind) -> Self {
        World::on(Machine::new(store_kind), Arc::new(Inline))
    }

    /// The same on a machine, with tasks run by a spawner.
    pub fn on(machine: Machine, spawner: Arc<dyn Spawner>) -> Self {
        let clock = Arc::new(TestClock::default());
        let opened = machine.open(clock.clone(), spawner).unwrap();
        World::of(opened, clock, machine)
    }

    /// The same in this store.
    pub fn of(opened: Opened, clock: Arc<TestClock>, machine: Machine) -> Self {
        clock.set(1_000);
        let store = opened.store();
        run(store.deploy(deploy(b"component"))).unwrap();
        // Without it no run would start, and tests of chance would find nothing wrong.
        assert!(run(store.workflow("w".into())).unwrap().is_some());
        World {
            store,
            clock,
            machine,
            opened,
            runs: Mutex::new(0),
        }
    }

    /// Opens the store anew, on what is durable.
    pub fn reopen(&mut self) {
        // Whoever is open on a disk writes to it when it closes, and so must be closed before.
        let none = Machine::new(StoreKind::Memory);
        for machine in [&none, &self.machine] {
            let spawner = Arc::new(Inline);
            self.opened = machine.open(self.clock.clone(), spawner).unwrap();
            self.store = self.opened.store();
        }
    }

    /// Returns how many disk syncs there were; in memory, how many commits.
    pub fn syncs(&self) -> u64 {
        match &self.machine {
            Machine::Redb(disk) => disk.syncs.load(Ordering::SeqCst),
            Machine::Memory(_) => self.store.commits().groups,
        }
    }

    /// Returns the keys of a table, as text.
    pub fn keys(&self, table: &str) -> Vec<String> {
        let dump = self.opened.dump().into_iter();
        dump.filter(|(name, ..)| *name == table)
            .map(|(_, key, _)| key)
            .collect()
    }

    pub fn at(&self, time: u64) {
        self.clock.set(time);
    }

    pub fn new_start(&self) -> StartRun {
        let mut runs = self.runs.lock().unwrap();
        *runs = runs.wrapping_add(1);
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
            earlier_key: None,
            remember: 10_000,
            storage: StorageLimits::NONE,
            restarted: None,
            parent: None,
            trigger: None,
            labels: dormouse_journal::Labels::default(),
        }
    }

    pub fn start(&self) -> RunId {
        let start = self.new_start();
        let id = start.run;
        assert!(matches!(self.begin(start).unwrap(), Started::New { .. }));
        id
    }

    /// Returns a run with one webhook, that made these operations besides.
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
        self.commit_whole(id, 0, activation(self.now(), None, kinds))
            .unwrap();
        id
    }

    pub fn now(&self) -> Time {
        self.clock.date()
    }

    pub fn commit(
        &self,
        id: RunId,
        number: u32,
        new: NewActivation,
    ) -> Result<Activated, CommitRefused> {
        run(self.store.activate(id, number, new, RETENTION, MAIL)).unwrap()
    }

    /// Commits an activation, and writes what was deferred of it.
    pub fn commit_whole(
        &self,
        id: RunId,
        number: u32,
        new: NewActivation,
    ) -> Result<Activated, CommitRefused> {
        let activated = self.commit(id, number, new)?;
        if activated.is_deferred {
            while run(self.store.has_orders()).unwrap() {
                run(self.store.serve_orders(None, limits())).unwrap();
            }
        }
        Ok(activated)
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
                storage: StorageLimits::NONE,
            },
        }
    }

    pub fn begin(&self, start: StartRun) -> Result<Started, WriteError> {
        run(self.store.start_run(start, Box::new(|_| None)))
    }

    /// Sends a request. What comes of it is given without what only its run's owner wants to know.
    pub fn send(&self, accept: Accept) -> Result<Accepted, WriteError> {
        Ok(match run(self.store.accept(accept, Box::new(|_| None)))? {
            Accepted::Queued { is_due, place, .. } => queued(is_due, place),
            accepted => accepted,
        })
    }

    pub fn accept(&self, id: RunId, body: &str) -> Accepted {
        self.send(self.request(id, body)).unwrap()
    }

    /// Returns what a wait gets that takes the request at this place.
    pub fn delivery(&self, id: RunId, place: u64) -> Outcome {
        self.arrival(id, Channel::Webhook(HOOK), place).unwrap()
    }

    pub fn arrival(&self, id: RunId, channel: Channel, place: u64) -> Option<Outcome> {
        run(self.store.arrival(id, channel, place)).unwrap()
    }

    /// Returns the first item in a channel.
    pub fn head(&self, id: RunId, channel: &Channel) -> Option<Head> {
        let heads = run(self.store.heads(id, vec![channel.clone()])).unwrap();
        assert!(heads.iter().all(|(found, _)| found == channel));
        heads.first().map(|(_, head)| *head)
    }

    pub fn state(&self, id: RunId) -> State {
        run(self.store.state(id)).unwrap().unwrap()
    }

    pub fn view(&self, id: RunId) -> Option<RunView> {
        let shown = run(self.store.show(id, 0)).unwrap();
        shown.map(|shown| shown.view)
    }

    /// Returns the operations of a run that have not completed, at most this many.
    pub fn open(&self, id: RunId, limit: usize) -> Vec<(OperationNumber, Open)> {
        run(self.store.show(id, limit)).unwrap().unwrap().open
    }

    pub fn webhooks(&self, id: RunId, limit: usize) -> Option<Vec<WebhookView>> {
        run(self.store.webhooks(id, limit)).unwrap()
    }

    pub fn webhook(&self, id: RunId, webhook: u32) -> Option<Webhook> {
        let incoming = run(self.store.incoming(id, WebhookNumber(webhook))).unwrap();
        incoming.known().map(|incoming| incoming.webhook)
    }

    pub fn sending(&self, id: RunId, operation: u32) -> Option<SendingView> {
        run(self.store.sending(id, OperationNumber(operation))).unwrap()
    }

    pub fn whole_call(&self, id: RunId, operation: u32) -> Option<Call> {
        run(self.store.call(id, OperationNumber(operation))).unwrap()
    }

    pub fn calls(&self) -> Vec<(RunId, OperationNumber)> {
        let page = run(self.store.calls(None, 100)).unwrap();
        let calls = page.calls.into_iter();
        calls.map(|call| (call.run, call.operation)).collect()
    }

    /// Returns the ids of a page of runs, and where the next one begins.
    pub fn list(&self, query: &RunQuery) -> (Vec<RunId>, Option<RunId>) {
        let page = run(self.store.runs(query.clone())).unwrap();
        let ids = page.runs.iter().map(|view| view.id).collect();
        (ids, page.next)
    }

    pub fn journal(&self, id: RunId) -> Vec<Activation> {
        let page = run(self.store.journal(id, 0, usize::MAX)).unwrap();
        assert!(!page.more);
        page.activations
    }

    pub fn due(&self) -> Vec<RunId> {
        run(self.store.due_runs(None, 100)).unwrap().runs
    }

    pub fn timers(&self) -> Vec<(u64, RunId, u32)> {
        let timers = run(self.store.timers(None, Time(u64::MAX).into(), usize::MAX)).unwrap();
        assert_eq!(timers.next, None);
        let due = timers.due.into_iter();
        due.map(|timer| (timer.due.0, timer.run, timer.operation.0))
            .collect()
    }

    /// Records what came of an attempt at a call, without a limit on what the run may own.
    pub fn attempt(
        &self,
        id: RunId,
        operation: u32,
        attempt: u32,
        made: AttemptMade,
    ) -> AttemptNoted {
        let operation = OperationNumber(operation);
        let page = run(self.store.calls(None, 1_000)).unwrap();
        let mut known = page
            .calls
            .into_iter()
            .filter(|call| (call.run, call.operation) == (id, operation));
        let attempt = Attempts {
            scheduled: attempt,
            next: known.next().map_or(Time(0), |call| call.attempts.next),
        };
        run(self
            .store
            .attempt_made(id, operation, attempt, made, no_limit()))
        .unwrap()
    }

    /// Records a response to a call that is more than the run may own, so that the run fails.
    #[track_caller]
    pub fn fail_by_response(&self, id: RunId, operation: OperationNumber, attempt: Attempts) {
        let response = Response {
            status: 200,
            headers: Vec::new(),
            body: vec![0; 2_000].into(),
        };
        let over = OverStorage {
            most: 0,
            ..no_limit()
        };
        let made = AttemptMade::Done(Ok(response));
        let noted = self.store.attempt_made(id, operation, attempt, made, over);
        assert_eq!(run(noted).unwrap(), AttemptNoted::RunFailed);
    }

    /// Decides an event to all who wait for it. Nobody is reached yet.
    pub fn decide(&self, event: &str, payload: Payload) -> Notified {
        let notified = self.store.notify(event.into(), payload, Box::new(|_| None));
        run(notified).unwrap()
    }

    /// Serves the events under way to their end, and returns what each piece did.
    pub fn serve(&self) -> Vec<Served> {
        let mut pieces = Vec::new();
        let mut last = None;
        loop {
            let served = run(self.store.serve_events(last)).unwrap();
            let more = served.more;
            last = served.last.clone();
            pieces.push(served);
            assert!(pieces.len() < 1_000, "it does not come to an end");
            if !more {
                return pieces;
            }
        }
    }

    /// Sends an event to all who wait for it, and returns the runs whose waits it has reached.
    pub fn notify(&self, event: &str, payload: Payload) -> Vec<RunId> {
        let Notified::Decided(sequence) = self.decide(event, payload) else {
            panic!("there is no room for it");
        };
        let reached = self.serve().into_iter().flat_map(|served| served.reached);
        reached
            .filter(|(decided, _)| *decided == sequence)
            .map(|(_, run)| run)
            .collect()
    }

    /// Removes all that has expired.
    pub fn retire(&self) {
        while run(self.store.retire()).unwrap() {}
    }
}

/// Returns limits on storage that no run exceeds.
pub fn no_limit() -> OverStorage {
    OverStorage {
        most: u64::MAX,
        failure: Failure {
            code: "limit".into(),
            message: "it owns too much".into(),
        },
        repair_within: RETENTION,
    }
}

/// The limits under which orders are carried out.
pub fn limits() -> OrderLimits {
    OrderLimits {
        guest: GuestLimits {
            memory: 1,
            stack: 1,
        },
        storage: StorageLimits::NONE,
        children: (10, "children"),
        depth: (10, "depth"),
        retention: RETENTION,
        timeout_grace: 0,
        body: 1_000,
        mail: MAIL,
    }
}

pub fn operation(kind: Kind) -> Operation {
    Operation {
        step: "step".into(),
        digest: Digest::of(&0u8),
        kind,
        fields: Fields::default(),
    }
}

/// Returns an activation that delivers this completion and makes these operations.
pub fn activation(
    time: Time,
    delivered: Option<(u32, Outcome, Source)>,
    kinds: Vec<Kind>,
) -> NewActivation {
    let (completion, origin) = delivered
        .map(|(number, outcome, source)| {
            let accepted = match &outcome {
                Outcome::Delivery(Some(delivery)) => delivery.accepted,
                _ => time,
            };
            let origin = Origin {
                source,
                accepted,
                event: None,
            };
            let operation = OperationNumber(number);
            (Completion { operation, outcome }, origin)
        })
        .unzip();
    NewActivation {
        activation: Activation {
            time,
            completion,
            operations: kinds.into_iter().map(operation).collect(),
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
        repair_within: RETENTION,
        next_run: None,
    }
}

/// The same, and the run ends with it.
pub fn last_activation(time: Time, delivered: Option<(u32, Outcome, Source)>) -> NewActivation {
    let mut last = activation(time, delivered, Vec::new());
    last.activation.end = Some(End::Completed(Payload::default()));
    last
}

/// Creates the webhook of this number.
pub fn create(number: u32) -> Kind {
    Kind::CreateWebhook {
        webhook: WebhookNumber(number),
        url: format!("http://host/hooks/{number}"),
        options: WebhookOptions::default(),
    }
}

/// Waits for a request to the webhook of this number.
pub fn wait_for(number: u32) -> Kind {
    Kind::WaitForWebhook {
        webhook: WebhookNumber(number),
        timeout: Some(5_000),
    }
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

/// Returns a call with this policy.
pub fn call(policy: RetryPolicy) -> Call {
    Call {
        request: Request {
            method: "GET".into(),
            url: "http://service.example/".into(),
            headers: Vec::new(),
            body: Bytes::new(),
        },
        retry: policy,
        timeout: 1_000,
        redirects: 0,
        idempotency_key: "key".into(),
        secret_headers: Vec::new(),
    }
}
