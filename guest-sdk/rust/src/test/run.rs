//! A run in a test.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::incoming::Incoming;
use super::seen::{NoResponse, SeenCall, SeenRun};
use crate::contract::runs::RunOutcome;
use crate::contract::types::Request;
use crate::contract::webhooks::Delivery;
use crate::error::Error;
use crate::headers::Headers;
use crate::native::{Child, Hook, Instance, OperationRequest, Outcome, World};
use crate::payload::{FromPayload, IntoPayload, Payload};
use crate::response::Response;
use crate::time::{Instant, IntoDuration, contract_millis};

/// How many times time may move on before a run must have ended.
const MOST_MOVES: usize = 100_000;

/// A run whose outside world is the test.
///
/// Each method that acts on the run lets it go on as far as it can at that instant. Time passes with
/// [`advance`](Self::advance), and in the methods that wait for the end of the run: [`output`](Self::output) and
/// [`failure`](Self::failure).
///
/// Methods panic, and so fail the test, if the call, webhook or run that they name does not exist. The message says
/// what the run waits for.
pub struct TestRun {
    instance: Instance,
    started: u64,
    requests: u64,
}

impl TestRun {
    pub(crate) fn new(instance: Instance, started: u64) -> Self {
        Self {
            instance,
            started,
            requests: 0,
        }
    }

