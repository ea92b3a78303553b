//! The base of every test: an engine, guests, and a host that is only a journal in memory.

use std::any::Any;
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use dormouse_engine::{
    Config, CpuClock, Decision, Engine, Instance, InstanceParts, Interruption, Program, RunContext,
    Turns, Urls, WASM_STACK, open, seal,
};
use dormouse_journal::{
    Activation, Beginning, Completion, End, Failure, GuestLimits, Hashed, Labels, Operation,
    OperationNumber, Outcome, Payload, RunId, Time, Unhashed, VersionId, WebhookNumber,
    json_payload,
};
use dormouse_limits::{Budget, Limits, Part};
use serde_json::Value;

/// The key of the code cache.
pub(crate) const SEAL: [u8; 32] = [7; 32];

/// When every run is started.
pub(crate) const START: u64 = 1_000;

/// Returns the engine that all tests share.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&Config { slots: 64 }).unwrap())
}

/// Returns a guest that the build made, compiled once.
pub(crate) fn program(name: &str) -> Program {
    static PROGRAMS: OnceLock<Mutex<HashMap<String, Program>>> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(Mutex::default);
    let mut programs = programs.lock().unwrap_or_else(PoisonError::into_inner);
    let program = programs.entry(name.to_owned());
    program.or_insert_with(|| compile(&guest(name))).clone()
}

fn guest(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/guests")
        .join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        let path = path.display();
        panic!("{path}: {error}; run `cargo xtask build --guests-only`")
    })
}

pub(crate) fn compile(component: &[u8]) -> Program {
    let version = VersionId::of(component);
    let code = engine().precompile(component).unwrap();
    let sealed = seal(&SEAL, engine().fingerprint(), version, None, &code);
    open(engine(), &SEAL, version, &sealed, None).unwrap()
}

/// URLs that tell which webhook they are, and count how often they were asked for.
#[derive(Default)]
pub(crate) struct CountedUrls(pub(crate) AtomicU32);

impl Urls for CountedUrls {
    fn url(&self, _run: RunId, webhook: WebhookNumber) -> String {
        self.0.fetch_add(1, Ordering::Relaxed);
        format!("https://host.example/hooks/{webhook}")
    }
}

/// A clock that moves on by the same span with every look.
pub(crate) struct SteppingCpu {
    step: Duration,
    looks: AtomicU32,
}

impl SteppingCpu {
    pub(crate) fn new(step: Duration) -> Arc<Self> {
        let looks = AtomicU32::new(0);
        Arc::new(SteppingCpu { step, looks })
    }
}

impl CpuClock for SteppingCpu {
    fn thread_time(&self) -> Duration {
        self.step * self.looks.fetch_add(1, Ordering::Relaxed)
    }
}

/// Turns that are counted, of which only this many are given.
pub(crate) struct CountedTurns {
    pub(crate) asked: AtomicU32,
    pub(crate) most: u32,
    /// How many are under way.
    taken: Arc<AtomicU32>,
    /// How many operations were hashed elsewhere.
    hashed: AtomicU32,
}

impl Default for CountedTurns {
    fn default() -> Self {
        CountedTurns {
            asked: AtomicU32::new(0),
            most: u32::MAX,
            taken: Arc::default(),
            hashed: AtomicU32::new(0),
        }
    }
}

impl CountedTurns {
    pub(crate) fn up_to(most: u32) -> Arc<Self> {
        Arc::new(CountedTurns {
            most,
            ..CountedTurns::default()
        })
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn hashed(&self) -> u32 {
        self.hashed.load(Ordering::Relaxed)
    }
}

impl Turns for CountedTurns {
    fn next(&self) -> Pin<Box<dyn Future<Output = Box<dyn Any + Send>> + Send>> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked >= self.most {
            return Box::pin(std::future::pending());
        }
        let turn = Turn(self.taken.clone());
        turn.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let turn: Box<dyn Any + Send> = Box::new(turn);
            turn
        })
    }

    fn hash(&self, unhashed: Unhashed) -> Pin<Box<dyn Future<Output = Option<Hashed>> + Send>> {
        assert_eq!(self.taken(), 1, "who has something hashed has a turn");
        self.hashed.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Some(unhashed.hash()) })
    }
}

