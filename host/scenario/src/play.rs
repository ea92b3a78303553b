//! Plays a scenario.

mod answers;
mod callers;
mod inspect;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dormouse_journal::{CancelOptions, Label, Labels, Payload, Response, RunId, Status, Time};
use dormouse_runtime::Start;
use dormouse_store::{AimedNotified, Cancelled};

use crate::content::Content;
use crate::difference::shortened;
use crate::file::{Scenario, uses};
use crate::machine::{Code, Machine, PlayError};
use crate::names::Names;
use crate::pattern::{CallPattern, Sent};
use crate::played::{Failed, Played};
use crate::step::{Cancel, ExpectedRun, Notify, Respond, Step};
use crate::transcript::{EventKind, Transcript};

/// The largest number of times that time moves on.
const MOST_MOVES: usize = 100_000;

/// How long a scenario waits for a caller that the host holds, in milliseconds of simulated time.
const MOST_HELD: u64 = 24 * 3_600_000;

/// The largest number of operations in a description of what a run waits for.
const MOST_WAITS: usize = 10;

/// The largest number of webhooks, log lines and activations of a run that are read.
const MOST_READ: usize = 10_000;

/// Plays a scenario with this code. Its first workflow is the tested one.
#[must_use]
pub fn play(scenario: &Scenario, code: &Code) -> Played {
    let mut played = Played {
        failed: None,
        events: Vec::new(),
        journal: Vec::new(),
        log: Vec::new(),
        calls: 0,
        unused: Vec::new(),
        took: 0,
    };
    let mut player = match Player::begin(scenario, code) {
        Ok(player) => player,
        Err(PlayError(message)) => {
            played.failed = Some(Failed {
                step: None,
                message,
                details: Vec::new(),
            });
            return played;
        }
    };
    played.failed = player.play().err();
    played.calls = player.machine.network.sent();
    played.unused = player.unused();
    played.took = player.elapsed();
    // A journal that cannot be read is not shown. The scenario has then failed for the same reason.
    if let Ok(journal) = player.journal() {
        played.journal = journal;
    }
    if let Ok(state) = player.run_state() {
        played.log = state.log;
    }
    played.events = player.transcript.into_events();
    played
}

/// Why a step failed.
struct StepFailure {
    message: String,
    details: Vec<String>,
}

impl From<PlayError> for StepFailure {
    fn from(PlayError(message): PlayError) -> Self {
        message.into()
    }
}

impl From<String> for StepFailure {
    fn from(message: String) -> Self {
        StepFailure {
            message,
            details: Vec::new(),
        }
    }
}

/// The answer to a caller of a webhook, once there is one.
type Caller = Arc<Mutex<Option<Response>>>;

struct Player<'s> {
    scenario: &'s Scenario,
    code: &'s Code,
    machine: Machine,
    run: RunId,
    began: Time,
    names: Names,
    transcript: Transcript,
    /// The attempts at calls that were seen, by their numbers.
    seen: HashMap<usize, Sent>,
    /// How many more times each of the scenario's answers can be given.
    left: Vec<u32>,
    /// True for each of the scenario's answers that was given.
    used: Vec<bool>,
    /// The times at which answers arrive that are under way.
    coming: Vec<Time>,
    callers: HashMap<String, Caller>,
    requests: usize,
    moves: usize,
    /// The processor time that the thread had used before.
    computed: Duration,
}

impl<'s> Player<'s> {
    /// Starts the host and the run.
    fn begin(scenario: &'s Scenario, code: &'s Code) -> Result<Self, PlayError> {
        let machine = Machine::start(code, scenario.time)?;
        let tested = code.workflows.first().map(|(name, _)| name.clone());
        let tested = tested.ok_or_else(|| PlayError("there is no workflow to be tested".into()))?;
        for (name, secret, origins) in scenario.secrets()? {
            let names = code.workflows.iter().map(|(name, _)| name);
            let uses = names
                .flat_map(|workflow| uses(workflow, &origins))
                .collect();
            let set = machine.run(machine.runtime.set_secret(name, secret, uses))?;
            set.map_err(|error| error.to_string())?;
        }
        let began = machine.now();
        let start = start_of(scenario, &tested)?;
        let started = machine.run(machine.runtime.start(start))?;
        let (run, _) = started.map_err(|error| error.to_string())?;
        let names = Names {
            run: run.to_string(),
            webhooks: BTreeMap::new(),
        };
        let mut transcript = Transcript::default();
        let input = scenario.input().content(&names)?;
        let input = String::from_utf8_lossy(&input.body).into_owned();
        transcript.note(0, EventKind::Started, shortened(&input));
        let mut player = Player {
            scenario,
            code,
            machine,
            run,
            began,
            names,
            transcript,
            seen: HashMap::new(),
            left: scenario
                .answers
                .iter()
                .map(|(_, answer)| answer.times.unwrap_or(u32::MAX))
                .collect(),
            used: vec![false; scenario.answers.len()],
            coming: Vec::new(),
            callers: HashMap::new(),
            requests: 0,
            moves: 0,
            computed: (code.thread_time)(),
        };
        player.settle()?;
        Ok(player)
    }

