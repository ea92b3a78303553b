//! The host of one run in a test: the run's operations, the completions that are available to it, and the time.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use super::operation::{OperationRequest, Outcome};
use crate::bindings::dormouse::workflow::context::{Level, Run, TriggerRequest};
use crate::bindings::dormouse::workflow::runs::{ContinueOptions, KeptWebhook, RunOutcome};
use crate::bindings::dormouse::workflow::types::{Failure, Payload, Response};
use crate::bindings::dormouse::workflow::webhooks::{Delivery, Webhook, WebhookOptions};

thread_local! {
    static CURRENT: RefCell<Option<World>> = const { RefCell::new(None) };
}

static WORLDS: AtomicU64 = AtomicU64::new(0);

/// The values with which a generation of a run begins.
#[derive(Clone)]
pub(crate) struct Beginning {
    pub(crate) now: u64,
    pub(crate) run: Run,
    pub(crate) request: Option<TriggerRequest>,
    pub(crate) input: Payload,
    pub(crate) kept: Vec<Hook>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) mail: HashMap<String, VecDeque<(u64, Payload)>>,
    pub(crate) cancel: Option<(u64, String)>,
    pub(crate) generation: u64,
}

/// A webhook.
#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) step: String,
    pub(crate) webhook: Webhook,
    pub(crate) is_closed: bool,
    pub(crate) queue: VecDeque<Delivery>,
}

/// A run that the workflow has started.
pub(crate) struct Child {
    pub(crate) workflow: String,
    pub(crate) id: String,
    pub(crate) input: Payload,
    pub(crate) outcome: Option<(u64, RunOutcome)>,
}

/// An operation that waits, or that has completed.
pub(crate) struct Operation {
    pub(crate) step: String,
    pub(crate) asked: OperationRequest,
    made: u64,
    /// The outcome that the test has given to the operation, with its time.
    pub(crate) given: Option<(u64, Outcome)>,
    state: State,
    waker: Option<Waker>,
}

#[derive(Debug, PartialEq)]
enum State {
    Open,
    Complete(Outcome),
    Over,
}

/// A completion that was delivered to the run.
#[derive(Clone)]
pub(crate) struct Completion {
    pub(crate) time: u64,
    pub(crate) operation: usize,
    pub(crate) outcome: Outcome,
}

pub(crate) struct World {
    pub(crate) id: u64,
    pub(crate) now: u64,
    pub(crate) beginning: Beginning,
    pub(crate) operations: Vec<Operation>,
    /// Everything that the run asked for, in order, as texts that a replay compares.
    pub(crate) made: Vec<String>,
    pub(crate) completions: Vec<Completion>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) children: Vec<Child>,
    pub(crate) answers: HashMap<String, Response>,
    pub(crate) log: Vec<(Level, String)>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) mail: HashMap<String, VecDeque<(u64, Payload)>>,
    pub(crate) cancel: Option<(u64, String)>,
    pub(crate) sent: Vec<(String, Option<String>, Payload)>,
    pub(crate) steps: Vec<Result<Payload, Failure>>,
    /// The outcomes of steps that a replay takes from the record.
    recorded_steps: VecDeque<Result<Payload, Failure>>,
    pub(crate) continued: Option<(Payload, ContinueOptions)>,
    chance: u64,
}

impl World {
    pub(crate) fn new(beginning: Beginning, recorded_steps: &[Result<Payload, Failure>]) -> Self {
        World {
            id: WORLDS.fetch_add(1, Ordering::Relaxed),
            now: beginning.now,
            operations: Vec::new(),
            made: Vec::new(),
            completions: Vec::new(),
            hooks: beginning.kept.clone(),
            children: Vec::new(),
            answers: HashMap::new(),
            log: Vec::new(),
            labels: beginning.labels.clone(),
            mail: beginning.mail.clone(),
            cancel: beginning.cancel.clone(),
            sent: Vec::new(),
            steps: Vec::new(),
            recorded_steps: recorded_steps.iter().cloned().collect(),
            continued: None,
            chance: beginning.generation,
            beginning,
        }
    }