struct Turn(Arc<AtomicU32>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns the parts of an instance as a host makes them, to be changed before use.
pub(crate) fn instance_parts(input: Payload) -> InstanceParts {
    InstanceParts {
        context: RunContext {
            id: RunId::new(Time(START), [9; 10]),
            workflow: "test".into(),
            version: VersionId([1; 32]),
            started: Time(START),
            headers: vec![("x-tenant".into(), Bytes::from_static(b"acme"))],
            request: None,
        },
        input,
        beginning: Beginning::default(),
        earlier: dormouse_engine::EarlierWebhooks::default(),
        key: [42; 32],
        limits: GuestLimits {
            memory: 64 << 20,
            stack: WASM_STACK as u64,
        },
        host_limits: Arc::new(Limits::default()),
        memory: Budget::default().begin(Part::Guests),
        held: Budget::default().begin(Part::Guests),
        urls: Arc::new(CountedUrls::default()),
        providers: dormouse_webhook::provider::Providers::default(),
        cpu: SteppingCpu::new(Duration::ZERO),
        turns: Arc::new(CountedTurns::default()),
        logged: 0,
        labels: Labels::default(),
        rebuild_after_step: false,
    }
}

/// Sets the host's limits in the parts of an instance.
pub(crate) fn allow(parts: &mut InstanceParts, change: impl FnOnce(&mut Limits)) {
    change(Arc::make_mut(&mut parts.host_limits));
}

pub(crate) fn json(value: &Value) -> Payload {
    json_payload(value.to_string().into_bytes())
}

/// A run, with its journal and its instance.
pub(crate) struct Run {
    program: Program,
    parts: Box<dyn Fn() -> InstanceParts>,
    pub(crate) instance: Option<Instance>,
    pub(crate) journal: Vec<Activation>,
    pub(crate) decisions: Vec<Decision>,
}

impl Run {
    /// Returns a run of the scripted guest.
    pub(crate) fn script(script: Value) -> Self {
        Run::new(program("script"), move || instance_parts(json(&script)))
    }

    /// Returns a run of a guest that does not look at its input.
    pub(crate) fn of(program: Program) -> Self {
        Run::new(program, || instance_parts(Payload::default()))
    }

    fn new(program: Program, parts: impl Fn() -> InstanceParts + 'static) -> Self {
        Run {
            program,
            parts: Box::new(parts),
            instance: None,
            journal: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Changes what the run is launched with.
    pub(crate) fn with(mut self, change: impl Fn(&mut InstanceParts) + 'static) -> Self {
        let before = self.parts;
        self.parts = Box::new(move || {
            let mut parts = before();
            change(&mut parts);
            parts
        });
        self
    }

    /// Returns the first activation.
    pub(crate) fn start(&mut self) -> &mut Self {
        self.activate(START, None)
    }

    /// Returns an activation in which an operation completes at this time.
    pub(crate) fn complete(&mut self, time: u64, operation: u32, outcome: Outcome) -> &mut Self {
        let completion = Completion {
            operation: OperationNumber(operation),
            outcome,
        };
        self.activate(time, Some(completion))
    }

    fn activate(&mut self, time: u64, completion: Option<Completion>) -> &mut Self {
        self.try_activate(time, completion).unwrap();
        self
    }

    /// Returns one activation, in the instance that is there or in a new one.
    pub(crate) fn try_activate(
        &mut self,
        time: u64,
        completion: Option<Completion>,
    ) -> Result<(), Interruption> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.rebuild()?,
        };
        let mut made = block_on(instance.activate(Time(time).into(), completion));
        while let Err(Interruption::Rebuild(partial)) = made {
            instance = self.rebuild()?;
            made = block_on(instance.go_on(*partial));
        }
        let decision = made?;
        self.instance = Some(instance);
        self.journal.push(decision.activation.clone());
        self.decisions.push(decision);
        Ok(())
    }

    /// Returns a new instance that has repeated the journal.
    pub(crate) fn rebuild(&self) -> Result<Instance, Interruption> {
        let mut instance = self.launch();
        for activation in &self.journal {
            block_on(instance.replay(activation.clone()))?;
        }
        Ok(instance)
    }

    /// Returns a new instance.
    pub(crate) fn launch(&self) -> Instance {
        let mut parts = (self.parts)();
        parts.logged += self.decisions.last().map_or(0, |decision| decision.logged);
        let set = self.decisions.iter().map(|decision| &decision.labels);
        for label in set.flat_map(Labels::iter) {
            parts.labels.set(label).unwrap();
        }
        self.program.launch(parts).unwrap()
    }

    /// Drops the instance, so that the next activation begins with a replay.
    pub(crate) fn evict(&mut self) -> &mut Self {
        self.instance = None;
        self
    }

    pub(crate) fn last(&self) -> &Decision {
        self.decisions.last().unwrap()
    }

    /// Returns the operations of the whole journal, one line each.
    pub(crate) fn operations(&self) -> Vec<String> {
        let operations = self.journal.iter().flat_map(|made| &made.operations);
        operations.map(Operation::to_string).collect()
    }

    /// Returns the lines of the log.
    pub(crate) fn logged(&self) -> Vec<&str> {
        let lines = self.decisions.iter().flat_map(|decision| &decision.logs);
        lines.map(|line| line.message.as_str()).collect()
    }

    pub(crate) fn result(&self) -> &Payload {
        match &self.last().activation.end {
            Some(End::Completed(payload)) => payload,
            other => panic!("not completed: {other:?}"),
        }
    }

    /// Returns the result, as JSON.
    pub(crate) fn output(&self) -> Value {
        serde_json::from_slice(&self.result().body).unwrap()
    }

    pub(crate) fn failure(&self) -> &Failure {
        match &self.last().activation.end {
            Some(End::Failed { failure, .. }) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }
}

/// Asserts that a run fails at once, with this code and a message that says these things.
pub(crate) fn check_failure(mut run: Run, code: &str, says: &[&str]) {
    let failure = run.start().failure();
    assert_eq!(failure.code, code, "{failure:?}");
    for text in says {
        assert!(failure.message.contains(text), "{text:?} in {failure:?}");
    }
}

/// Polls a future until it is done. An instance's futures never wait for anything but their next turn.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
