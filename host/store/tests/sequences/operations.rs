//! Random operations: the acts of a host and of the outside world that are possible in the present state
//! of a store.

use bytes::Bytes;
use dormouse_journal::{
    CallError, CancelOptions, Channel, End, Failure, Frontier, Kind, OperationNumber, Outcome,
    Payload, Reply, Request, Response, RetryPolicy, RunId, Source, Time, WebhookNumber,
    WebhookOptions,
};
use dormouse_seams::Task;
use dormouse_store::{
    Accept, Accepted, Activated, AttemptMade, Attempts, Call, CallAgain, CommitRefused,
    InboxLimits, MailLimits, NewActivation, NewCall, NewNotify, NotifyTarget, OtherBody,
    OverStorage, RememberedKey, RetryFailed, RunToContinue, StartRun, StorageLimits, Store,
    WriteError,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::labels::labels;
use crate::support::{World, activation, limits, no_limit, run};

/// How long ended runs are kept.
const RETENTION: u64 = 3_000;

const MAIL: MailLimits = MailLimits {
    queued: 4,
    bytes: 5_000,
    storage: STORAGE,
};

/// Reached at times: a run sends and gets bodies of 1,500 bytes.
const STORAGE: StorageLimits = StorageLimits {
    run: 12_000,
    workflow: 100_000,
};

/// Random numbers that are the same for the same seed.
pub(crate) struct SeededRng(ChaCha8Rng);

impl SeededRng {
    pub(crate) fn new(seed: u64) -> Self {
        SeededRng(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Returns a number below this one.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0.next_u32() % end
    }

    /// Returns true at random, once in this many times.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let length = u32::try_from(of.len()).unwrap();
        (length > 0).then(|| of[self.below(length) as usize].clone())
    }

    /// Returns a body, at times too large for a row.
    fn body(&mut self) -> Bytes {
        let length = match self.below(4) {
            0 => 1_500,
            _ => 1 + self.below(20) as usize,
        };
        let byte = b'a' + u8::try_from(self.below(20)).unwrap();
        Bytes::from(vec![byte; length])
    }

    fn event(&mut self) -> String {
        if self.once_in(2) { "e" } else { "f" }.into()
    }

    fn payload(&mut self) -> Payload {
        Payload {
            content_type: "text/plain".into(),
            body: self.body(),
        }
    }
}

/// Something that happens to a store.
#[derive(Debug, Clone)]
pub(crate) enum TestAction {
    Start(StartRun),
    Activate(RunId, u32, Box<NewActivation>),
    Accept(Accept),
    Attempt(RunId, OperationNumber, u32, AttemptMade),
    Notify(String, Payload),
    NotifyRun(RunId, String, Payload),
    ServeEvents(Option<String>),
    Cancel(RunId),
    Block(RunId),
    Resume(RunId),
    Retry(Box<RetryFailed>),
    ServeOrders,
    Retire,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Observed {
    Accepted(Accepted),
    Activated(Result<Activated, CommitRefused>),
    /// What nobody looks into, but for a comparison.
    Else(String),
}

fn told<T: std::fmt::Debug>(of: T) -> Observed {
    Observed::Else(format!("{of:?}"))
}

impl TestAction {
    /// Hands it to a store.
    pub(crate) fn to(&self, store: &dyn Store) -> Task<Result<Observed, WriteError>> {
        macro_rules! then {
            ($written:expr, $came:expr) => {{
                let written = $written;
                Box::pin(async move { written.await.map($came) })
            }};
        }
        match self.clone() {
            TestAction::Start(start) => then!(store.start_run(start, Box::new(|_| None)), told),
            TestAction::Activate(id, number, new) => {
                let written = store.activate(id, number, *new, RETENTION, MAIL);
                then!(written, Observed::Activated)
            }
            TestAction::Accept(accept) => {
                then!(store.accept(accept, Box::new(|_| None)), Observed::Accepted)
            }
            TestAction::Attempt(id, operation, attempt, made) => {
                let over = OverStorage {
                    most: STORAGE.run,
                    repair_within: RETENTION,
                    ..no_limit()
                };
                let attempt = Attempts {
                    scheduled: attempt,
                    next: Time(0),
                };
                then!(store.attempt_made(id, operation, attempt, made, over), told)
            }
            TestAction::Notify(event, payload) => {
                then!(store.notify(event, payload, Box::new(|_| None)), told)
            }
            TestAction::NotifyRun(id, event, payload) => {
                then!(store.notify_run(id, event, payload, MAIL), told)
            }
            TestAction::ServeEvents(last) => then!(store.serve_events(last), told),
            TestAction::Cancel(id) => {
                then!(store.cancel(id, CancelOptions::default(), RETENTION), told)
            }
            TestAction::Block(id) => {
                let reason = Failure {
                    code: "c".into(),
                    message: "m".into(),
                };
                then!(store.block(id, reason, None), told)
            }
            TestAction::Resume(id) => then!(store.resume(id), told),
            TestAction::Retry(retry) => then!(store.retry_failed(*retry), told),
            TestAction::ServeOrders => then!(store.serve_orders(None, limits()), told),
            TestAction::Retire => then!(store.retire(), told),
        }
    }
}

/// Returns what may happen next, by what the store of this world has.
pub(crate) fn next(
    world: &World,
    rng: &mut SeededRng,
    runs: &mut Vec<RunId>,
    made: &mut u32,
) -> TestAction {
    *made += 1;
    let Some(id) = rng.pick(runs) else {
        return start(world, rng, runs);
    };
    match rng.below(25) {
        0..=1 => start(world, rng, runs),
        2..=10 => activate(world, rng, id).unwrap_or_else(|| accept(world, rng, id, *made)),
        11..=15 => accept(world, rng, id, *made),
        16..=17 => attempt(world, rng).unwrap_or(TestAction::ServeEvents(None)),
        18 => TestAction::Notify(rng.event(), rng.payload()),
        19 => TestAction::NotifyRun(id, rng.event(), rng.payload()),
        20 => TestAction::ServeEvents(rng.once_in(2).then(|| rng.event())),
        21 => match rng.below(3) {
            0 => TestAction::Cancel(id),
            1 => TestAction::Block(id),
            _ => TestAction::Resume(id),
        },
        23 => TestAction::ServeOrders,
        22 => retry(world, rng, id).unwrap_or(TestAction::Resume(id)),
        _ => TestAction::Retire,
    }
}

fn start(world: &World, rng: &mut SeededRng, runs: &mut Vec<RunId>) -> TestAction {
    let mut start = world.new_start();
    runs.push(start.run);
    start.input.body = rng.body();
    start.remember = 2_000;
    start.storage = STORAGE;
    if rng.once_in(2) {
        start.labels = labels(&["kind:chance", ["size:1", "size:2"][rng.below(2) as usize]]);
    }
    if rng.once_in(3) {
        start.idempotency_key = Some(format!("key {}", rng.below(3)));
    }
    TestAction::Start(start)
}

fn accept(world: &World, rng: &mut SeededRng, id: RunId, made: u32) -> TestAction {
    let webhook = WebhookNumber(rng.below(3));
    let body = rng.body();
    let key = rng.once_in(2).then(|| RememberedKey {
        digest: [u8::try_from(rng.below(4)).unwrap(); 32],
        earlier: None,
        body: [body[0]; 32],
        other_body: [OtherBody::Refuse, OtherBody::Queue, OtherBody::Same][rng.below(3) as usize],
    });
    let mut accept = world.request(id, "");
    accept.webhook = webhook;
    accept.id = format!("request {made}");
    accept.request.body = body;
    accept.request.headers = vec![("x-a".into(), Bytes::from_static(b"1"))];
    accept.key = key;
    accept.remember = 2_000;
    accept.limits = InboxLimits {
        requests: 5,
        bytes: 6_000,
        host_bytes: 20_000,
        storage: STORAGE,
    };
    TestAction::Accept(accept)
}

fn attempt(world: &World, rng: &mut SeededRng) -> Option<TestAction> {
    let call = rng.pick(&run(world.store.calls(None, 100)).unwrap().calls)?;
    let made = match rng.below(4) {
        0 => AttemptMade::Done(Err(CallError::Unreachable("no".into()))),
        1 => AttemptMade::Done(Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: rng.body(),
        })),
        2 => AttemptMade::Again {
            next: Time(world.now().0 + 100),
            error: Some("status 503".into()),
        },
        _ => AttemptMade::Withdrawn,
    };
    let late = u32::from(rng.once_in(6));
    let attempt = call.attempts.scheduled + late;
    Some(TestAction::Attempt(call.run, call.operation, attempt, made))
}

