//! Compiles test vectors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_journal::Time;
use toml::Spanned;

use super::Compiler;
use super::wrong::{Compiled, wrong};
use crate::provider::format::{self, OneOrMany};
use crate::provider::vector;

impl Compiler<'_> {
    pub(super) fn vector(&self, rule: Spanned<format::Vector>) -> Compiled<vector::Vector> {
        let at = rule.span().start;
        let line = self.text.get(..at).unwrap_or(self.text);
        let line = line.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let rule = rule.into_inner();
        let body = match (rule.body, rule.body_base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => match STANDARD.decode(text.as_ref()) {
                Ok(body) => body,
                Err(error) => return wrong(&text, format!("`body_base64` is not base64: {error}")),
            },
            (None, None) => Vec::new(),
            (Some(_), Some(_)) => {
                return Err((at, "a vector has `body` or `body_base64`, not both".into()));
            }
        };
        let time = rule.time.checked_mul(1_000);
        let time = time.ok_or((at, "`time` is a time in Unix seconds".to_owned()))?;
        let headers = rule.headers.into_iter().flat_map(|(name, values)| {
            let values = match values {
                OneOrMany::One(value) => vec![value],
                OneOrMany::Many(values) => values,
            };
            values.into_iter().map(move |value| (name.clone(), value))
        });
        let secrets = rule.secrets.into_iter().flatten().chain(rule.secret);
        Ok(vector::Vector {
            line,
            origin: rule.from,
            secrets: secrets.collect(),
            settings: rule.settings.into_iter().collect(),
            time: Time(time),
            request: vector::Vector::request(rule.method, rule.url, headers.collect(), body),
            verdict: rule.verdict,
            key: rule.key,
            answer: rule.answer,
            answer_headers: rule.answer_headers.into_iter().collect(),
        })
    }
}