    /// Returns the oldest call with this step name that waits for an answer.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn call(&self, step: &str) -> SeenCall {
        let calls = self.calls();
        match calls.into_iter().find(|call| call.step == step) {
            Some(call) => call,
            None => self.missing(&format!("makes no call {step:?}")),
        }
    }

    /// Returns all calls that wait for an answer, oldest first.
    pub fn calls(&self) -> Vec<SeenCall> {
        let open = self.world().open();
        let calls = open.filter_map(|(_, operation)| match &operation.asked {
            OperationRequest::Call(call) if operation.given.is_none() => {
                Some(SeenCall::of(&operation.step, &call.0, &call.1))
            }
            _ => None,
        });
        calls.collect()
    }

    /// Answers the oldest call with this step name.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn answer(&mut self, step: &str, response: Response) {
        self.end_call(step, Ok(response));
    }

    /// Ends the oldest call with this step name without a response.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn fail_call(&mut self, step: &str, why: NoResponse) {
        self.end_call(step, Err(why));
    }

    #[track_caller]
    fn end_call(&mut self, step: &str, result: Result<Response, NoResponse>) {
        let is_it = |asked: &OperationRequest, name: &str| {
            matches!(asked, OperationRequest::Call(_)) && name == step
        };
        let mut open = self.world().open();
        let found = open.find(|(_, open)| open.given.is_none() && is_it(&open.asked, &open.step));
        let Some((number, _)) = found else {
            drop(open);
            self.missing(&format!("makes no call {step:?}"));
        };
        drop(open);
        let result = result.map(Response::into_contract);
        let result = result.map_err(NoResponse::into_contract);
        let outcome = Outcome::Response(Box::new(result));
        let world = self.instance.world_mut();
        let now = world.now;
        world.operations[number].given = Some((now, outcome));
        self.instance.go_on();
    }

    /// Returns the URL of the webhook with this name that was created last.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn webhook_url(&self, name: &str) -> String {
        match self.hook(name) {
            Some(hook) => hook.webhook.url.clone(),
            None => self.missing(&format!("has no webhook {name:?}")),
        }
    }

    fn hook(&self, name: &str) -> Option<&Hook> {
        let mut hooks = self.world().hooks.iter();
        hooks.rfind(|hook| hook.step == name)
    }

    /// Sends a request to the webhook with this name that was created last. The request is kept until the run waits for
    /// it. Returns the id of the delivery, with which [`answered`](Self::answered) returns the answer to its caller.
    ///
    /// # Panics
    /// If there is no such webhook, or it was closed.
    #[track_caller]
    pub fn deliver(&mut self, name: &str, request: Incoming) -> String {
        let Some(hook) = self.hook(name) else {
            self.missing(&format!("has no webhook {name:?}"));
        };
        assert!(!hook.is_closed, "the webhook {name:?} was closed");
        let (id, url) = (hook.webhook.id.clone(), hook.webhook.url.clone());
        let delivery_id = format!("delivery-{}", self.requests);
        self.requests += 1;
        let world = self.instance.world_mut();
        let delivery = Delivery {
            id: delivery_id.clone(),
            accepted: world.now,
            request: Request {
                method: request.method,
                url: match request.query {
                    Some(query) => format!("{url}?{query}"),
                    None => url,
                },
                headers: request.headers,
                body: request.body,
            },
        };
        let mut hooks = world.hooks.iter_mut();
        if let Some(hook) = hooks.find(|hook| hook.webhook.id == id) {
            hook.queue.push_back(delivery);
        }
        self.instance.go_on();
        delivery_id
    }

    /// Returns the workflow's answer to the caller of a delivery, if there is one.
    pub fn answered(&self, delivery: &str) -> Option<Response> {
        let answer = self.world().answers.get(delivery)?.clone();
        let mut response = Response::new(answer.status);
        response.headers = Headers::from_contract(answer.headers);
        response.body = answer.body;
        Some(response)
    }

    /// Sends an event to the run, which keeps it until it waits for such an event.
    ///
    /// # Panics
    /// If the payload cannot be written.
    #[track_caller]
    pub fn notify(&mut self, event: &str, payload: impl IntoPayload) {
        let payload = written(payload).into_contract();
        let world = self.instance.world_mut();
        let mail = world.mail.entry(event.into()).or_default();
        mail.push_back((world.now, payload));
        self.instance.go_on();
    }

    /// Returns the events that the run has sent, each with its name and, if it was sent to one run, that run.
    pub fn sent(&self) -> Vec<(String, Option<String>, Payload)> {
        let sent = self.world().sent.iter();
        sent.map(|(event, run, payload)| {
            (
                event.clone(),
                run.clone(),
                Payload::from_contract(payload.clone()),
            )
        })
        .collect()
    }

    /// Asks the run to cancel, with this reason.
    pub fn cancel(&mut self, reason: &str) {
        let world = self.instance.world_mut();
        world.cancel.get_or_insert((world.now, reason.into()));
        self.instance.go_on();
    }

    /// Returns the runs of a workflow that the run has started and that have not ended, oldest first.
    pub fn children(&self, workflow: &str) -> Vec<SeenRun> {
        let children = self.world().children.iter();
        let living = children.filter(|child| child.workflow == workflow && child.outcome.is_none());
        living
            .map(|child| SeenRun::of(&child.id, &child.workflow, &child.input))
            .collect()
    }

    /// Completes the oldest run of this workflow that the run has started and that has not ended.
    ///
    /// # Panics
    /// If there is none, or the output cannot be written.
    #[track_caller]
    pub fn complete_child(&mut self, workflow: &str, output: impl IntoPayload) {
        let output = written(output).into_contract();
        self.end_child(workflow, RunOutcome::Completed(output));
    }

    /// Fails the oldest run of this workflow that the run has started and that has not ended.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn fail_child(&mut self, workflow: &str, error: Error) {
        self.end_child(workflow, RunOutcome::Failed(error.into_failure()));
    }

    #[track_caller]
    fn end_child(&mut self, workflow: &str, outcome: RunOutcome) {
        let is_it = |child: &Child| child.workflow == workflow && child.outcome.is_none();
        if !self.world().children.iter().any(is_it) {
            self.missing(&format!(
                "has started no run of {workflow:?} that has not ended"
            ));
        }
        let world = self.instance.world_mut();
        let now = world.now;
        if let Some(child) = world.children.iter_mut().find(|child| is_it(child)) {
            child.outcome = Some((now, outcome));
        }
        self.instance.go_on();
    }

    /// Lets this much time pass. Timers that are due in between fire at their times.
    #[track_caller]
    pub fn advance(&mut self, span: impl IntoDuration) {
        let until = self.world().now.saturating_add(contract_millis(span));
        while let Some(due) = self.due().filter(|due| *due <= until) {
            self.jump(due);
        }
        self.jump(until);
    }

    /// Returns when the next deadline of a run that has not ended passes.
    fn due(&self) -> Option<u64> {
        match self.instance.ended {
            Some(_) => None,
            None => self.world().deadline(),
        }
    }

    fn jump(&mut self, time: u64) {
        let world = self.instance.world_mut();
        world.now = world.now.max(time);
        self.instance.go_on();
    }

    /// Lets time pass until the run has ended.
    #[track_caller]
    fn finish(&mut self) {
        for _ in 0..MOST_MOVES {
            if self.instance.ended.is_some() {
                return;
            }
            match self.due() {
                Some(due) => self.jump(due),
                None => self.missing("has not ended"),
            }
        }
        panic!("the run has not ended after {MOST_MOVES} waits");
    }

    /// Returns the output of the run. Time passes until the run has ended.
    ///
    /// # Panics
    /// If the run waits for something from outside, has failed, or has an output of another type.
    #[track_caller]
    pub fn output<T: FromPayload>(&mut self) -> T {
        self.finish();
        match &self.instance.ended {
            Some(Ok(output)) => {
                let output = Payload::from_contract(output.clone());
                match T::from_payload(output) {
                    Ok(output) => output,
                    Err(error) => panic!("the output does not fit: {error}"),
                }
            }
            Some(Err(failure)) => {
                panic!("the run has failed: {}: {}", failure.code, failure.message)
            }
            None => self.missing("has not ended"),
        }
    }

    /// Returns the error with which the run has failed. Time passes until the run has ended.
    ///
    /// # Panics
    /// If the run waits for something from outside, or has completed.
    #[track_caller]
    pub fn failure(&mut self) -> Error {
        self.finish();
        match &self.instance.ended {
            Some(Err(failure)) => Error::from_failure(failure.clone()),
            Some(Ok(output)) => panic!(
                "the run has completed: {}",
                String::from_utf8_lossy(&output.body)
            ),
            None => self.missing("has not ended"),
        }
    }

    /// Returns true if the run has ended.
    pub fn has_ended(&self) -> bool {
        self.instance.ended.is_some()
    }

    /// Returns a text for each operation that the run waits for.
    pub fn waits_for(&self) -> Vec<String> {
        let world = self.world();
        world
            .open()
            .map(|(_, operation)| operation.line(world))
            .collect()
    }

    /// Returns the time.
    pub fn now(&self) -> Instant {
        Instant::from_millis(self.world().now)
    }

    /// Returns how much time has passed since the run was started.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.world().now.saturating_sub(self.started))
    }

    /// Returns the lines that the run has logged.
    pub fn log(&self) -> Vec<String> {
        let log = self.world().log.iter();
        log.map(|(_, message)| message.clone()).collect()
    }

    /// Returns the value of a label of the run.
    pub fn label(&self, key: &str) -> Option<String> {
        self.world().labels.get(key).cloned()
    }

    /// Returns true if a webhook of this name was closed.
    ///
    /// # Panics
    /// If there is no webhook of this name.
    #[track_caller]
    pub fn is_closed(&self, webhook: &str) -> bool {
        match self.hook(webhook) {
            Some(hook) => hook.is_closed,
            None => self.missing(&format!("has no webhook {webhook:?}")),
        }
    }

    fn world(&self) -> &World {
        self.instance.world()
    }

    /// Fails the test, since the run is not in the state that the test expects.
    #[track_caller]
    fn missing(&self, what: &str) -> ! {
        let mut text = format!("the run {what}");
        match &self.instance.ended {
            Some(Ok(output)) => {
                let _ = write!(
                    text,
                    "; it has completed: {}",
                    String::from_utf8_lossy(&output.body)
                );
            }
            Some(Err(failure)) => {
                let _ = write!(
                    text,
                    "; it has failed: {}: {}",
                    failure.code, failure.message
                );
            }
            None => {
                for line in self.waits_for() {
                    let _ = write!(text, "\n  it waits for {line}");
                }
            }
        }
        panic!("{text}");
    }
}

/// Checks that the run does the same when it is executed again.
impl Drop for TestRun {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.instance.check_replay();
        }
    }
}

impl fmt::Debug for TestRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestRun")
            .field("waits_for", &self.waits_for())
            .finish_non_exhaustive()
    }
}

#[track_caller]
fn written(value: impl IntoPayload) -> Payload {
    match value.into_payload() {
        Ok(payload) => payload,
        Err(error) => panic!("the value cannot be written: {error}"),
    }
}
