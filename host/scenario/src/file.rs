//! Reads the file of a scenario.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use dormouse_journal::Time;
use dormouse_secret::{Origin, Purpose, Secret, SecretName, Use};
use serde::Deserialize;
use toml::Spanned;

use crate::content::BodyKeys;
use crate::json::Json;
use crate::step::{Answer, ExpectedRun, Step, WrittenStep};

/// The default time at which scenarios begin: 2026-01-01.
const BEGINNING: Time = Time(1_767_225_600_000);

/// The largest number of steps of a scenario.
const MOST_STEPS: usize = 10_000;

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The name under which the workflow is deployed, if the scenario gives one.
    pub workflow: Option<String>,
    pub(crate) time: Time,
    pub(crate) input: Option<Json>,
    pub(crate) input_text: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, WrittenSecret>,
    pub(crate) answers: Vec<(usize, Answer)>,
    pub(crate) steps: Vec<(usize, Step)>,
    pub(crate) expect: Option<ExpectedRun>,
}

/// The error for a file that is not a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", self.place())]
pub struct InvalidScenario {
    /// The number of the line, if the error is in one. The first line is 1.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
}

impl InvalidScenario {
    fn place(&self) -> String {
        self.line
            .map_or_else(String::new, |line| format!("line {line}: "))
    }
}

/// A scenario as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScenario {
    workflow: Option<String>,
    time: Option<toml::value::Datetime>,
    input: Option<Json>,
    input_text: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    secrets: BTreeMap<String, WrittenSecret>,
    #[serde(default, rename = "answer")]
    answers: Vec<Spanned<Answer>>,
    #[serde(default, rename = "step")]
    steps: Vec<Spanned<WrittenStep>>,
    expect: Option<Spanned<ExpectedRun>>,
}

/// A secret: its value, or its value and the origins to which calls may carry it.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum WrittenSecret {
    Value(String),
    Sent {
        value: String,
        #[serde(default)]
        send_to: Vec<String>,
    },
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// If the text is not a scenario.
    pub fn read(text: &str) -> Result<Self, InvalidScenario> {
        let line_at = |at: usize| {
            text.get(..at)
                .map(|before| before.matches('\n').count() + 1)
        };
        let at = |span: Range<usize>, why: String| InvalidScenario {
            line: line_at(span.start),
            why,
        };
        let written: WrittenScenario = toml::from_str(text).map_err(|error| InvalidScenario {
            line: error.span().and_then(|span| line_at(span.start)),
            why: error.message().to_owned(),
        })?;
        let somewhere = |why: String| InvalidScenario { line: None, why };
        if written.steps.len() > MOST_STEPS {
            return Err(somewhere(format!("it has more than {MOST_STEPS} steps")));
        }
        let mut answers = Vec::new();
        for answer in written.answers {
            let (span, answer) = (answer.span(), answer.into_inner());
            let line = line_at(span.start).unwrap_or_default();
            let checked = answer.to.check("to").and_then(|()| answer.respond.check());
            checked.map_err(|why| at(span, why))?;
            answers.push((line, answer));
        }
        let mut steps = Vec::new();
        let mut callers = BTreeSet::new();
        for step in written.steps {
            let span = step.span();
            let line = line_at(span.start).unwrap_or_default();
            let step = step.into_inner().read();
            let step = step.and_then(|step| know_caller(&step, &mut callers).map(|()| step));
            let step = step.map_err(|why| at(span, why))?;
            steps.push((line, step));
        }
        let expect = match written.expect {
            None => None,
            Some(expect) => {
                let (span, expect) = (expect.span(), expect.into_inner());
                expect.check().map_err(|why| at(span, why))?;
                Some(expect)
            }
        };
        let scenario = Scenario {
            workflow: written.workflow,
            time: written
                .time
                .map_or(Ok(BEGINNING), time)
                .map_err(somewhere)?,
            input: written.input,
            input_text: written.input_text,
            headers: written.headers,
            labels: written.labels,
            secrets: written.secrets,
            answers,
            steps,
            expect,
        };
        let input = scenario.input();
        input.check("the input").map_err(somewhere)?;
        let checked = input.check_before_start();
        checked.map_err(|why| somewhere(format!("the input: {why}")))?;
        scenario.secrets().map_err(somewhere)?;
        Ok(scenario)
    }

    pub(crate) fn input(&self) -> BodyKeys<'_> {
        BodyKeys {
            json: self.input.as_ref(),
            text: self.input_text.as_deref(),
            base64: None,
        }
    }

    /// Returns the secrets, with the uses that each workflow of the scenario has.
    pub(crate) fn secrets(&self) -> Result<Vec<(SecretName, Secret, Vec<Origin>)>, String> {
        let mut secrets = Vec::new();
        for (name, written) in &self.secrets {
            let (value, send_to) = match written {
                WrittenSecret::Value(value) => (value, &[][..]),
                WrittenSecret::Sent { value, send_to } => (value, send_to.as_slice()),
            };
            let because = |why: &dyn std::fmt::Display| format!("the secret {name}: {why}");
            let parsed = name.parse().map_err(|error| because(&error))?;
            let value = value.clone().into_bytes();
            let secret = Secret::new(value).map_err(|error| because(&error))?;
            let origins = send_to.iter().map(|origin| origin.parse::<Origin>());
            let origins: Result<_, _> = origins.collect();
            secrets.push((parsed, secret, origins.map_err(|error| because(&error))?));
        }
        Ok(secrets)
    }
}

