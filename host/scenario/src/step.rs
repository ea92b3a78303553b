//! The steps of a scenario: what happens from outside, and what must have happened.

use std::collections::BTreeMap;

use dormouse_journal::Status;
use serde::Deserialize;

use crate::content::Written;
use crate::json::Json;
use crate::names;
use crate::pattern::CallPattern;

/// A step, as it is written: one of its keys says what it is.
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
    /// A call is made. It is answered like this, or as the scenario's answers say.
    Call(Box<CallPattern>, Option<Respond>),
    /// A request comes to a webhook. Its caller is answered like this.
    Deliver(Box<Deliver>, Option<ExpectedAnswer>),
    /// The caller of an earlier request is answered by now.
    Answered(String, ExpectedAnswer),
    /// So many milliseconds pass.
    Advance(u64),
    /// An event is sent.
    Notify(Notify),
    /// The run is cancelled.
    Cancel(Cancel),
    /// The run stands like this.
    Run(Box<ExpectedRun>),
}

/// What a call is answered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Respond {
    /// 200 if it is not said.
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
    /// How long the answer takes.
    after: Option<String>,
    /// That there is no answer.
    pub(crate) error: Option<NoAnswer>,
}

/// Why a call gets no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoAnswer {
    /// There is no connection.
    Unreachable,
    /// The response does not come before the attempt's time is over.
    TimedOut,
}

/// Which calls are answered how, whenever they come.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// All calls if it is not said.
    #[serde(default)]
    pub(crate) to: CallPattern,
    #[serde(default)]
    pub(crate) respond: Respond,
    /// How often. As often as they come if it is not said.
    pub(crate) times: Option<u32>,
}

/// A request to a webhook.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deliver {
    /// The webhook's name.
    pub(crate) to: String,
    /// The workflow whose run has the webhook. The one that is tested if it is not said.
    pub(crate) workflow: Option<String>,
    /// Which of the runs of that workflow, counted from 1 in the order of their starts. The last if it is not said.
    pub(crate) run: Option<usize>,
    /// Which of its webhooks with this name, counted from 1. The last if it is not said.
    pub(crate) number: Option<usize>,
    /// `POST` if it is not said.
    pub(crate) method: Option<String>,
    /// What follows the URL's `?`.
    pub(crate) query: Option<String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
    /// False if it is not signed as the webhook wants.
    pub(crate) signed: Option<bool>,
    /// A name for its caller, whose answer a later step looks at.
    #[serde(rename = "as")]
    pub(crate) named: Option<String>,
}

/// What a caller is answered. What is not said may be anything.
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
    /// True if it is sent to all who wait for it, and not to the run alone, which would keep it.
    #[serde(default)]
    pub(crate) all: bool,
    json: Option<Json>,
    text: Option<String>,
    base64: Option<String>,
}

/// How the run is cancelled.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    pub(crate) reason: Option<String>,
    grace: Option<String>,
}

/// How the run stands. What is not said may be anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedRun {
    pub(crate) status: Option<Status>,
    pub(crate) output: Option<Json>,
    pub(crate) output_like: Option<Json>,
    pub(crate) output_text: Option<String>,
    /// The code of its failure.
    pub(crate) code: Option<String>,
    /// What the message of its failure has in it.
    pub(crate) message: Option<String>,
    /// Its labels.
    pub(crate) labels: Option<BTreeMap<String, String>>,
    /// What stands in lines of its log, in this order.
    #[serde(default)]
    pub(crate) log: Vec<String>,
    /// How long it has taken.
    pub(crate) took: Option<String>,
}

impl WrittenStep {
    /// Returns what the step is.
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
            return Err(format!("respond: {status} is no status of HTTP"));
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

    pub(crate) fn written(&self) -> Written<'_> {
        written(&self.json, &self.text, &self.base64)
    }

    /// How long the answer takes, in milliseconds.
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

    pub(crate) fn written(&self) -> Written<'_> {
        written(&self.json, &self.text, &self.base64)
    }
}

impl Notify {
    pub(crate) fn written(&self) -> Written<'_> {
        written(&self.json, &self.text, &self.base64)
    }
}

impl Cancel {
    /// How long the run may take to end by itself, in milliseconds.
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

    /// How long it has taken, in milliseconds.
    pub(crate) fn took(&self) -> Result<Option<u64>, String> {
        let took = self.took.as_ref();
        took.map(|span| parse("took", span)).transpose()
    }
}

/// Refuses names in texts that are not known.
fn check_texts<'a>(texts: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut texts = texts.map(String::as_str);
    texts.try_for_each(names::check_text)
}

/// Refuses names in values that are not known.
fn check_values<'a>(values: impl Iterator<Item = &'a Json>) -> Result<(), String> {
    let mut values = values.map(|Json(value)| value);
    values.try_for_each(names::check)
}

fn written<'a>(
    json: &'a Option<Json>,
    text: &'a Option<String>,
    base64: &'a Option<String>,
) -> Written<'a> {
    Written {
        json: json.as_ref(),
        text: text.as_deref(),
        base64: base64.as_deref(),
    }
}

fn parse(name: &str, span: &str) -> Result<u64, String> {
    dormouse_limits::parse_span(span).map_err(|why| format!("`{name}`: {span:?} {why}"))
}