    fn play(&mut self) -> Result<(), Failed> {
        for number in 0..self.scenario.steps.len() {
            let (line, step) = &self.scenario.steps[number];
            self.step(number, step).map_err(|why| Failed {
                step: Some((number + 1, *line)),
                message: why.message,
                details: why.details,
            })?;
        }
        self.end().map_err(|why| Failed {
            step: None,
            message: why.message,
            details: why.details,
        })
    }

    fn step(&mut self, number: usize, step: &Step) -> Result<(), StepFailure> {
        match step {
            Step::Call(call, respond) => self.call(call, respond.as_ref(), number),
            Step::Deliver(deliver, expect) => self.deliver(deliver, expect.as_ref(), number),
            Step::Answered(name, expect) => {
                let caller = self.callers.remove(name);
                let caller = caller.ok_or_else(|| {
                    format!("no request that is not looked at yet was sent `as = \"{name}\"`")
                })?;
                self.answered(&caller, expect, number)
            }
            Step::Advance(span) => self.advance(*span, number),
            Step::Notify(notify) => self.notify(notify),
            Step::Cancel(cancel) => self.cancel(cancel),
            Step::Run(expected) => {
                self.answer_by_rules(number + 1)?;
                self.compare(expected, "the run does not stand as expected")
            }
        }
    }

    /// Waits for a call, and answers it.
    fn call(
        &mut self,
        call: &CallPattern,
        respond: Option<&Respond>,
        number: usize,
    ) -> Result<(), StepFailure> {
        loop {
            let mut differ = None;
            for (attempt, sent) in self.waiting()? {
                if !call.means(&sent, &self.names)? {
                    continue;
                }
                let differences = call.differences(&sent, &self.names)?;
                if differences.is_empty() {
                    return self.take(attempt, respond, number);
                }
                differ.get_or_insert((sent.line(), differences));
            }
            if let Some((line, mut details)) = differ {
                if call.is_any() {
                    let why = "the step has neither `step` nor `url`, so it means the next call, whichever it is";
                    details.push(why.into());
                }
                return Err(StepFailure {
                    message: format!("the call is another than expected: {line}"),
                    details,
                });
            }
            if !self.answer_by_rules(number)? && !self.go_on(None, number)? {
                let state = self.run_state()?;
                let waiting = self.waiting()?;
                let mut details = vec![format!("the run is {}", state.line())];
                let others = waiting.iter().map(|(_, sent)| sent.line());
                details.extend(others.map(|line| format!("there is a call {line}")));
                return Err(StepFailure {
                    message: "the call was not made".into(),
                    details,
                });
            }
        }
    }

    fn advance(&mut self, span: u64, number: usize) -> Result<(), StepFailure> {
        let until = self.machine.now().after(span);
        self.answer_by_rules(number)?;
        while self.machine.now() < until {
            self.go_on(Some(until), number)?;
            self.answer_by_rules(number)?;
        }
        Ok(())
    }

    fn notify(&mut self, notify: &Notify) -> Result<(), StepFailure> {
        let payload = payload(notify.written().content(&self.names)?);
        self.note(EventKind::Event, notify.event.clone());
        let (runtime, event) = (&self.machine.runtime, notify.event.clone());
        if notify.all {
            let sent = self.machine.run(runtime.notify(event, payload))?;
            sent.map_err(|error| error.to_string())?;
        } else {
            let sent = self
                .machine
                .run(runtime.notify_run(self.run, event, payload))?;
            let sent = sent.map_err(|error| error.to_string())?;
            if sent != AimedNotified::Queued {
                let state = self.run_state()?;
                return Err(format!("the run takes no event; it is {}", state.line()).into());
            }
        }
        Ok(self.settle()?)
    }

    fn cancel(&mut self, cancel: &Cancel) -> Result<(), StepFailure> {
        let options = CancelOptions {
            grace: cancel.grace()?,
            reason: cancel.reason.clone(),
        };
        let reason = options.reason.clone().unwrap_or_default();
        self.note(EventKind::Cancel, reason);
        let cancelled = self.machine.runtime.cancel(self.run, options);
        let cancelled = self.machine.run(cancelled)?;
        let cancelled = cancelled.map_err(|error| error.to_string())?;
        if let Cancelled::Ended(status) = cancelled {
            return Err(format!("the run cannot be cancelled; it is {status} already").into());
        }
        Ok(self.settle()?)
    }