/// Returns a retry of a failed run: mostly as it is to be made, and at times of another try.
fn retry(world: &World, rng: &mut SeededRng, id: RunId) -> Option<TestAction> {
    let failed = run(world.store.failed(id)).unwrap()?;
    let (state, run) = (&failed.view.state, &failed.view.run);
    let calls = failed.bad.iter().map(|bad| CallAgain {
        operation: bad.operation,
        kind: bad.open.kind.clone(),
        call: call(rng),
        repeats: bad.repeats + u32::from(bad.outcome.is_definite()),
    });
    let calls: Vec<CallAgain> = calls.collect();
    Some(TestAction::Retry(Box::new(RetryFailed {
        run: id,
        activations: state.activations,
        calls,
        tries: state.tries + u32::from(rng.once_in(6)),
        version: run.version,
        limits: run.limits,
        waits: Vec::new(),
        records: Vec::new(),
        in_flight: Vec::new(),
        open: failed.open,
        anyway: false,
        is_of_parent: false,
        dry_run: false,
    })))
}

/// Returns an activation: mostly the one that comes next, as a runner finds it, and at times another.
fn activate(world: &World, rng: &mut SeededRng, id: RunId) -> Option<TestAction> {
    let recalled = run(world.store.run_to_continue(id)).unwrap()?;
    let state = recalled.view.state.clone();
    // Far enough that no other activation of its group makes it right.
    let late = 1_000 * u32::from(rng.once_in(12));
    let delivered = match state.activations {
        0 => None,
        _ => Some(completion(world, id, recalled)?),
    };
    let mut new = activation(world.now(), delivered, Vec::new());
    let webhooks = world.webhooks(id, 10)?.len();
    for _ in 0..rng.below(5) {
        make(
            rng,
            &mut new,
            state.operations,
            u32::try_from(webhooks).unwrap(),
        );
    }
    if rng.once_in(12) {
        let waits = (0..150).map(|_| Kind::WaitForEvent {
            event: "e".into(),
            timeout: Some(500),
        });
        let waits = waits.map(crate::support::operation);
        new.activation.operations.extend(waits);
    }
    if rng.once_in(15) {
        new.activation.end = Some(End::Completed(rng.payload()));
    } else if rng.once_in(10) {
        new.activation.end = Some(End::Failed {
            failure: Failure::default(),
            backtrace: None,
        });
    }
    Some(TestAction::Activate(
        id,
        state.activations + late,
        Box::new(new),
    ))
}

