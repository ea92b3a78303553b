//! The steps of a scenario: events from outside, and checks.

use std::collections::BTreeMap;

use dormouse_journal::Status;
use serde::Deserialize;

use crate::content::BodyKeys;
use crate::json::Json;
use crate::names;
use crate::pattern::CallPattern;

/// A step as the file has it. Exactly one of its keys says what kind of step it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenStep {
    call: Option<CallPattern>,
    respond: Option<Respond>,
    deliver: Option<Deliver>,
    answered: Option<String>,
    expect: Option<ExpectedAnswer>,
    advance: Option<String>,
    notify: Option<Notify>,
    cancel: Option<Cancel>,
    run: Option<ExpectedRun>,
}

/// A step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The workflow makes a call. It is answered with this response, or by the scenario's answers.
    Call(Box<CallPattern>, Option<Respond>),
    /// A request is sent to a webhook. Its caller must get this answer.
    Deliver(Box<Deliver>, Option<ExpectedAnswer>),
    /// The caller of an earlier request must have this answer by now.
    Answered(String, ExpectedAnswer),
    /// This many milliseconds pass.
    Advance(u64),
    /// An event is sent.
    Notify(Notify),
    /// The run is cancelled.
    Cancel(Cancel),
    /// The run must be in this state.
    Run(Box<ExpectedRun>),
}

/// The answer to a call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Respond {
    /// The status. The default is 200.
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
    /// The time until the answer.
    after: Option<String>,
    /// The reason, if there is no response.
    pub(crate) error: Option<NoAnswer>,
}

/// Why a call gets no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoAnswer {
    /// There is no connection.
    Unreachable,
    /// The response does not come before the attempt's time limit.
    TimedOut,
}

/// An answer to all calls that match a pattern, whenever they come.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// The pattern. By default, it matches all calls.
    #[serde(default)]
    pub(crate) to: CallPattern,
    #[serde(default)]
    pub(crate) respond: Respond,
    /// How often the answer is given. By default, there is no limit.
    pub(crate) times: Option<u32>,
}

/// A request to a webhook.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deliver {
    /// The webhook's name.
    pub(crate) to: String,
    /// The workflow whose run has the webhook. The default is the tested workflow.
    pub(crate) workflow: Option<String>,
    /// The number of the run in the order of the starts. The first run is 1, and the default is the last run.
    pub(crate) run: Option<usize>,
    /// The number of the webhook among those with this name. The first webhook is 1, and the default is the last
    /// one.
    pub(crate) number: Option<usize>,
    /// The method. The default is `POST`.
    pub(crate) method: Option<String>,
    /// The query, without the `?` before it.
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
    /// False if the request is to have no signature although the webhook checks signatures.
    pub(crate) signed: Option<bool>,
    /// A name for the caller, so that a later step can check its answer.
    #[serde(rename = "as")]
    pub(crate) named: Option<String>,
}

/// The expected answer to a caller. A field that is not set matches anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedAnswer {
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) json: Option<Json>,
    pub(crate) json_like: Option<Json>,
    pub(crate) text: Option<String>,
}

/// An event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    pub(crate) event: String,
    /// True if the event is sent to all waits for it, and not to the run alone, which would keep it.
    #[serde(default)]
    pub(crate) all: bool,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
}

/// A cancellation of the run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    pub(crate) reason: Option<String>,
    grace: Option<String>,
}

/// The expected state of the run. A field that is not set matches anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedRun {
    pub(crate) status: Option<Status>,
    pub(crate) output: Option<Json>,
    pub(crate) output_like: Option<Json>,
    pub(crate) output_text: Option<String>,
    /// The code of the run's failure.
    pub(crate) code: Option<String>,
    /// A part of the message of the run's failure.
    pub(crate) message: Option<String>,
    /// The labels of the run.
    pub(crate) labels: Option<BTreeMap<String, String>>,
    /// Parts of lines of the run's log, in this order.
    #[serde(default)]
    pub(crate) log: Vec<String>,
    /// The time since the run's start.
    pub(crate) took: Option<String>,
}

impl WrittenStep {
    /// Returns the step that the keys describe.
    pub(crate) fn read(self) -> Result<Step, String> {
        let WrittenStep {
            call,
            respond,
            deliver,
            answered,
            expect,
            advance,
            notify,
            cancel,
            run,
        } = self;
        let mut steps = Vec::new();
        let (has_call, has_caller) = (call.is_some(), deliver.is_some() || answered.is_some());
        if respond.is_some() && !has_call {
            return Err("`respond` says what a call is answered, and belongs to `call`".into());
        }
        if expect.is_some() && !has_caller {
            return Err(
                "`expect` says what a caller is answered, and belongs to `deliver` or `answered`; use `run` for the run".into(),
            );
        }
        let is_named = deliver
            .as_ref()
            .is_some_and(|deliver| deliver.named.is_some());
        if expect.is_some() && is_named {
            return Err(
                "`expect` says what the caller is answered in this step; one with a name (`as`) is looked at by a step with `answered`".into(),
            );
        }
        if let Some(call) = call {
            steps.push(Step::Call(Box::new(call), respond));
        }
        if let Some(deliver) = deliver {
            steps.push(Step::Deliver(Box::new(deliver), expect.clone()));
        }
        if let Some(name) = answered {
            steps.push(Step::Answered(name, expect.unwrap_or_default()));
        }
        if let Some(span) = advance {
            steps.push(Step::Advance(parse("advance", &span)?));
        }
        steps.extend(notify.map(Step::Notify));
        steps.extend(cancel.map(Step::Cancel));
        steps.extend(run.map(|run| Step::Run(Box::new(run))));
        let mut steps = steps.into_iter();
        match (steps.next(), steps.next()) {
            (Some(step), None) => {
                step.check()?;
                Ok(step)
            }
            _ => Err(
                "a step has one of `call`, `deliver`, `answered`, `advance`, `notify`, `cancel` and `run`; what happens after \
                 another is a step of its own"
                    .into(),
            ),
        }
    }
}

