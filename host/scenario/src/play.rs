//! Plays a scenario.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dormouse_journal::{
    CallError, CancelOptions, Header, Kind, Label, Labels, Open, Payload, Response, RunId, Status,
    Time,
};
use dormouse_runtime::Start;
use dormouse_seams::{Clock as _, Spawner as _};
use dormouse_simulation::Seam;
use dormouse_store::{AimedNotified, Cancelled, WebhookView};

use crate::content::Content;
use crate::difference::shortened;
use crate::file::{Scenario, uses};
use crate::machine::{Code, MOST_CALLS, Machine, Trouble};
use crate::names::Names;
use crate::outcome::{Standing, answer_differences};
use crate::pattern::{CallPattern, Sent};
use crate::played::{Failed, Played};
use crate::requests;
use crate::step::{Cancel, Deliver, ExpectedAnswer, ExpectedRun, NoAnswer, Notify, Respond, Step};
use crate::transcript::{Transcript, What};

/// How often time moves on at most. A workflow that never ends ends here.
const MOST_MOVES: usize = 100_000;

/// How much processor time a scenario may take.
const MOST_COMPUTED: Duration = Duration::from_secs(120);

/// How long a caller is waited for that the host holds, in milliseconds of simulated time.
const MOST_HELD: u64 = 24 * 3_600_000;

/// How many of the operations that a run waits for are told.
const MOST_WAITS: usize = 10;

/// What is read of a run: its webhooks, its log, its journal.
const MOST_READ: usize = 10_000;