    /// Calls a function with the world of the run that is executed on this thread.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn with<T>(call: impl FnOnce(&mut World) -> T) -> T {
        CURRENT.with_borrow_mut(|world| {
            let world = world.as_mut().unwrap_or_else(|| {
                panic!(
                    "a workflow called the host, and there is no host here; test the workflow with `dormouse_sdk::test::Test`"
                )
            });
            call(world)
        })
    }

    /// Makes a world the one of this thread while the function runs.
    pub(crate) fn enter<T>(world: &mut Option<World>, call: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(world.take());
        let output = call();
        *world = CURRENT.replace(before);
        output
    }

    pub(crate) fn run(&self) -> Run {
        self.beginning.run.clone()
    }

    pub(crate) fn request(&self) -> Option<TriggerRequest> {
        self.beginning.request.clone()
    }

    /// Returns random bytes that are the same each time (SplitMix64).
    pub(crate) fn random(&mut self, length: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length as usize {
            self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.chance;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.extend((mixed ^ (mixed >> 31)).to_le_bytes());
        }
        bytes.truncate(length as usize);
        bytes
    }

    pub(crate) fn set_label(&mut self, label: &str) -> Result<(), Failure> {
        let Some((key, value)) = label.split_once(':') else {
            return Err(Failure {
                code: "invalid-label".into(),
                message: format!("{label:?} has no colon: give key:value"),
            });
        };
        self.labels.insert(key.into(), value.into());
        Ok(())
    }

    pub(crate) fn create_webhook(&mut self, step: &str, options: &WebhookOptions) -> Webhook {
        self.made
            .push(format!("create-webhook {step:?} {options:?}"));
        let number = self.hooks.len();
        let webhook = Webhook {
            id: format!("webhook-{number}"),
            url: format!("https://dormouse.test/hooks/{number}"),
        };
        self.hooks.push(Hook {
            step: step.into(),
            webhook: webhook.clone(),
            is_closed: false,
            queue: VecDeque::new(),
        });
        webhook
    }

    pub(crate) fn close_webhook(&mut self, step: &str, id: &str) {
        self.made.push(format!("close-webhook {step:?} {id}"));
        if let Some(hook) = self.hooks.iter_mut().find(|hook| hook.webhook.id == id) {
            hook.is_closed = true;
        }
    }

    pub(crate) fn respond(&mut self, step: &str, delivery: &str, response: &Response) {
        self.made
            .push(format!("respond {step:?} {delivery} {response:?}"));
        let earlier = self.answers.insert(delivery.into(), response.clone());
        assert!(earlier.is_none(), "the workflow answers {delivery} twice");
    }

    pub(crate) fn begin_step(&mut self, step: &str) -> Option<Result<Payload, Failure>> {
        self.made.push(format!("step {step:?}"));
        let recorded = self.recorded_steps.pop_front();
        self.steps.extend(recorded.clone());
        recorded
    }

    pub(crate) fn finish_step(&mut self, _: &str, outcome: Result<Payload, Failure>) {
        self.steps.push(outcome);
    }

    pub(crate) fn continue_as_new(&mut self, input: &Payload, options: &ContinueOptions) {
        self.made
            .push(format!("continue-as-new {input:?} {options:?}"));
        self.continued = Some((input.clone(), options.clone()));
    }

    pub(crate) fn kept_webhooks(&self) -> Vec<KeptWebhook> {
        let kept = self.beginning.kept.iter();
        kept.map(|hook| KeptWebhook {
            step: hook.step.clone(),
            webhook: hook.webhook.clone(),
        })
        .collect()
    }

    /// Begins an operation, and returns its number.
    pub(crate) fn begin(&mut self, step: String, asked: OperationRequest) -> usize {
        self.made.push(asked.describe(&step));
        let given = self.given_at_once(&asked);
        self.operations.push(Operation {
            step,
            made: self.now,
            given: given.map(|outcome| (self.now, outcome)),
            asked,
            state: State::Open,
            waker: None,
        });
        self.operations.len() - 1
    }

    /// Returns the outcome that the host gives at once, without the outside world.
    fn given_at_once(&mut self, asked: &OperationRequest) -> Option<Outcome> {
        match asked {
            OperationRequest::Notify {
                event,
                run,
                payload,
            } => {
                self.sent
                    .push((event.clone(), run.clone(), payload.clone()));
                Some(Outcome::Notified(u32::from(run.is_some())))
            }
            OperationRequest::Start(start) => {
                let (workflow, input, _) = start.as_ref();
                let number = self.children.len() + 1;
                let id = format!("00000000-0000-7000-8000-{number:012x}");
                self.children.push(Child {
                    workflow: workflow.clone(),
                    id: id.clone(),
                    input: input.clone(),
                    outcome: None,
                });
                Some(Outcome::Started(Ok(id)))
            }
            OperationRequest::CancelRun(run, options) => {
                let now = self.now;
                let mut children = self.children.iter_mut();
                let child = children.find(|child| child.id == *run && child.outcome.is_none());
                let is_there = child.is_some();
                if let Some(child) = child
                    && options.grace.is_none()
                {
                    let reason = options.reason.clone();
                    let reason = reason.unwrap_or_else(|| "cancelled".into());
                    child.outcome = Some((now, RunOutcome::Cancelled(reason)));
                }
                Some(Outcome::RunCancelled(Ok(is_there)))
            }
            _ => None,
        }
    }

    /// Takes the outcome of an operation that has completed. Otherwise stores the waker, which is woken when it
    /// completes.
    pub(crate) fn take(&mut self, number: usize, waker: &Waker) -> Option<Outcome> {
        let operation = &mut self.operations[number];
        if !matches!(operation.state, State::Complete(_)) {
            operation.waker = Some(waker.clone());
            return None;
        }
        match std::mem::replace(&mut operation.state, State::Over) {
            State::Complete(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Gives up an operation whose future was dropped. A world that is over has no such operation.
    pub(crate) fn give_up(world: u64, number: usize) {
        // If the thread is ending, or if the future is dropped within a call of the host, there is nothing to give up.
        let _ = CURRENT.try_with(|current| {
            let Ok(mut current) = current.try_borrow_mut() else {
                return;
            };
            let Some(current) = current.as_mut().filter(|current| current.id == world) else {
                return;
            };
            if current.operations[number].state == State::Open {
                current.made.push(format!("abandon {number}"));
                current.operations[number].state = State::Over;
            }
        });
    }

    /// Returns the operations that wait, with their numbers.
    pub(crate) fn open(&self) -> impl Iterator<Item = (usize, &Operation)> {
        let operations = self.operations.iter().enumerate();
        operations.filter(|(_, operation)| operation.state == State::Open)
    }

    /// Completes an operation. Returns false if it does not wait.
    pub(crate) fn complete(&mut self, completion: Completion) -> bool {
        let Some(operation) = self.operations.get_mut(completion.operation) else {
            return false;
        };
        if operation.state != State::Open {
            return false;
        }
        self.now = completion.time;
        operation.state = State::Complete(completion.outcome.clone());
        if let Some(waker) = operation.waker.take() {
            waker.wake();
        }
        self.completions.push(completion);
        true
    }

    /// Returns the completion that is delivered next at this time, if there is one: the earliest, and among equals that
    /// of the oldest operation.
    pub(crate) fn next(&mut self) -> Option<Completion> {
        let mut first: Option<(u64, usize)> = None;
        let mut waited: Vec<&str> = Vec::new();
        for (number, operation) in self.open() {
            let arrived = match &operation.asked {
                // Waits on one webhook are served in the order in which they were made.
                OperationRequest::Webhook { id, .. } if waited.contains(&id.as_str()) => None,
                OperationRequest::Webhook { id, .. } => {
                    waited.push(id);
                    self.arrived(operation)
                }
                _ => self.arrived(operation),
            };
            let deadline = operation.asked.deadline(operation.made);
            let in_time = arrived.filter(|arrived| {
                *arrived <= operation.made || deadline.is_none_or(|deadline| *arrived < deadline)
            });
            let over = deadline.filter(|deadline| *deadline <= self.now);
            let time = in_time.or(over.map(|over| over.max(operation.made)));
            if let Some(time) = time
                && first.is_none_or(|(other, _)| time < other)
            {
                first = Some((time, number));
            }
        }
        let (_, number) = first?;
        let outcome = self.outcome(number);
        Some(Completion {
            time: self.now,
            operation: number,
            outcome,
        })
    }

    /// Returns the time at which the result that an operation waits for arrived, if it has arrived.
    fn arrived(&self, operation: &Operation) -> Option<u64> {
        match &operation.asked {
            OperationRequest::Webhook { id, .. } => {
                let hook = self.hooks.iter().find(|hook| hook.webhook.id == *id)?;
                hook.queue.front().map(|delivery| delivery.accepted)
            }
            OperationRequest::Event { event, .. } => {
                let mail = self.mail.get(event)?;
                mail.front().map(|(time, _)| *time)
            }
            OperationRequest::Cancel { .. } => self.cancel.as_ref().map(|(time, _)| *time),
            OperationRequest::Run { run, .. } => {
                let child = self.children.iter().find(|child| child.id == *run)?;
                child.outcome.as_ref().map(|(time, _)| *time)
            }
            _ => operation.given.as_ref().map(|(time, _)| *time),
        }
    }

    /// Takes the outcome of an operation: the result that has arrived in time, or that the time is over.
    fn outcome(&mut self, number: usize) -> Outcome {
        let operation = &self.operations[number];
        let deadline = operation.asked.deadline(operation.made);
        let arrived = self.arrived(operation);
        let in_time = arrived.is_some_and(|arrived| {
            arrived <= operation.made || deadline.is_none_or(|deadline| arrived < deadline)
        });
        if !in_time {
            return operation.asked.timed_out();
        }
        match operation.asked.clone() {
            OperationRequest::Webhook { id, .. } => {
                let mut hooks = self.hooks.iter_mut();
                let hook = hooks.find(|hook| hook.webhook.id == id);
                Outcome::Delivery(hook.and_then(|hook| hook.queue.pop_front()))
            }
            OperationRequest::Event { event, .. } => {
                let mail = self.mail.get_mut(&event).and_then(VecDeque::pop_front);
                Outcome::Event(mail.map(|(_, payload)| payload))
            }
            OperationRequest::Cancel { .. } => {
                Outcome::CancelAsked(self.cancel.as_ref().map(|(_, reason)| reason.clone()))
            }
            OperationRequest::Run { run, .. } => {
                let child = self.children.iter().find(|child| child.id == run);
                let outcome = child.and_then(|child| child.outcome.clone());
                Outcome::RunEnded(Ok(outcome.map(|(_, outcome)| outcome)))
            }
            _ => match self.operations[number].given.take() {
                Some((_, outcome)) => outcome,
                None => self.operations[number].asked.timed_out(),
            },
        }
    }

    /// Returns when the next deadline of an operation passes.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let deadlines = self.open();
        deadlines
            .filter_map(|(_, operation)| operation.asked.deadline(operation.made))
            .min()
    }
}