/// Returns what completes next, if anything does.
fn completion(world: &World, id: RunId, recalled: RunToContinue) -> Option<(u32, Outcome, Source)> {
    let mut frontier = Frontier::restore(recalled.open, recalled.view.state.operations);
    while let Some(channel) = first_unchecked(&frontier) {
        let head = recalled.heads.iter().find(|(found, _)| *found == channel);
        frontier.found(channel, head.map(|(_, head)| *head));
    }
    let ready = frontier.next(world.now().into())?;
    let outcome = match &ready.source {
        Source::Arrival { channel, place } => world.arrival(id, channel.clone(), *place)?,
        Source::Deadline | Source::Abandoned => {
            Outcome::given_up(&frontier.get(ready.operation)?.kind)?
        }
    };
    Some((ready.operation.0, outcome, ready.source))
}

fn first_unchecked(frontier: &Frontier) -> Option<Channel> {
    frontier.unchecked().next().cloned()
}

/// Makes one more operation.
fn make(rng: &mut SeededRng, new: &mut NewActivation, made: u32, webhooks: u32) {
    let here = u32::try_from(new.activation.operations.len()).unwrap();
    let operation = OperationNumber(made + here);
    let creates = |operation: &&dormouse_journal::Operation| {
        matches!(operation.kind, Kind::CreateWebhook { .. })
    };
    let created = new.activation.operations.iter().filter(creates).count();
    let webhooks = webhooks + u32::try_from(created).unwrap();
    let timeout = rng.once_in(2).then(|| u64::from(rng.below(600)));
    let kind = match rng.below(9) {
        0 => Kind::CreateWebhook {
            webhook: WebhookNumber(webhooks),
            url: format!("http://host/hooks/{webhooks}"),
            options: WebhookOptions {
                reply: match rng.below(2) {
                    0 => Reply::Accepted,
                    _ => Reply::FromWorkflow(1_000),
                },
                ..WebhookOptions::default()
            },
        },
        1..=2 if webhooks > 0 => Kind::WaitForWebhook {
            webhook: WebhookNumber(rng.below(webhooks)),
            timeout,
        },
        3 => Kind::WaitForEvent {
            event: rng.event(),
            timeout,
        },
        4 => {
            let call = call(rng);
            let kind = Kind::Call {
                method: call.request.method.clone(),
                url: call.request.url.clone(),
                retry: call.retry,
            };
            new.calls.push(NewCall { operation, call });
            kind
        }
        5 => {
            let event = rng.event();
            new.notifies.push(NewNotify {
                operation,
                event: event.clone(),
                to: match rng.below(3) {
                    0 => NotifyTarget::Nobody,
                    _ => NotifyTarget::Everyone,
                },
                payload: rng.payload(),
            });
            Kind::Notify { event, run: None }
        }
        6 if operation.0 > 0 => Kind::Abandon {
            operations: vec![OperationNumber(rng.below(operation.0))],
            dropped: rng.once_in(2),
        },
        7 if webhooks > 2 && rng.once_in(4) => Kind::CloseWebhook {
            webhook: WebhookNumber(rng.below(webhooks)),
        },
        _ => Kind::Sleep {
            duration: u64::from(rng.below(800)),
        },
    };
    let operation = crate::support::operation(kind);
    new.activation.operations.push(operation);
}

fn call(rng: &mut SeededRng) -> Call {
    // As large as to lie apart from the rest of the call.
    let body = match rng.once_in(8) {
        true => Bytes::from(vec![b'z'; 5_000]),
        false => rng.body(),
    };
    Call {
        request: Request {
            method: "POST".into(),
            url: "http://service.example/".into(),
            headers: Vec::new(),
            body,
        },
        retry: RetryPolicy::default(),
        timeout: 1_000,
        redirects: 0,
        idempotency_key: "key".into(),
        secret_headers: Vec::new(),
    }
}

/// Returns the channel that an activation took a request from.
pub(crate) fn taken(new: &NewActivation) -> Option<(WebhookNumber, u64)> {
    let origin = new.activation.origin.as_ref();
    match origin.map(|origin| &origin.source) {
        Some(Source::Arrival {
            channel: Channel::Webhook(webhook),
            place,
        }) => Some((*webhook, *place)),
        _ => None,
    }
}