/// Records the name that a step gives to a caller. Returns an error if a step looks at a caller that
/// no earlier step has named.
fn know_caller(step: &Step, callers: &mut BTreeSet<String>) -> Result<(), String> {
    match step {
        Step::Deliver(deliver, _) => callers.extend(deliver.named.clone()),
        Step::Answered(name, _) if !callers.remove(name) => {
            return Err(format!(
                "no request before this step, that is not looked at yet, is sent `as = \"{name}\"`"
            ));
        }
        _ => {}
    }
    Ok(())
}

/// Returns the uses of a secret that a workflow has.
pub(crate) fn uses(workflow: &str, origins: &[Origin]) -> Vec<Use> {
    let purposes = origins.iter().cloned().map(Purpose::SendTo);
    let purposes = purposes.chain([Purpose::Verify]);
    let uses = purposes.map(|purpose| Use {
        workflow: workflow.to_owned(),
        purpose,
    });
    uses.collect()
}

fn time(written: toml::value::Datetime) -> Result<Time, String> {
    let time: jiff::Timestamp = written.to_string().parse().map_err(|_| {
        format!("`time`: {written} is not a point in time; write it as 2026-03-01T08:00:00Z")
    })?;
    u64::try_from(time.as_millisecond())
        .map(Time)
        .map_err(|_| format!("`time`: {written} is before 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Scenario::read(text).unwrap_err().to_string()
    }

    #[test]
    fn a_scenario_has_its_steps_with_their_lines() {
        let scenario = Scenario::read(
            "input = {a = 1}\ntime = 2026-03-01T08:00:00Z\n\n[[step]]\nadvance = '5m'\n\n[[step]]\ncall = {step = 'x'}\n\
             respond = {status = 204}\n\n[expect]\nstatus = 'failed'\n",
        )
        .unwrap();
        assert_eq!(scenario.time, Time(1_772_352_000_000));
        let lines: Vec<usize> = scenario.steps.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [4, 7]);
        assert!(matches!(scenario.steps[0].1, Step::Advance(300_000)));
    }

    #[test]
    fn names_that_a_run_may_give_a_value_are_left_to_it() {
        let text = "input = ['${null}', '$${year}']\n[[step]]\ncall = {url = '${webhook.a}', json = ['${run}', '${null}']}\n\
                    [expect]\noutput = '${webhook.b}'";
        Scenario::read(text).unwrap();
    }

    #[test]
    fn an_invalid_scenario_is_refused_with_its_line() {
        for (text, says) in [
            ("\ninputs = 1", "line 2: unknown field `inputs`"),
            ("[[step]]\nadvance = '5'", "line 1: `advance`: \"5\" is not"),
            ("[[step]]", "line 1: a step has one of"),
            (
                "[[step]]\nadvance = '5s'\ncall = {}",
                "line 1: a step has one of",
            ),
            (
                "[[step]]\nadvance = '5s'\nrespond = {}",
                "belongs to `call`",
            ),
            ("[[step]]\ncall = {}\nexpect = {}", "use `run` for the run"),
            (
                "[[step]]\ndeliver = {to = 'a', as = 'b'}\nexpect = {status = 202}",
                "looked at by a step with `answered`",
            ),
            ("[[step]]\ncall = {json = 1, text = 'a'}", "give one of"),
            (
                "[[step]]\ncall = {}\nrespond = {status = 42}",
                "42 is not an HTTP status",
            ),
            (
                "[[step]]\ndeliver = {to = 'a', base64 = '!'}",
                "is not base64",
            ),
            ("[[answer]]\nrespond = {error = 'lost'}", "line 2"),
            ("input = '${run}'", "the input: `${run}` has no value yet"),
            ("input = {a = ['${year}']}", "`${year}` is not known"),
            ("input_text = '${webhook.a}'", "has no value yet"),
            (
                "\n[[answer]]\nto = {url = '${year}'}",
                "line 2: `${year}` is not known",
            ),
            (
                "[[answer]]\nto = {headers = {a = '${year}'}}",
                "line 1: `${year}`",
            ),
            (
                "[[answer]]\nto = {json_like = {a = '${year}'}}",
                "line 1: `${year}`",
            ),
            (
                "[[answer]]\nrespond = {headers = {a = '${year}'}}",
                "line 1: `${year}`",
            ),
            (
                "[[answer]]\nrespond = {text = 'a ${run'}",
                "line 1: `a ${run` begins a name",
            ),
            (
                "[[step]]\ndeliver = {to = 'a', query = '${null}'}",
                "line 1: `${null}` is not known",
            ),
            (
                "[[step]]\ndeliver = {to = 'a', headers = {a = '${year}'}}",
                "line 1: `${year}`",
            ),
            (
                "[[step]]\ndeliver = {to = 'a'}\nexpect = {json = {a = '${year}'}}",
                "line 1: `${year}`",
            ),
            (
                "[[step]]\ndeliver = {to = 'a', as = 'b'}\n[[step]]\nanswered = 'b'\nexpect = {text = '${year}'}",
                "line 3: `${year}`",
            ),
            (
                "[[step]]\nnotify = {event = 'a', text = '${webhooks.a}'}",
                "line 1: `${webhooks.a}`",
            ),
            (
                "[[step]]\nrun = {output_like = ['${year}']}",
                "line 1: `${year}`",
            ),
            ("\n[expect]\noutput_text = '${year}'", "line 2: `${year}`"),
            (
                "[[step]]\nanswered = 'b'\n[[step]]\ndeliver = {to = 'a', as = 'b'}",
                "line 1: no request before this step",
            ),
            (
                "[[step]]\ndeliver = {to = 'a', as = 'b'}\n[[step]]\nanswered = 'b'\n[[step]]\nanswered = 'b'",
                "line 5: no request before this step",
            ),
            ("[expect]\nstatus = 'done'", "line 2"),
            ("time = 2026-03-01", "is not a point in time"),
            (
                "[secrets]\nA = {value = 'abcdefgh', send_to = ['x']}",
                "the secret A",
            ),
            ("input = 1\ninput_text = 'a'", "the input: give one of"),
        ] {
            let error = refused(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