/// Plays a scenario with this code. The first workflow of it is the one that is tested.
#[must_use]
pub fn play(scenario: &Scenario, code: &Code) -> Played {
    let mut played = Played {
        failed: None,
        events: Vec::new(),
        journal: Vec::new(),
        log: Vec::new(),
        calls: 0,
        took: 0,
    };
    let mut player = match Player::begin(scenario, code) {
        Ok(player) => player,
        Err(Trouble(message)) => {
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
    played.took = player.elapsed();
    // What cannot be read is not shown; why it cannot is what the scenario failed for.
    if let Ok(journal) = player.journal() {
        played.journal = journal;
    }
    if let Ok(standing) = player.standing() {
        played.log = standing.log;
    }
    played.events = player.transcript.into_events();
    played
}

/// Why a step did not go well.
struct Why {
    message: String,
    details: Vec<String>,
}

impl From<Trouble> for Why {
    fn from(Trouble(message): Trouble) -> Self {
        message.into()
    }
}

impl From<String> for Why {
    fn from(message: String) -> Self {
        Why {
            message,
            details: Vec::new(),
        }
    }
}

/// A caller of a webhook: what it was answered, once it is.
type Caller = Arc<Mutex<Option<Response>>>;

struct Player<'s> {
    scenario: &'s Scenario,
    code: &'s Code,
    machine: Machine,
    run: RunId,
    began: Time,
    names: Names,
    transcript: Transcript,
    /// Attempts at calls that were seen, by their numbers.
    seen: HashMap<usize, Sent>,
    /// How often each of the scenario's answers can be given yet.
    left: Vec<u32>,
    /// When answers come that are under way.
    coming: Vec<Time>,
    callers: HashMap<String, Caller>,
    requests: usize,
    moves: usize,
    /// The processor time that was used before.
    computed: Duration,
}

impl<'s> Player<'s> {
    /// Starts the host and the run.
    fn begin(scenario: &'s Scenario, code: &'s Code) -> Result<Self, Trouble> {
        let machine = Machine::start(code, scenario.time)?;
        let tested = code.workflows.first().map(|(name, _)| name.clone());
        let tested = tested.ok_or_else(|| Trouble("there is no workflow to be tested".into()))?;
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
        transcript.note(0, What::Started, shortened(&input));
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
                .map(|answer| answer.times.unwrap_or(u32::MAX))
                .collect(),
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

    fn step(&mut self, number: usize, step: &Step) -> Result<(), Why> {
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
    ) -> Result<(), Why> {
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
            if let Some((line, details)) = differ {
                return Err(Why {
                    message: format!("the call is another than expected: {line}"),
                    details,
                });
            }
            if !self.answer_by_rules(number)? && !self.go_on(None, number)? {
                let standing = self.standing()?;
                let waiting = self.waiting()?;
                let mut details = vec![format!("the run is {}", standing.line())];
                let others = waiting.iter().map(|(_, sent)| sent.line());
                details.extend(others.map(|line| format!("there is a call {line}")));
                return Err(Why {
                    message: "the call was not made".into(),
                    details,
                });
            }
        }
    }

    /// Answers a call that a step has found, if the step or one of the scenario's answers says how.
    fn take(
        &mut self,
        attempt: usize,
        respond: Option<&Respond>,
        number: usize,
    ) -> Result<(), Why> {
        match respond {
            Some(respond) => self.answer(attempt, respond)?,
            None => {
                if !self.answer_by_rule(attempt)? {
                    let later = format!("step {}", number + 1);
                    return Err(format!(
                        "nothing answers the call: give {later} a `respond`, or the scenario an [[answer]]"
                    )
                    .into());
                }
            }
        }
        Ok(self.settle()?)
    }

    /// Sends a request to a webhook, once there is one.
    fn deliver(
        &mut self,
        deliver: &Deliver,
        expect: Option<&ExpectedAnswer>,
        number: usize,
    ) -> Result<(), Why> {
        let webhook = loop {
            let found = match self.run_of(deliver)? {
                None => None,
                Some(run) => self.webhook(run, deliver)?,
            };
            if let Some(webhook) = found {
                break webhook;
            }
            if !self.answer_by_rules(number)? && !self.go_on(None, number)? {
                let standing = self.standing()?;
                return Err(Why {
                    message: format!("there is no webhook {}", deliver.to),
                    details: vec![format!("the run is {}", standing.line())],
                });
            }
        };
        let request = requests::request(
            deliver,
            (&webhook.url, &webhook.webhook.options),
            self.scenario,
            &self.names,
            (self.machine.now(), self.requests),
        )?;
        self.requests += 1;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let line = format!("{} {}: {}", request.method, deliver.to, shortened(&body));
        self.note(What::Request, line);
        let caller = self.send(request);
        self.settle()?;
        match &deliver.named {
            Some(name) => {
                self.callers.insert(name.clone(), caller);
                Ok(())
            }
            None => {
                let accepted = ExpectedAnswer::default();
                self.answered(&caller, expect.unwrap_or(&accepted), number)
            }
        }
    }

    /// Sends a request in a task of its own, as each connection has one.
    fn send(&self, request: dormouse_journal::Request) -> Caller {
        let caller = Caller::default();
        let (told, runtime, slot) = (self.code.told, self.machine.runtime.clone(), caller.clone());
        Seam(self.machine.executor.clone()).spawn(Box::pin(async move {
            let path = request.url.split('?').next().unwrap_or_default();
            let token = path.rsplit('/').next().unwrap_or_default();
            let Some(address) = runtime.read_token(token) else {
                return;
            };
            let (body, mut head) = (request.body.clone(), request);
            head.body = bytes::Bytes::new();
            let receiving = async {
                let addressee = runtime.addressee(address).await?;
                let expected = addressee.judge(head, Some(body.len() as u64)).await?;
                expected.receive(body).await
            };
            let answer = told(receiving.await);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }));
        caller
    }

    /// Waits until a caller is answered, and looks at the answer.
    fn answered(
        &mut self,
        caller: &Caller,
        expect: &ExpectedAnswer,
        number: usize,
    ) -> Result<(), Why> {
        let until = self.machine.now().after(MOST_HELD);
        let answer = loop {
            let answer = caller.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(answer) = answer {
                break answer;
            }
            if self.answer_by_rules(number)? {
                continue;
            }
            // The host holds a caller for some time; that is a timer of its own.
            let next = self.machine.executor.next_timer();
            let next = next.filter(|next| *next <= until);
            let next = next.ok_or_else(|| "the caller is not answered".to_owned())?;
            self.go_on(Some(next), number)?;
        };
        self.note(What::Reply, format!("{}", answer.status));
        let details = answer_differences(&answer, expect, &self.names)?;
        if details.is_empty() && expect.status.is_none() && answer.status >= 400 {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Why {
                message: format!(
                    "the request was refused with {}; if that is right, expect this status",
                    answer.status
                ),
                details: vec![shortened(&body)],
            });
        }
        match details.is_empty() {
            true => Ok(()),
            false => Err(Why {
                message: "the caller was not answered as expected".into(),
                details,
            }),
        }
    }

    fn advance(&mut self, span: u64, number: usize) -> Result<(), Why> {
        let until = self.machine.now().after(span);
        self.answer_by_rules(number)?;
        while self.machine.now() < until {
            self.go_on(Some(until), number)?;
            self.answer_by_rules(number)?;
        }
        Ok(())
    }

    fn notify(&mut self, notify: &Notify) -> Result<(), Why> {
        let payload = payload(notify.written().content(&self.names)?);
        self.note(What::Event, notify.event.clone());
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
                let standing = self.standing()?;
                return Err(format!("the run takes no event; it is {}", standing.line()).into());
            }
        }
        Ok(self.settle()?)
    }

    fn cancel(&mut self, cancel: &Cancel) -> Result<(), Why> {
        let options = CancelOptions {
            grace: cancel.grace()?,
            reason: cancel.reason.clone(),
        };
        let reason = options.reason.clone().unwrap_or_default();
        self.note(What::Cancel, reason);
        let cancelled = self.machine.runtime.cancel(self.run, options);
        let cancelled = self.machine.run(cancelled)?;
        let cancelled = cancelled.map_err(|error| error.to_string())?;
        if let Cancelled::Ended(status) = cancelled {
            return Err(format!("the run cannot be cancelled; it is {status} already").into());
        }
        Ok(self.settle()?)
    }

    /// Lets the run come to its end, or to where nothing happens any more by itself, and looks at it.
    fn end(&mut self) -> Result<(), Why> {
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
            let is_over = is_at_rest(self.standing()?.status);
            if is_over || !(happened || goes_on && self.go_on(None, steps)?) {
                break;
            }
        }
        let standing = self.standing()?;
        self.note(What::Ended, standing.line());
        // What a run that it has started asks for counts as well. One that is to be found waiting for a call may be.
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

    /// Looks at the callers that no step has looked at.
    fn check_callers(&mut self) -> Result<(), Why> {
        let mut callers: Vec<_> = self.callers.drain().collect();
        callers.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, caller) in callers {
            let answer = caller.lock().unwrap_or_else(PoisonError::into_inner).take();
            let told = match answer {
                Some(answer) if answer.status < 400 => continue,
                Some(answer) => format!("was answered {}", answer.status),
                None => "was not answered".to_owned(),
            };
            let step = format!("look at it by a step with `answered = \"{name}\"`");
            return Err(Why {
                message: format!("the caller {name} {told}"),
                details: vec![step],
            });
        }
        Ok(())
    }

    fn compare(&self, expected: &ExpectedRun, message: &str) -> Result<(), Why> {
        let details = self.standing()?.differences(expected, &self.names)?;
        match details.is_empty() {
            true => Ok(()),
            false => Err(Why {
                message: message.into(),
                details,
            }),
        }
    }

    /// Moves time on to where something happens next, and not beyond `until`. Returns false if nothing will happen.
    fn go_on(&mut self, until: Option<Time>, number: usize) -> Result<bool, Why> {
        self.moves += 1;
        if (self.code.thread_time)().saturating_sub(self.computed) > MOST_COMPUTED {
            let text = format!(
                "the scenario takes more than {} s of processor time; each activation replays those before it, so let fewer happen",
                MOST_COMPUTED.as_secs()
            );
            return Err(text.into());
        }
        if self.moves > MOST_MOVES {
            return Err(format!(
                "the run does not come to an end: time moved on {MOST_MOVES} times; end it by a step, or expect where it stands"
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

    /// Returns the attempts that wait for an answer, each with whether a step from this one on means it.
    fn claimed(&self, number: usize) -> Result<Vec<(usize, Sent, bool)>, Why> {
        let later = self.scenario.steps.get(number..).unwrap_or_default();
        let means = |step: &Step, sent: &Sent| match step {
            // One that names a webhook which is not there yet may mean it.
            Step::Call(call, _) => call.means(sent, &self.names).unwrap_or(true),
            _ => false,
        };
        let waiting = self.waiting()?.into_iter();
        Ok(waiting
            .map(|(attempt, sent)| {
                let is_claimed = later.iter().any(|(_, step)| means(step, &sent));
                (attempt, sent, is_claimed)
            })
            .collect())
    }

    /// Refuses to let time pass until then while a call waits for an answer that would not come in time, or never.
    fn refuse_unanswered(&mut self, next: Time, number: usize) -> Result<(), Why> {
        let ends = self.machine.network.look(|waiting| {
            let ends = waiting.iter();
            let ends = ends.map(|waiting| (waiting.number, waiting.until));
            ends.collect::<HashMap<_, _>>()
        });
        let later = self.scenario.steps.get(number..).unwrap_or_default();
        for (attempt, sent, is_claimed) in self.claimed(number)? {
            if !is_claimed {
                let body = String::from_utf8_lossy(&sent.request.body).into_owned();
                return Err(Why {
                    message: format!("nothing answers the call {}", sent.line()),
                    details: vec![
                        "give the scenario an [[answer]] to it, or a step that has it as its `call`"
                            .into(),
                        format!("its body is {}", shortened(&body)),
                    ],
                });
            }
            if ends.get(&attempt).is_some_and(|end| *end <= next) {
                let waits = match later.first() {
                    Some((_, Step::Call(..))) => "waits for another call",
                    _ => "lets time pass",
                };
                return Err(Why {
                    message: format!(
                        "the call {} is made, and this step {waits}; a later step answers it, which is too late",
                        sent.line()
                    ),
                    details: vec![
                        "the attempt would time out before; put the step that answers it first, or answer it by an [[answer]]"
                            .into(),
                    ],
                });
            }
        }
        Ok(())
    }

    /// Answers all calls that no step from this one on means, and that one of the scenario's answers does. Returns whether there
    /// were some, so that something may have happened.
    fn answer_by_rules(&mut self, number: usize) -> Result<bool, Why> {
        let mut has_answered = false;
        loop {
            let mut answered = false;
            for (attempt, _, is_claimed) in self.claimed(number)? {
                answered |= !is_claimed && self.answer_by_rule(attempt)?;
            }
            if !answered {
                return Ok(has_answered);
            }
            has_answered = true;
            self.settle()?;
        }
    }

    /// Answers a call by the first of the scenario's answers that means it. Returns false if none does.
    fn answer_by_rule(&mut self, attempt: usize) -> Result<bool, Why> {
        let Some(sent) = self.seen.get(&attempt).cloned() else {
            return Ok(false);
        };
        for (place, answer) in self.scenario.answers.iter().enumerate() {
            if self.left[place] > 0
                && answer.to.means(&sent, &self.names)?
                && answer.to.differences(&sent, &self.names)?.is_empty()
            {
                if answer.times.is_some() {
                    self.left[place] -= 1;
                }
                self.answer(attempt, &answer.respond)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Answers an attempt at a call.
    fn answer(&mut self, attempt: usize, respond: &Respond) -> Result<(), Why> {
        let (what, result) = match respond.error {
            Some(NoAnswer::Unreachable) => (
                "unreachable".to_owned(),
                Err(CallError::Unreachable("connection refused".into())),
            ),
            Some(NoAnswer::TimedOut) => ("never".to_owned(), Err(CallError::TimedOut)),
            None => {
                let response = self.response(respond)?;
                (response.status.to_string(), Ok(response))
            }
        };
        let Some(waiting) = self.machine.network.take(attempt) else {
            return Ok(());
        };
        let sent = self.seen.get(&attempt).map(Sent::line).unwrap_or_default();
        let comes = match respond.error {
            // It comes when the attempt's time is over, by itself.
            Some(NoAnswer::TimedOut) => waiting.until,
            _ => self.machine.now().after(respond.after()?),
        };
        let after = comes.0.saturating_sub(self.machine.now().0);
        let rules = self.code.rules;
        if after == 0 {
            self.note(What::Answered, format!("{sent}: {what}"));
            self.machine.network.answer(waiting, rules, result);
            return Ok(());
        }
        self.note(
            What::Answered,
            format!("{sent}: {what}, which comes after {after} ms"),
        );
        self.coming.push(comes.min(waiting.until));
        let network = self.machine.network.clone();
        let seam = Seam(self.machine.executor.clone());
        let passed = seam.sleep_until(comes.0);
        seam.spawn(Box::pin(async move {
            passed.await;
            network.answer(waiting, rules, result);
        }));
        Ok(())
    }

    fn response(&self, respond: &Respond) -> Result<Response, String> {
        let content = respond.written().content(&self.names)?;
        let mut headers: Vec<Header> = Vec::new();
        for (name, value) in &respond.headers {
            let value = self.names.fill_text(value)?;
            headers.push((name.to_ascii_lowercase(), value.into()));
        }
        let is_typed = headers.iter().any(|(name, _)| name == "content-type");
        if !is_typed && !content.content_type.is_empty() {
            let value = content.content_type.as_bytes();
            headers.push(("content-type".into(), value.into()));
        }
        Ok(Response {
            status: respond.status.unwrap_or(200),
            headers,
            body: content.body,
        })
    }

    /// Runs whatever is to be done at this instant, and takes note of it.
    fn settle(&mut self) -> Result<(), Trouble> {
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
            self.note(What::Call, sent.line());
            self.seen.insert(number, sent);
        }
        let webhooks = self.webhooks(self.run)?;
        let webhooks = webhooks.into_iter();
        self.names.webhooks = webhooks.map(|view| (view.webhook.step, view.url)).collect();
        Ok(())
    }

    /// Returns the name of the step whose call this is, if it can be told.
    fn step_of(&self, request: &dormouse_journal::Request) -> Result<Option<String>, Trouble> {
        // Several calls may have one key, and one that was redirected has another URL.
        match self.step_by(request, true)? {
            Some(step) => Ok(Some(step)),
            None => self.step_by(request, false),
        }
    }

    fn step_by(
        &self,
        request: &dormouse_journal::Request,
        by_url: bool,
    ) -> Result<Option<String>, Trouble> {
        let calls = self.machine.read(|store| store.calls(None, MOST_CALLS))?;
        let mut keys = request.headers.iter();
        let key = keys.find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        for call in calls {
            let sending = self
                .machine
                .read(|store| store.sending(call.run, call.operation))?;
            let is_it = sending.is_some_and(|sending| match key {
                Some((_, key)) => {
                    let is_same = |call: &dormouse_journal::Request| {
                        !by_url || call.url == request.url && call.body == request.body
                    };
                    sending.call.idempotency_key.as_bytes() == key.as_ref()
                        && is_same(&sending.call.request)
                }
                None => sending.call.request.url == request.url,
            });
            if is_it {
                let shown = self
                    .machine
                    .read(|store| store.show(call.run, MOST_CALLS))?;
                let mut open = shown.into_iter().flat_map(|shown| shown.open);
                let open = open.find(|(number, _)| *number == call.operation);
                return Ok(open.map(|(_, open)| open.step));
            }
        }
        Ok(None)
    }

    /// Returns the attempts at calls that wait for an answer.
    fn waiting(&self) -> Result<Vec<(usize, Sent)>, Trouble> {
        let numbers: Vec<usize> = self
            .machine
            .network
            .look(|waiting| waiting.iter().map(|waiting| waiting.number).collect());
        let sent = numbers.into_iter();
        Ok(sent
            .filter_map(|number| Some((number, self.seen.get(&number)?.clone())))
            .collect())
    }

    /// Returns the run that a request is for, if there is one yet.
    fn run_of(&self, deliver: &Deliver) -> Result<Option<RunId>, Trouble> {
        match &deliver.workflow {
            None => Ok(Some(self.run)),
            Some(workflow) => self.machine.run_of(workflow, deliver.run),
        }
    }

    fn webhooks(&self, run: RunId) -> Result<Vec<WebhookView>, Trouble> {
        let webhooks = self.machine.read(|store| store.webhooks(run, MOST_READ))?;
        Ok(webhooks.unwrap_or_default())
    }

    /// Returns the webhook of a run that a request is for, if there is one yet.
    fn webhook(&self, run: RunId, deliver: &Deliver) -> Result<Option<WebhookView>, Trouble> {
        let webhooks = self.webhooks(run)?.into_iter();
        let mut named = webhooks.filter(|view| view.webhook.step == deliver.to);
        Ok(match deliver.number {
            None => named.last(),
            Some(number) => named.nth(number.saturating_sub(1)),
        })
    }

    fn standing(&self) -> Result<Standing, Trouble> {
        let shown = self
            .machine
            .read(|store| store.show(self.run, MOST_WAITS))?;
        let shown = shown.ok_or_else(|| Trouble("the run is gone".into()))?;
        let logs = self
            .machine
            .read(|store| store.logs(self.run, (0, 0), MOST_READ))?;
        let state = shown.view.state;
        let until = state.ended.unwrap_or_else(|| self.machine.now());
        Ok(Standing {
            status: state.status,
            waits: shown.open.iter().map(|(_, open)| waits(open)).collect(),
            output: shown.output,
            failure: state.failure,
            labels: shown.view.run.labels.as_map().clone(),
            log: logs.lines.into_iter().map(|(_, line)| line).collect(),
            took: until.0.saturating_sub(self.began.0),
        })
    }

    fn journal(&self) -> Result<Vec<dormouse_journal::Activation>, Trouble> {
        let state = self.machine.read(|store| store.state(self.run))?;
        let first = state.map_or(0, |state| state.first_activation);
        let page = self
            .machine
            .read(|store| store.journal(self.run, first, MOST_READ))?;
        Ok(page.activations)
    }

    fn elapsed(&self) -> u64 {
        self.machine.now().0.saturating_sub(self.began.0)
    }

    fn note(&mut self, what: What, text: String) {
        self.transcript.note(self.elapsed(), what, text);
    }
}

/// What an operation waits for, in words.
fn waits(open: &Open) -> String {
    let step = &open.step;
    match &open.kind {
        Kind::WaitForWebhook { .. } => format!("a request, {step:?}"),
        Kind::Call { method, url, .. } => {
            format!("the call {step:?} ({method} {})", shortened(url))
        }
        Kind::WaitForEvent { event, .. } => format!("the event {event:?}"),
        Kind::Sleep { .. } | Kind::SleepUntil { .. } => format!("the timer {step:?}"),
        Kind::WaitForRun { .. } => format!("the end of a run, {step:?}"),
        Kind::WaitForCancel { .. } => "being cancelled".to_owned(),
        _ => format!("{step:?}"),
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
