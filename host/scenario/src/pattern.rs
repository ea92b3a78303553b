//! Patterns of calls in a scenario.

use std::collections::BTreeMap;

use dormouse_journal::Request;
use serde::Deserialize;
use serde_json::Value;

use crate::content::BodyKeys;
use crate::difference::{Strictness, differences, shortened};
use crate::json::Json;
use crate::names::{self, Names};

/// A pattern of calls. A field that is not set matches anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallPattern {
    /// The name of the step.
    pub(crate) step: Option<String>,
    /// The workflow whose run makes the call, if runs of several workflows take part.
    pub(crate) workflow: Option<String>,
    method: Option<String>,
    /// The URL. A `*` in it matches any text.
    url: Option<String>,
    /// Some of the headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The body as JSON, which must be equal.
    json: Option<Json>,
    /// The least that the body, which is JSON, must have.
    json_like: Option<Json>,
    /// The body as text.
    text: Option<String>,
    base64: Option<String>,
}

/// An attempt at a call that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The workflow of the run that makes the call.
    pub(crate) workflow: String,
    /// The name of the step, if it is known.
    pub(crate) step: Option<String>,
    pub(crate) request: Request,
}

impl Sent {
    /// Describes the attempt in one line.
    pub(crate) fn line(&self) -> String {
        let Request { method, url, .. } = &self.request;
        let url = shortened(url);
        match &self.step {
            Some(step) => format!("{step}: {method} {url}"),
            None => format!("{method} {url}"),
        }
    }
}

impl CallPattern {
    /// Returns whether the pattern says nothing of which call is meant, but only what it must have.
    pub(crate) fn is_any(&self) -> bool {
        self.step.is_none() && self.url.is_none()
    }

    pub(crate) fn check(&self, place: &str) -> Result<(), String> {
        let bodies = [
            self.json.is_some(),
            self.json_like.is_some(),
            self.text.is_some(),
            self.base64.is_some(),
        ];
        if bodies.into_iter().filter(|given| *given).count() > 1 {
            return Err(format!(
                "{place}: give one of `json`, `json_like`, `text` and `base64`"
            ));
        }
        let texts = self.url.iter().chain(self.headers.values());
        let mut texts = texts.map(String::as_str);
        texts.try_for_each(names::check_text)?;
        self.written().check(place)
    }

    fn written(&self) -> BodyKeys<'_> {
        BodyKeys {
            json: self.json.as_ref().or(self.json_like.as_ref()),
            text: self.text.as_deref(),
            base64: self.base64.as_deref(),
        }
    }

    /// Returns true if the pattern means this call: the step, the workflow, the method and the URL match.
    /// The content is compared by [`differences`](Self::differences).
    pub(crate) fn means(&self, sent: &Sent, names: &Names) -> Result<bool, String> {
        let request = &sent.request;
        let step = self
            .step
            .as_ref()
            .is_none_or(|step| sent.step.as_ref() == Some(step));
        let workflow = self
            .workflow
            .as_ref()
            .is_none_or(|name| *name == sent.workflow);
        let method = self.method.as_ref();
        let method = method.is_none_or(|method| method.eq_ignore_ascii_case(&request.method));
        let url = match &self.url {
            None => true,
            Some(url) => is_like(&names.fill_text(url)?, &request.url),
        };
        Ok(step && workflow && method && url)
    }

    /// Returns the differences between a call and the expected content, one in each line.
    pub(crate) fn differences(&self, sent: &Sent, names: &Names) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for (name, expected) in &self.headers {
            let expected = names.fill_text(expected)?;
            let headers = sent.request.headers.iter();
            let found: Vec<String> = headers
                .filter(|(other, _)| other.eq_ignore_ascii_case(name))
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                .collect();
            if !found.contains(&expected) {
                let found = match found.as_slice() {
                    [] => "nothing".to_owned(),
                    found => format!("{:?}", found.join(", ")),
                };
                lines.push(format!(
                    "header {name}: expected {expected:?}, found {found}"
                ));
            }
        }
        lines.extend(self.body_differences(&sent.request.body, names)?);
        Ok(lines)
    }

    fn body_differences(&self, body: &[u8], names: &Names) -> Result<Vec<String>, String> {
        let (expected, strictness) = match (&self.json, &self.json_like) {
            (Some(Json(value)), _) => (names.fill(value)?, Strictness::Same),
            (_, Some(Json(value))) => (names.fill(value)?, Strictness::Like),
            (None, None) if self.text.is_none() && self.base64.is_none() => return Ok(Vec::new()),
            (None, None) => {
                let expected = self.written().content(names)?.body;
                return Ok(other_bytes("body", &expected, body));
            }
        };
        Ok(match serde_json::from_slice::<Value>(body) {
            Ok(found) => differences("body", &expected, &found, strictness),
            Err(_) => vec![format!(
                "body: expected JSON, found {:?}",
                shortened(&String::from_utf8_lossy(body))
            )],
        })
    }
}

/// Returns the difference between bytes and the expected bytes in one line, or no line if they are equal.
pub(crate) fn other_bytes(place: &str, expected: &[u8], found: &[u8]) -> Vec<String> {
    if expected == found {
        return Vec::new();
    }
    let text = |bytes: &[u8]| shortened(&String::from_utf8_lossy(bytes));
    vec![format!(
        "{place}: expected {:?}, found {:?}",
        text(expected),
        text(found)
    )]
}

/// Returns true if a text matches a pattern, in which a `*` matches any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(body: &str) -> Sent {
        Sent {
            workflow: "order".into(),
            step: Some("charge".into()),
            request: Request {
                method: "POST".into(),
                url: "https://pay.example/v1/charges?x=1".into(),
                headers: vec![("Content-Type".into(), "application/json".into())],
                body: body.to_owned().into(),
            },
        }
    }

    fn pattern(text: &str) -> CallPattern {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_star_in_a_url_matches_anything() {
        for (pattern, text, like) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXc", false),
            ("abc", "abcd", false),
            ("ab*bc", "abc", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), like, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_matches_a_call_by_the_fields_that_it_sets() {
        let names = Names::default();
        for (text, means) in [
            ("", true),
            ("step = 'charge'", true),
            ("step = 'refund'", false),
            ("workflow = 'parcel'", false),
            ("method = 'post'\nurl = 'https://pay.example/*'", true),
            ("method = 'GET'", false),
            ("url = 'https://pay.example/'", false),
        ] {
            assert_eq!(pattern(text).means(&sent(""), &names), Ok(means), "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_call_are_compared() {
        let names = Names::default();
        let differ =
            |text: &str, body: &str| pattern(text).differences(&sent(body), &names).unwrap();
        assert!(differ("json = {a = 1}", r#"{"a":1}"#).is_empty());
        assert_eq!(
            differ("json = {a = 1}", r#"{"a":1,"b":2}"#),
            ["body.b: expected nothing, found 2"]
        );
        assert!(differ("json_like = {a = 1}", r#"{"a":1,"b":2}"#).is_empty());
        assert_eq!(
            differ("json = {}", "<html>"),
            ["body: expected JSON, found \"<html>\""]
        );
        assert_eq!(differ("text = 'a'", "b").len(), 1);
        assert!(differ("headers = {content-type = 'application/json'}", "").is_empty());
        assert_eq!(
            differ("headers = {accept = 'x'}", ""),
            ["header accept: expected \"x\", found nothing"]
        );
    }
}