impl Step {
    fn check(&self) -> Result<(), String> {
        match self {
            Step::Call(call, respond) => {
                call.check("call")?;
                respond.as_ref().map_or(Ok(()), Respond::check)
            }
            Step::Deliver(deliver, expect) => {
                deliver.check()?;
                expect.as_ref().map_or(Ok(()), ExpectedAnswer::check)
            }
            Step::Notify(notify) => notify.written().check("notify"),
            Step::Cancel(cancel) => cancel.grace().map(|_| ()),
            Step::Run(run) => run.check(),
            Step::Answered(_, expect) => expect.check(),
            Step::Advance(_) => Ok(()),
        }
    }
}

impl Respond {
    pub(crate) fn check(&self) -> Result<(), String> {
        let status = self.status.unwrap_or(200);
        if !(100..=599).contains(&status) {
            return Err(format!("respond: {status} is not an HTTP status"));
        }
        if self.error.is_some() && (self.status.is_some() || !self.is_empty()) {
            return Err("respond: with an `error` there is no status and no body".into());
        }
        self.after()?;
        check_texts(self.headers.values())?;
        self.written().check("respond")
    }

    fn is_empty(&self) -> bool {
        self.json.is_none() && self.text.is_none() && self.base64.is_none()
    }

    pub(crate) fn written(&self) -> BodyKeys<'_> {
        written(&self.json, &self.text, &self.base64)
    }

    /// Returns the time until the answer, in milliseconds.
    pub(crate) fn after(&self) -> Result<u64, String> {
        self.after
            .as_ref()
            .map_or(Ok(0), |span| parse("after", span))
    }
}

impl Deliver {
    fn check(&self) -> Result<(), String> {
        if self.number == Some(0) || self.run == Some(0) {
            return Err("deliver: `run` and `number` count from 1".into());
        }
        if self.run.is_some() && self.workflow.is_none() {
            return Err(
                "deliver: `run` is one of the runs of a `workflow`, which is not said".into(),
            );
        }
        check_texts(self.query.iter().chain(self.headers.values()))?;
        self.written().check("deliver")
    }

    pub(crate) fn written(&self) -> BodyKeys<'_> {
        written(&self.json, &self.text, &self.base64)
    }
}

impl Notify {
    pub(crate) fn written(&self) -> BodyKeys<'_> {
        written(&self.json, &self.text, &self.base64)
    }
}

impl Cancel {
    /// Returns how long the run may take to end by itself, in milliseconds.
    pub(crate) fn grace(&self) -> Result<Option<u64>, String> {
        let grace = self.grace.as_ref();
        grace.map(|span| parse("grace", span)).transpose()
    }
}

impl ExpectedAnswer {
    fn check(&self) -> Result<(), String> {
        check_texts(self.text.iter().chain(self.headers.values()))?;
        check_values(self.json.iter().chain(&self.json_like))
    }
}

impl ExpectedRun {
    pub(crate) fn check(&self) -> Result<(), String> {
        self.took()?;
        check_texts(self.output_text.iter())?;
        check_values(self.output.iter().chain(&self.output_like))
    }

    /// Returns the expected time since the run's start, in milliseconds.
    pub(crate) fn took(&self) -> Result<Option<u64>, String> {
        let took = self.took.as_ref();
        took.map(|span| parse("took", span)).transpose()
    }
}

/// Returns an error if a text has an unknown name.
fn check_texts<'a>(texts: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut texts = texts.map(String::as_str);
    texts.try_for_each(names::check_text)
}

/// Returns an error if a value has an unknown name.
fn check_values<'a>(values: impl Iterator<Item = &'a Json>) -> Result<(), String> {
    let mut values = values.map(|Json(value)| value);
    values.try_for_each(names::check)
}

fn written<'a>(
    json: &'a Option<Json>,
    text: &'a Option<String>,
    base64: &'a Option<String>,
) -> BodyKeys<'a> {
    BodyKeys {
        json: json.as_ref(),
        text: text.as_deref(),
        base64: base64.as_deref(),
    }
}

fn parse(name: &str, span: &str) -> Result<u64, String> {
    dormouse_limits::parse_span(span).map_err(|why| format!("`{name}`: {span:?} {why}"))
}
