//! Turns the decision of a guest into the transaction that the store is asked to commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use dormouse_engine::{Decision, Effect, WASM_STACK};
use dormouse_journal::{
    Arguments, CallOptions, End, Failure, GuestLimits, Kind, OperationNumber, Origin, Outcome,
    Request, RunId, RunOutcome, Time,
};
use dormouse_limits::{JOURNAL, Limits};
use dormouse_seams::Entropy;
use dormouse_store::{
    Call, ChildStart, NewActivation, NewCall, NewGeneration, NewNotify, NewOrder, NewResponse,
    NextRun, NotifyTarget,
};

use crate::run_ids::RunIds;
use crate::storage::{storage_limits, too_much};

/// Generates the random values that new runs need.
pub(crate) struct NewRunValues {
    pub(crate) ids: Arc<RunIds>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl NewRunValues {
    /// Returns the id of a new run, and the key of its random numbers.
    pub(crate) fn next(&self, now: Time) -> (RunId, [u8; 32]) {
        let mut key = [0; 32];
        self.entropy.fill(&mut key);
        (self.ids.next(now), key)
    }
}

/// The state of a run before an activation.
pub(crate) struct Before {
    /// The number of operations that the run waited for.
    pub(crate) outstanding: usize,
    /// The number of times that the run had been retried or moved.
    pub(crate) tries: u32,
    /// The size of the run's journal in bytes.
    pub(crate) journal_bytes: u64,
    /// The bytes on the disk that the run had made itself.
    pub(crate) own_bytes: u64,
    /// True if requests to a trigger belong to the run because of their key.
    pub(crate) is_keyed: bool,
}

/// Returns the activation to commit, and whether the run breaks in it.
pub(crate) fn activation(
    limits: &Limits,
    new_run_values: &NewRunValues,
    run: RunId,
    (mut decision, origin): (Decision, Option<Origin>),
    repeats: &BTreeMap<OperationNumber, u32>,
    before: &Before,
) -> (NewActivation, bool) {
    let Before {
        outstanding,
        tries,
        journal_bytes,
        own_bytes,
        is_keyed,
    } = *before;
    decision.activation.origin = origin;
    // The last activation of a generation is not recorded. The input of the next generation is.
    let record = match &decision.next {
        None => decision.activation.encoded_len() as u64,
        Some(next) => next.input.body.len() as u64,
    };
    let size = journal_bytes + record;
    let made = decision.effects.iter().map(made).sum::<u64>();
    let end = if size > limits.journal && decision.next.is_none() {
        Some(too_long(limits, size))
    } else if own_bytes.saturating_add(record).saturating_add(made) > limits.storage {
        Some(End::Failed {
            failure: too_much(limits),
            backtrace: None,
        })
    } else {
        None
    };
    if decision.activation.end.is_none() && end.is_some() {
        decision.effects.clear();
        decision.broke = true;
        decision.next = None;
        decision.activation.end = end;
    }
    let made_here = decision.activation.operations.len();
    let mut new = NewActivation {
        activation: decision.activation,
        tries,
        replaced: decision.replaced,
        calls: Vec::new(),
        notifies: Vec::new(),
        orders: Vec::new(),
        responses: Vec::new(),
        next: decision.next.map(|next| NewGeneration {
            next: *next,
            outstanding: (outstanding + made_here) as u64,
        }),
        logs: decision.logs,
        logged: decision.logged as u64,
        labels: decision.labels,
        repair_within: limits.broken_retention,
        next_run: None,
    };
    if is_keyed && matches!(new.activation.end, Some(End::Completed(_))) {
        new.next_run = Some(next_run(limits, new_run_values, new.activation.time));
    }
    for effect in decision.effects {
        add(limits, new_run_values, (run, repeats), effect, &mut new);
    }
    (new, decision.broke)
}

/// Returns the run that may follow a run with a key.
fn next_run(limits: &Limits, new_run_values: &NewRunValues, now: Time) -> NextRun {
    let (run, random) = new_run_values.next(now);
    NextRun {
        run,
        random,
        guest: GuestLimits {
            memory: limits.memory,
            stack: WASM_STACK as u64,
        },
        storage: storage_limits(limits),
    }
}

/// Returns about how many bytes an effect leaves on the disk for this run. An event counts for the run that gets it.
fn made(effect: &Effect) -> u64 {
    match effect {
        Effect::Call { request, .. } => request.body.len() as u64,
        Effect::Respond { response, .. } => response.body.len() as u64,
        Effect::StartRun { input, options, .. } => {
            let headers = options.headers.iter();
            let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
            (input.body.len() + headers) as u64
        }
        Effect::Notify { .. } | Effect::CancelRun { .. } => 0,
    }
}

/// Returns about how many bytes are encoded for an activation: those of the bodies in it.
pub(crate) fn volume(new: &NewActivation) -> usize {
    let calls = new.calls.iter().map(|new| new.call.request.body.len());
    let notifies = new.notifies.iter().map(|new| new.payload.body.len());
    let responses = new.responses.iter().map(|new| new.response.body.len());
    let orders = new.orders.iter().map(|order| match order {
        NewOrder::Start(start, _) => start.input.body.len(),
        NewOrder::Cancel { .. } => 0,
    });
    let steps = new.activation.operations.iter();
    let steps = steps.map(|operation| match &operation.kind {
        Kind::Begin {
            outcome: Some(Ok(payload)),
        } => payload.body.len(),
        _ => 0,
    });
    let completion = new.activation.completion.iter();
    let completion = completion.map(|completion| match &completion.outcome {
        Outcome::Delivery(Some(delivery)) => delivery.request.body.len(),
        Outcome::Response(Ok(response)) => response.body.len(),
        Outcome::Event(Some(payload))
        | Outcome::RunEnded(Ok(Some(RunOutcome::Completed(payload)))) => payload.body.len(),
        _ => 0,
    });
    let end = new.activation.end.iter().map(|end| match end {
        End::Completed(output) => output.body.len(),
        End::Failed { .. } => 0,
    });
    let next = new.next.iter().map(|next| next.next.input.body.len());
    let decided = calls.chain(notifies).chain(responses).chain(orders);
    decided
        .chain(steps)
        .chain(completion)
        .chain(end)
        .chain(next)
        .sum()
}

fn too_long(limits: &Limits, size: u64) -> End {
    let limit = limits.journal;
    End::Failed {
        failure: Failure {
            code: "limit".into(),
            message: format!(
                "the journal of this run would have {size} bytes, and may have {limit}; the setting is \
                     `{JOURNAL}`. Long loops with large bodies are better split into several runs"
            ),
        },
        backtrace: None,
    }
}

/// Returns a call as it is made. `repeats` is the number of earlier definite answers to it: after each of them, the
/// service must see another call.
pub(crate) fn call(
    limits: &Limits,
    (run, operation): (RunId, OperationNumber),
    repeats: u32,
    request: Request,
    options: CallOptions,
) -> Call {
    let own_key = || match repeats {
        0 => format!("{run}-{operation}"),
        repeats => format!("{run}-{operation}-{repeats}"),
    };
    Call {
        request,
        retry: options.retry.unwrap_or_default(),
        timeout: options.timeout.unwrap_or(limits.call_timeout),
        redirects: options.redirects,
        idempotency_key: options.idempotency_key.unwrap_or_else(own_key),
        secret_headers: options.secret_headers,
    }
}

/// Returns the arguments of a call that is kept. Options that the host filled in stay as they are.
pub(crate) fn arguments(call: Call) -> Arguments {
    Arguments::Call {
        request: call.request,
        options: CallOptions {
            timeout: Some(call.timeout),
            retry: Some(call.retry),
            idempotency_key: Some(call.idempotency_key),
            redirects: call.redirects,
            secret_headers: call.secret_headers,
        },
    }
}

fn add(
    limits: &Limits,
    new_run_values: &NewRunValues,
    (run, repeats): (RunId, &BTreeMap<OperationNumber, u32>),
    effect: Effect,
    new: &mut NewActivation,
) {
    match effect {
        Effect::Call {
            operation,
            request,
            options,
        } => {
            let repeats = repeats.get(&operation).copied().unwrap_or_default();
            let call = call(limits, (run, operation), repeats, request, options);
            new.calls.push(NewCall { operation, call });
        }
        Effect::Notify {
            operation,
            event,
            run,
            payload,
        } => {
            let to = match run.map(|run| run.parse()) {
                None => NotifyTarget::Everyone,
                Some(Ok(run)) => NotifyTarget::Run(run),
                Some(Err(_)) => NotifyTarget::Nobody,
            };
            new.notifies.push(NewNotify {
                operation,
                event,
                to,
                payload,
            });
        }
        Effect::Respond { delivery, response } => {
            new.responses.push(NewResponse { delivery, response });
        }
        Effect::StartRun {
            operation,
            workflow,
            input,
            options,
        } => {
            let (run, key) = new_run_values.next(new.activation.time);
            let child = ChildStart {
                operation,
                run,
                key,
                workflow,
                version: options.version,
                input,
                when_parent_ends: options.when_parent_ends,
                timeout: options.timeout,
                labels: options.labels,
            };
            new.orders.push(NewOrder::Start(child, options.headers));
        }
        Effect::CancelRun {
            operation,
            run,
            options,
        } => new.orders.push(NewOrder::Cancel {
            operation,
            run: run.parse().ok(),
            options,
        }),
    }
}