    /// Lets the run go on until it ends, or until nothing happens any more by itself, and then looks at it.
    fn end(&mut self) -> Result<(), StepFailure> {
        let steps = self.scenario.steps.len();
        let usual = ExpectedRun {
            status: Some(Status::Completed),
            ..ExpectedRun::default()
        };
        let expected = self.scenario.expect.as_ref().unwrap_or(&usual);
        let is_at_rest = |status: Status| status.has_ended() || status == Status::Blocked;
        let goes_on = expected.status.is_none_or(is_at_rest);
        loop {
            let happened = self.answer_by_rules(steps)?;
            let is_over = is_at_rest(self.run_state()?.status);
            if is_over || !(happened || goes_on && self.go_on(None, steps)?) {
                break;
            }
        }
        let state = self.run_state()?;
        self.note(EventKind::Ended, state.line());
        // The calls of runs that this run has started count too. A run that is expected to be waiting for a call may
        // wait for one.
        if expected.status != Some(Status::Running) {
            self.refuse_unanswered(self.machine.now(), steps)?;
        }
        self.check_callers()?;
        let mut expected = expected.clone();
        if expected.status.is_none() && expected.code.is_none() && expected.message.is_none() {
            expected.status = Some(Status::Completed);
        }
        self.compare(&expected, "the run does not end as expected")
    }

    /// Moves time on to the next event, but not beyond `until`. Returns false if nothing will happen.
    fn go_on(&mut self, until: Option<Time>, number: usize) -> Result<bool, StepFailure> {
        self.check_time()?;
        self.moves += 1;
        if self.moves > MOST_MOVES {
            return Err(format!(
                "the run does not end: time moved on {MOST_MOVES} times; end the run by a step, or name a status such as \"suspended\" \
                 in `[expect]`"
            )
            .into());
        }
        let now = self.machine.now();
        self.coming.retain(|time| *time > now);
        let coming = self.coming.iter().copied().min();
        let next = self.machine.next()?.into_iter().chain(coming).min();
        let next = match (next, until) {
            (Some(next), Some(until)) => next.min(until),
            (Some(next), None) => next,
            (None, Some(until)) => until,
            (None, None) => return Ok(false),
        };
        self.refuse_unanswered(next, number)?;
        self.machine.jump(next)?;
        self.settle()?;
        Ok(true)
    }

    /// Returns an error if the scenario has used too much processor time, even if simulated time goes on.
    fn check_time(&self) -> Result<(), StepFailure> {
        if (self.code.thread_time)().saturating_sub(self.computed) <= self.code.most_time {
            return Ok(());
        }
        let text = format!(
            "the scenario takes more than {} s of processor time; each activation replays those before it, so let fewer happen",
            self.code.most_time.as_secs()
        );
        Err(text.into())
    }

    /// Runs everything that is due at this instant, and records it.
    fn settle(&mut self) -> Result<(), PlayError> {
        self.machine.settle()?;
        let new: Vec<(usize, String, dormouse_journal::Request)> =
            self.machine.network.look(|waiting| {
                let new = waiting.iter();
                let new = new.filter(|waiting| !self.seen.contains_key(&waiting.number));
                new.map(|waiting| {
                    let workflow = waiting.workflow().to_owned();
                    (waiting.number, workflow, waiting.request())
                })
                .collect()
            });
        for (number, workflow, request) in new {
            let step = self.step_of(&request)?;
            let sent = Sent {
                workflow,
                step,
                request,
            };
            self.note(EventKind::Call, sent.line());
            self.seen.insert(number, sent);
        }
        let webhooks = self.webhooks(self.run)?;
        let webhooks = webhooks.into_iter();
        self.names.webhooks = webhooks.map(|view| (view.webhook.step, view.url)).collect();
        Ok(())
    }

    fn elapsed(&self) -> u64 {
        self.machine.now().0.saturating_sub(self.began.0)
    }

    fn note(&mut self, what: EventKind, text: String) {
        self.transcript.note(self.elapsed(), what, text);
    }
}

fn payload(content: Content) -> Payload {
    Payload {
        content_type: content.content_type.into(),
        body: content.body,
    }
}

fn start_of(scenario: &Scenario, workflow: &str) -> Result<Start, String> {
    let mut labels = Labels::default();
    for (key, value) in &scenario.labels {
        let label = Label::new(key, value).and_then(|label| labels.set(label));
        label.map_err(|error| format!("the label {key}: {error}"))?;
    }
    let headers = scenario.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.clone().into_bytes().into()));
    Ok(Start {
        workflow: workflow.to_owned(),
        version: None,
        input: payload(scenario.input().content(&Names::default())?),
        headers: headers.collect(),
        idempotency_key: None,
        restarted: None,
        labels,
        trigger: None,
    })
}
