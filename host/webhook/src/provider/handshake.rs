//! Handshakes: the probes by which some providers check a URL before they use it.
//!
//! A provider sends a challenge and expects it back. An answer contains an outsider's text and comes from the host's
//! own origin. So a request is taken for a probe only if it has exactly the form in the description, and the answer is
//! plain text or JSON, which no browser takes for a page. A probe that cannot be answered in this way is refused, and
//! never reaches the run.

use bytes::Bytes;
use dormouse_journal::{Header, Response};
use subtle::ConstantTimeEq as _;

use super::algorithm::Hash;
use super::condition::Condition;
use super::format::ContentType;
use super::place::{Place, Reading};
use super::template::{Template, TemplateValues, ValuePolicy};
use crate::Rejected;

/// One probe and its answer.
#[derive(Debug)]
pub(super) struct Handshake {
    pub(super) method: String,
    pub(super) when: Vec<Condition>,
    pub(super) is_signed: bool,
    pub(super) secret_equals: Option<Place>,
    pub(super) learns: Option<Place>,
    pub(super) status: u16,
    pub(super) content_type: Option<ContentType>,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Text(Option<Template>),
    Json(Vec<(String, Template)>),
}

/// A request that is a probe.
#[derive(Debug, Clone, Copy)]
pub struct Probe<'a> {
    pub(super) handshake: &'a Handshake,
    pub(super) reading: Reading<'a>,
}

/// Why a probe is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The probe does not have the required proof.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// The expected answer cannot be sent.
    #[error(
        "the request is its provider's probe, but what it wants sent back is missing, is too long, or has characters that \
         could be taken for a page; it is not answered, and not kept"
    )]
    Unanswerable,
}

impl Handshake {
    /// Returns true if the answer depends on a secret.
    pub(super) fn needs_secret(&self) -> bool {
        let mut headers = self.headers.iter().map(|(_, template)| template);
        let needs = |template: &Template| template.needs_secret();
        let body = match &self.body {
            Body::Text(text) => text.iter().any(needs),
            Body::Json(fields) => fields.iter().any(|(_, template)| needs(template)),
        };
        self.secret_equals.is_some() || body || headers.any(needs)
    }

    pub(super) fn is_shown_by_head(&self) -> bool {
        !self.when.iter().any(Condition::needs_body)
    }
}

impl Probe<'_> {
    /// Returns true if the provider signs this probe as it signs its requests.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.handshake.is_signed
    }

    /// Returns true if the answer depends on a secret.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        self.handshake.needs_secret()
    }

    /// Returns the secret that the probe contains, if there is one.
    #[must_use]
    pub fn contained_secret(&self) -> Option<String> {
        let place = self.handshake.learns.as_ref()?;
        let value = place.value(self.reading).ok()?;
        (!value.is_empty()).then(|| value.into_owned())
    }

    /// Returns the answer that the provider wants. `secrets` are those of the webhook; an answer that needs one uses
    /// the first.
    ///
    /// # Errors
    /// When the probe must prove that it knows a secret and does not, or when the expected answer cannot be sent.
    pub fn answer(&self, secrets: &[&[u8]]) -> Result<Response, Unanswered> {
        let Handshake {
            status,
            content_type,
            headers,
            body,
            ..
        } = self.handshake;
        self.check_secret(secrets)?;
        if secrets.is_empty() && self.needs_secret() {
            return Err(Rejected::Unverifiable.into());
        }
        let values = TemplateValues {
            reading: self.reading,
            timestamp: "",
            id: "",
            url: &self.reading.head.url,
            secret: secrets.first().copied().unwrap_or_default(),
            policy: ValuePolicy::SentBack,
        };
        let text =
            |template: &Template| template.text(values).map_err(|_| Unanswered::Unanswerable);
        let (usual, body) = match body {
            Body::Text(None) => (None, String::new()),
            Body::Text(Some(template)) => (Some(ContentType::Text), text(template)?),
            Body::Json(fields) => {
                let fields = fields.iter();
                let fields =
                    fields.map(|(name, template)| Ok((name.clone(), text(template)?.into())));
                let object = fields.collect::<Result<serde_json::Map<_, _>, Unanswered>>()?;
                let object = serde_json::Value::Object(object).to_string();
                (Some(ContentType::Json), object)
            }
        };
        let mut all: Vec<Header> = Vec::new();
        if let Some(content_type) = content_type.or(usual) {
            all.push(made("content-type", content_type.text().to_owned()));
        }
        all.push(made("x-content-type-options", "nosniff".to_owned()));
        for (name, template) in headers {
            let value = text(template)?;
            // Spaces and non-ASCII letters are allowed in a text, but not in a header.
            if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return Err(Unanswered::Unanswerable);
            }
            all.push(made(name, value));
        }
        Ok(Response {
            status: *status,
            headers: all,
            body: body.into(),
        })
    }

    fn check_secret(&self, secrets: &[&[u8]]) -> Result<(), Rejected> {
        let Some(place) = &self.handshake.secret_equals else {
            return Ok(());
        };
        if secrets.is_empty() {
            return Err(Rejected::Unverifiable);
        }
        let value = place.value(self.reading)?;
        let hashed = |bytes: &[u8]| Hash::Sha256.digest(&[bytes]);
        let given = hashed(value.as_bytes());
        let is_one = secrets.iter().fold(false, |matched, secret| {
            matched | bool::from(hashed(secret).ct_eq(&given))
        });
        if is_one { Ok(()) } else { Err(Rejected::Wrong) }
    }
}

impl ContentType {
    pub(super) fn text(self) -> &'static str {
        match self {
            ContentType::Text => "text/plain; charset=utf-8",
            ContentType::Json => "application/json",
            ContentType::Xml => "text/xml; charset=utf-8",
        }
    }
}

pub(super) fn made(name: &str, value: String) -> Header {
    (name.to_owned(), Bytes::from(value))
}
