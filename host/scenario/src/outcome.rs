//! Compares the state of a run, and the answer to a caller, with what the scenario expects.

use std::collections::BTreeMap;

use dormouse_journal::{Failure, LogLine, Payload, Response, Status};
use serde_json::Value;

use crate::difference::{Strictness, differences, shortened};
use crate::json::Json;
use crate::names::Names;
use crate::pattern::other_bytes;
use crate::step::{ExpectedAnswer, ExpectedRun};

/// How far `took` may be from the actual time, in milliseconds. The host groups writes for some
/// milliseconds.
const TOLERANCE: u64 = 1_000;

/// The state of a run.
#[derive(Debug)]
pub(crate) struct RunState {
    pub(crate) status: Status,
    pub(crate) output: Option<Payload>,
    pub(crate) failure: Option<Failure>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) took: u64,
    /// Descriptions of the first operations that the run waits for.
    pub(crate) waits: Vec<String>,
}

impl RunState {
    /// Returns the state in one line.
    pub(crate) fn line(&self) -> String {
        match (&self.failure, &self.output) {
            (Some(failure), _) => format!("{}: {}: {}", self.status, failure.code, failure.message),
            (None, Some(output)) => {
                let output = String::from_utf8_lossy(&output.body);
                format!("{}: {}", self.status, shortened(&output))
            }
            (None, None) if self.waits.is_empty() => self.status.to_string(),
            (None, None) => format!("{}, and waits for {}", self.status, self.waits.join("; ")),
        }
    }

    /// Returns the differences between the run and what was expected, one in each line.
    pub(crate) fn differences(
        &self,
        expected: &ExpectedRun,
        names: &Names,
    ) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        if let Some(status) = expected.status
            && status != self.status
        {
            lines.push(format!("status: expected {status}, found {}", self.line()));
        }
        let body = self.output.as_ref().map(|output| output.body.as_ref());
        let json = expected
            .output
            .as_ref()
            .map(|json| (json, Strictness::Same));
        let like = expected.output_like.as_ref();
        let like = like.map(|json| (json, Strictness::Like));
        for (Json(value), strictness) in json.into_iter().chain(like) {
            let value = names.fill(value)?;
            lines.extend(json_differences("output", &value, body, strictness));
        }
        if let Some(text) = &expected.output_text {
            let text = names.fill_text(text)?;
            lines.extend(other_bytes(
                "output",
                text.as_bytes(),
                body.unwrap_or_default(),
            ));
        }
        lines.extend(self.failure_differences(expected));
        if let Some(labels) = &expected.labels {
            let value = |labels: &BTreeMap<String, String>| serde_json::json!(labels);
            let same = Strictness::Same;
            lines.extend(differences(
                "labels",
                &value(labels),
                &value(&self.labels),
                same,
            ));
        }
        lines.extend(self.missing_log(&expected.log));
        if let Some(took) = expected.took()?
            && took.abs_diff(self.took) > TOLERANCE
        {
            lines.push(format!("took: expected {took} ms, found {} ms", self.took));
        }
        Ok(lines)
    }

    fn failure_differences(&self, expected: &ExpectedRun) -> Vec<String> {
        let mut lines = Vec::new();
        let found = self.failure.as_ref();
        if let Some(code) = &expected.code
            && found.is_none_or(|failure| failure.code != *code)
        {
            let found = found.map_or("none", |failure| &failure.code);
            lines.push(format!("code: expected {code}, found {found}"));
        }
        if let Some(message) = &expected.message
            && found.is_none_or(|failure| !failure.message.contains(message.as_str()))
        {
            let found = found.map_or("none", |failure| &failure.message);
            lines.push(format!(
                "message: expected one with {message:?}, found {found:?}"
            ));
        }
        lines
    }

    /// Returns a message about the first expected text that no line of the log contains after the
    /// lines of the texts before it.
    fn missing_log(&self, expected: &[String]) -> Option<String> {
        let mut lines = self.log.iter();
        let missing = expected
            .iter()
            .find(|text| !lines.any(|line| line.message.contains(text.as_str())))?;
        Some(format!(
            "log: no line has {missing:?}, behind those before it"
        ))
    }
}

/// Returns the differences between an answer and what was expected, one in each line.
pub(crate) fn answer_differences(
    answer: &Response,
    expected: &ExpectedAnswer,
    names: &Names,
) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    let body = String::from_utf8_lossy(&answer.body);
    if let Some(status) = expected.status
        && status != answer.status
    {
        lines.push(format!(
            "status: expected {status}, found {}: {}",
            answer.status,
            shortened(&body)
        ));
    }
    for (name, expected) in &expected.headers {
        let expected = names.fill_text(expected)?;
        let mut found = answer.headers.iter();
        if !found.any(|(other, value)| {
            other.eq_ignore_ascii_case(name) && value.as_ref() == expected.as_bytes()
        }) {
            lines.push(format!(
                "header {name}: expected {expected:?}, found another or none"
            ));
        }
    }
    let json = expected.json.as_ref().map(|json| (json, Strictness::Same));
    let like = expected.json_like.as_ref();
    let like = like.map(|json| (json, Strictness::Like));
    for (Json(value), strictness) in json.into_iter().chain(like) {
        let value = names.fill(value)?;
        lines.extend(json_differences(
            "body",
            &value,
            Some(&answer.body),
            strictness,
        ));
    }
    if let Some(text) = &expected.text {
        let text = names.fill_text(text)?;
        lines.extend(other_bytes("body", text.as_bytes(), &answer.body));
    }
    Ok(lines)
}

fn json_differences(
    place: &str,
    expected: &Value,
    found: Option<&[u8]>,
    strictness: Strictness,
) -> Vec<String> {
    let Some(found) = found else {
        return vec![format!("{place}: expected one, found none")];
    };
    match serde_json::from_slice::<Value>(found) {
        Ok(found) => differences(place, expected, &found, strictness),
        Err(_) if found.is_empty() && expected.is_null() => Vec::new(),
        Err(_) => vec![format!(
            "{place}: expected JSON, found {:?}",
            shortened(&String::from_utf8_lossy(found))
        )],
    }
}
