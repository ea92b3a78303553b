//! Compiles probes with their answers, and the rules by which repeats are recognised.

use dormouse_journal::OtherBody;
use toml::Spanned;

use super::Compiler;
use super::wrong::{Compiled, wrong};
use crate::provider::format::{self, ContentType};
use crate::provider::handshake::{self, Body};
use crate::provider::template::Template;
use crate::provider::{is_header_name, repeat, shown};

impl Compiler<'_> {
    pub(super) fn repeat(
        &mut self,
        rule: Spanned<format::Repeat>,
        has_id: bool,
    ) -> Compiled<repeat::Rule> {
        if rule.as_ref().places.is_empty() {
            return wrong(&rule, "[[repeat]] names at least one place");
        }
        let rule = rule.into_inner();
        let parts = rule.places.iter().map(|place| match place.as_ref().id {
            Some(true) if has_id => Ok(repeat::Part::SignedId),
            Some(_) => wrong(place, "`id = true` names the `id` of the signatures; each of them must say where it is, in \
                the head of the request"),
            None => Ok(repeat::Part::At(self.place(place)?)),
        });
        Ok(repeat::Rule {
            parts: parts.collect::<Compiled<Vec<_>>>()?,
            is_signed: rule.signed,
            other_body: match rule.other_body {
                format::OtherBodyName::Same => OtherBody::Same,
                format::OtherBodyName::Queue => OtherBody::Queue,
            },
        })
    }

    pub(super) fn handshake(
        &mut self,
        rule: Spanned<format::Handshake>,
    ) -> Compiled<handshake::Handshake> {
        let at = rule.span().start;
        let rule = rule.into_inner();
        let method = rule.method.as_ref().as_str();
        if !["GET", "POST", "PUT", "PATCH", "OPTIONS"].contains(&method) {
            return wrong(
                &rule.method,
                "a probe comes by GET, POST, PUT, PATCH or OPTIONS, written in capitals",
            );
        }
        if rule.when.is_empty() {
            return Err((
                at,
                "say by `when` what the probe looks like; without it every request would be one"
                    .into(),
            ));
        }
        let answer = rule.answer.as_ref();
        let status = answer.status.unwrap_or(200);
        if !(200..=299).contains(&status) {
            return wrong(
                &rule.answer,
                "the answer to a probe has a status from 200 to 299",
            );
        }
        if answer.content_type == Some(ContentType::Xml) {
            return wrong(
                &rule.answer,
                "the answer to a probe is text/plain or application/json; what an outsider sent is not put into XML",
            );
        }
        let body = match (&answer.text, &answer.json) {
            (Some(_), Some(_)) => return wrong(&rule.answer, "give `text` or `json`, not both"),
            (text, None) => Body::Text(text.as_ref().map(|text| self.answer(text)).transpose()?),
            (None, Some(fields)) => {
                let fields = fields.iter();
                let fields = fields.map(|(name, text)| Ok((name.clone(), self.answer(text)?)));
                Body::Json(fields.collect::<Compiled<Vec<_>>>()?)
            }
        };
        let headers = answer.headers.iter().map(|(name, text)| {
            if !is_header_name(name) {
                return wrong(text, format!("{} is not a valid header name", shown(name)));
            }
            Ok((name.to_ascii_lowercase(), self.answer(text)?))
        });
        Ok(handshake::Handshake {
            method: method.to_owned(),
            headers: headers.collect::<Compiled<Vec<_>>>()?,
            when: self.conditions(&rule.when)?,
            is_signed: rule.signed,
            secret_equals: rule
                .secret_equals
                .as_ref()
                .map(|place| self.place(place))
                .transpose()?,
            learns: rule
                .learns
                .as_ref()
                .map(|place| self.place(place))
                .transpose()?,
            status,
            content_type: answer.content_type,
            body,
        })
    }

    /// Compiles a text that is sent back.
    fn answer(&mut self, text: &Spanned<String>) -> Compiled<Template> {
        let template = self.template(text)?;
        if template.shows_secret() {
            return wrong(
                text,
                "an answer may hold the secret only in a digest, such as \
                `{sha256-hex:{query:challenge}{secret}}`",
            );
        }
        if template.has_timestamp() || template.has_id() {
            return wrong(
                text,
                "an answer has no `{timestamp}` and no `{id}`; name their place, such as `{header:X}`",
            );
        }
        Ok(template)
    }
}
