//! What every test needs: an engine, guests, and a host that is nothing but a journal in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use dormouse_engine::{
    Allowance, Config, CpuClock, Decision, Engine, Instance, Interruption, Launch, Program,
    RunContext, Urls, WASM_STACK, open, seal,
};
use dormouse_journal::{
    Activation, Completion, End, Failure, GuestLimits, Operation, OperationNumber, Outcome,
    Payload, RunId, Time, VersionId, WebhookNumber, json_payload,
};
use serde_json::Value;

pub(crate) const KEY: [u8; 32] = [7; 32];

/// The engine that all tests of a file share.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&Config { slots: 64 }).unwrap())
}

/// A guest that the build made.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/guests")
        .join(name)
        .with_extension("wasm");
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; run `cargo xtask build --guests-only`",
            path.display()
        )
    })
}

/// A guest that the build made, compiled.
pub(crate) fn program(name: &str) -> Program {
    static PROGRAMS: OnceLock<Mutex<HashMap<String, Program>>> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(Mutex::default);
    let mut programs = programs.lock().unwrap_or_else(PoisonError::into_inner);
    programs
        .entry(name.to_owned())
        .or_insert_with(|| compile(&guest(name)))
        .clone()
}

/// A component given as text.
pub(crate) fn text(component: &str) -> Program {
    compile(&wat::parse_str(component).unwrap())
}

pub(crate) fn compile(component: &[u8]) -> Program {
    let version = VersionId::of(component);
    let code = engine().precompile(component).unwrap();
    let sealed = seal(&KEY, engine().fingerprint(), version, &code);
    open(engine(), &KEY, version, &sealed).unwrap()
}

/// URLs that tell which webhook they are, and when they were minted.
#[derive(Default)]
pub(crate) struct CountedUrls(AtomicU64);

impl Urls for CountedUrls {
    fn url(&self, _run: RunId, webhook: WebhookNumber) -> String {
        let minted = self.0.fetch_add(1, Ordering::Relaxed);
        format!("https://host.example/hooks/{webhook}-{minted}")
    }
}

/// A clock that moves on by the same span with every look, so that a budget is a number of looks.
pub(crate) struct SteppingCpu {
    pub(crate) step: Duration,
    looks: AtomicU64,
}

impl SteppingCpu {
    pub(crate) fn new(step: Duration) -> Arc<Self> {
        Arc::new(SteppingCpu {
            step,
            looks: AtomicU64::new(0),
        })
    }
}

impl CpuClock for SteppingCpu {
    fn thread_time(&self) -> Duration {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        self.step * u32::try_from(looks).unwrap()
    }
}

/// A launch as a host makes it, to be changed before use.
pub(crate) fn launch(input: Payload) -> Launch {
    Launch {
        context: RunContext {
            id: RunId::new(Time(1_000), [9; 10]),
            workflow: "test".into(),
            version: VersionId([1; 32]),
            started: Time(1_000),
            headers: vec![("x-tenant".into(), bytes::Bytes::from_static(b"acme"))],
        },
        input,
        key: [42; 32],
        limits: GuestLimits {
            memory: 64 << 20,
            stack: WASM_STACK as u64,
        },
        allowance: Arc::new(Allowance::default()),
        urls: Arc::new(CountedUrls::default()),
        cpu: SteppingCpu::new(Duration::ZERO),
        logged: 0,
        rebuild_after_step: false,
    }
}

/// A run of the scripted guest, with its journal and its instance.
pub(crate) struct Run {
    pub(crate) program: Program,
    pub(crate) launch: Box<dyn Fn() -> Launch>,
    pub(crate) instance: Option<Instance>,
    pub(crate) journal: Vec<Activation>,
    pub(crate) decisions: Vec<Decision>,
}

impl Run {
    /// A run of the scripted guest.
    pub(crate) fn script(script: Value) -> Self {
        Run::of(program("script"), move || launch(json(&script)))
    }

    pub(crate) fn of(program: Program, launch: impl Fn() -> Launch + 'static) -> Self {
        Run {
            program,
            launch: Box::new(launch),
            instance: None,
            journal: Vec::new(),
            decisions: Vec::new(),
        }
    }

    /// Changes what the run is launched with.
    pub(crate) fn with(self, change: impl Fn(&mut Launch) + 'static) -> Self {
        let before = self.launch;
        let launch = move || {
            let mut launch = before();
            change(&mut launch);
            launch
        };
        Run {
            launch: Box::new(launch),
            ..self
        }
    }

    /// The first activation.
    pub(crate) fn start(&mut self) -> &mut Self {
        self.activate(1_000, None)
    }

    /// Completes an operation at this time.
    pub(crate) fn complete(&mut self, time: u64, operation: u32, outcome: Outcome) -> &mut Self {
        let completion = Completion {
            operation: OperationNumber(operation),
            outcome,
        };
        self.activate(time, Some(completion))
    }

    pub(crate) fn activate(&mut self, time: u64, completion: Option<Completion>) -> &mut Self {
        self.try_activate(time, completion).unwrap();
        self
    }

    /// One activation, in the instance that is there or in a new one.
    pub(crate) fn try_activate(
        &mut self,
        time: u64,
        completion: Option<Completion>,
    ) -> Result<(), Interruption> {
        let mut instance = match self.instance.take() {
            Some(instance) => instance,
            None => self.rebuild()?,
        };
        let mut made = block_on(instance.activate(Time(time), completion));
        while let Err(Interruption::Rebuild(partial)) = made {
            drop(instance);
            instance = self.rebuild()?;
            made = block_on(instance.go_on(*partial));
        }
        let decision = made?;
        self.instance = Some(instance);
        self.journal.push(decision.activation.clone());
        self.decisions.push(decision);
        Ok(())
    }

    /// A new instance that has repeated the journal.
    pub(crate) fn rebuild(&self) -> Result<Instance, Interruption> {
        replay(&self.program, (self.launch)(), &self.journal)
    }

    /// Drops the instance, so that the next activation begins with a replay.
    pub(crate) fn evict(&mut self) -> &mut Self {
        self.instance = None;
        self
    }

    pub(crate) fn last(&self) -> &Decision {
        self.decisions.last().unwrap()
    }

    /// The operations of the whole journal, one line each.
    pub(crate) fn operations(&self) -> Vec<String> {
        let operations = self.journal.iter().flat_map(|made| &made.operations);
        operations.map(Operation::to_string).collect()
    }

    /// The text of the log.
    pub(crate) fn logged(&self) -> Vec<&str> {
        let lines = self.decisions.iter().flat_map(|decision| &decision.logs);
        lines.map(|line| line.message.as_str()).collect()
    }

    /// The result, as JSON.
    pub(crate) fn output(&self) -> Value {
        match &self.last().activation.end {
            Some(End::Completed(payload)) => serde_json::from_slice(&payload.body).unwrap(),
            other => panic!("not completed: {other:?}"),
        }
    }

    pub(crate) fn failure(&self) -> &Failure {
        match &self.last().activation.end {
            Some(End::Failed { failure, .. }) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }
}

/// An instance that has repeated a journal.
pub(crate) fn replay(
    program: &Program,
    launch: Launch,
    journal: &[Activation],
) -> Result<Instance, Interruption> {
    let mut instance = program.launch(launch).unwrap();
    for activation in journal {
        block_on(instance.replay(activation.clone()))?;
    }
    Ok(instance)
}

pub(crate) fn json(value: &Value) -> Payload {
    json_payload(value.to_string().into_bytes())
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
