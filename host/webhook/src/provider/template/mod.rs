//! Templates: texts that are made of a request's values, to be signed or to be sent as an answer.

mod reader;

use std::borrow::Cow;

use super::algorithm::Hash;
use super::encoding::encode;
use super::format::EncodingName;
use super::place::{Place, Reading, query, sorted_form};
use crate::Rejected;

/// The largest length in bytes of a value that is sent back.
const LONGEST_ANSWER: usize = 1_024;

/// The largest length in bytes of a value whose digest is sent back.
const LONGEST_HASHED: usize = 256;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Value(Value),
    Function(Function, Template),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Body,
    Timestamp,
    Id,
    Method,
    Url,
    UrlWithoutQuery,
    Origin,
    Host,
    Path,
    Target,
    Query,
    SortedForm,
    Secret,
    Setting(usize),
    At(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    /// The value, or an empty text if the value is missing.
    Optional,
    Lower,
    Upper,
    Digest(Hash, EncodingName),
    Hmac(Hash, EncodingName),
}

/// The values that a template is rendered with.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateValues<'a> {
    pub(super) reading: Reading<'a>,
    pub(super) timestamp: &'a str,
    pub(super) id: &'a str,
    pub(super) url: &'a str,
    pub(super) secret: &'a [u8],
    pub(super) policy: ValuePolicy,
}

/// Which values of a request a template may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValuePolicy {
    /// Any value, since the text is not sent.
    NotSent,
    /// Values that can be sent back from the host's own origin and that a browser does not take for a page.
    SentBack,
    /// Values whose digest under the secret may be sent back: words, which no provider would sign as a request.
    Hashed,
}

/// The text of a template, in pieces.
pub(super) type Message<'a> = Vec<Cow<'a, [u8]>>;

impl Template {
    /// Returns every value in the template and in the templates inside it.
    fn values(&self) -> Vec<&Value> {
        let values = self.pieces.iter().flat_map(|piece| match piece {
            Piece::Literal(_) => Vec::new(),
            Piece::Value(value) => vec![value],
            Piece::Function(_, inner) => inner.values(),
        });
        values.collect()
    }

    pub(super) fn has_timestamp(&self) -> bool {
        self.values().contains(&&Value::Timestamp)
    }

    pub(super) fn has_id(&self) -> bool {
        self.values().contains(&&Value::Id)
    }

    pub(super) fn has_body(&self) -> bool {
        let is_body = |value: &&Value| match value {
            Value::Body | Value::SortedForm => true,
            Value::At(place) => place.needs_body(),
            _ => false,
        };
        self.values().iter().any(is_body)
    }

    pub(super) fn has_secret(&self) -> bool {
        self.values().contains(&&Value::Secret)
    }

    /// Returns true if the secret could be read in the text.
    pub(super) fn shows_secret(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Value(Value::Secret) => true,
            Piece::Function(Function::Digest(..) | Function::Hmac(..), _)
            | Piece::Literal(_)
            | Piece::Value(_) => false,
            Piece::Function(_, inner) => inner.shows_secret(),
        })
    }

    /// Returns true if the text is made with a secret.
    pub(super) fn needs_secret(&self) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Value(Value::Secret) | Piece::Function(Function::Hmac(..), _) => true,
            Piece::Literal(_) | Piece::Value(_) => false,
            Piece::Function(_, inner) => inner.needs_secret(),
        })
    }

    /// Returns the number of places that the template reads.
    pub(super) fn places(&self) -> usize {
        let places = self.values();
        places
            .iter()
            .filter(|value| matches!(value, Value::At(_)))
            .count()
    }

    /// Returns the text that follows the id. An id must not contain this text: otherwise, one signature would fit
    /// several ways to split the bytes into an id and the rest.
    pub(super) fn after_id(&self) -> Option<&str> {
        let place = self
            .pieces
            .iter()
            .position(|piece| *piece == Piece::Value(Value::Id))?;
        match self.pieces.get(place + 1) {
            Some(Piece::Literal(text)) => Some(text),
            _ => None,
        }
    }

    /// Appends the rendered text.
    ///
    /// # Errors
    /// If a value is missing, or may not be used here.
    pub(super) fn render<'a>(
        &'a self,
        values: TemplateValues<'a>,
        out: &mut Message<'a>,
    ) -> Result<(), Rejected> {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.push(Cow::Borrowed(text.as_bytes())),
                Piece::Value(value) => out.push(value.allowed(values)?),
                Piece::Function(function, inner) => function.render(inner, values, out)?,
            }
        }
        Ok(())
    }

    /// Returns the rendered text, for a template whose values are texts.
    pub(super) fn text(&self, values: TemplateValues<'_>) -> Result<String, Rejected> {
        let mut message = Vec::new();
        self.render(values, &mut message)?;
        String::from_utf8(message.concat()).map_err(|_| Rejected::Malformed)
    }
}

impl Function {
    fn render<'a>(
        self,
        inner: &'a Template,
        values: TemplateValues<'a>,
        out: &mut Message<'a>,
    ) -> Result<(), Rejected> {
        let mut message = Vec::new();
        let values = match self {
            Function::Digest(..) | Function::Hmac(..) if values.policy == ValuePolicy::SentBack => {
                TemplateValues {
                    policy: ValuePolicy::Hashed,
                    ..values
                }
            }
            _ => values,
        };
        match inner.render(values, &mut message) {
            Err(Rejected::Missing) if self == Function::Optional => return Ok(()),
            rendered => rendered?,
        }
        let text = match self {
            Function::Optional => {
                out.append(&mut message);
                return Ok(());
            }
            Function::Lower => message.concat().to_ascii_lowercase(),
            Function::Upper => message.concat().to_ascii_uppercase(),
            Function::Digest(hash, encoding) => {
                encode(encoding, &hash.digest(&message)).into_bytes()
            }
            Function::Hmac(hash, encoding) => {
                encode(encoding, &hash.hmac(values.secret, &message)).into_bytes()
            }
        };
        out.push(Cow::Owned(text));
        Ok(())
    }
}

impl Value {
    /// Returns the value, if the guard allows it.
    fn allowed<'a>(&'a self, values: TemplateValues<'a>) -> Result<Cow<'a, [u8]>, Rejected> {
        let value = self.read(values)?;
        let is_allowed = match (self, values.policy) {
            // These values are not from the request, or the text is not sent.
            (Value::Secret | Value::Setting(_), _) | (_, ValuePolicy::NotSent) => true,
            // These are parts of the host's own address, to which the request was sent.
            (
                Value::Url | Value::UrlWithoutQuery | Value::Origin | Value::Host,
                ValuePolicy::Hashed,
            ) => value.len() <= LONGEST_ANSWER,
            (_, ValuePolicy::SentBack) => is_harmless(&value),
            (_, ValuePolicy::Hashed) => is_word(&value),
        };
        if is_allowed {
            Ok(value)
        } else {
            Err(Rejected::Malformed)
        }
    }

    fn read<'a>(&'a self, values: TemplateValues<'a>) -> Result<Cow<'a, [u8]>, Rejected> {
        let borrowed = |text: &'a str| Cow::Borrowed(text.as_bytes());
        let head = values.reading.head;
        Ok(match self {
            Value::Body => Cow::Borrowed(values.reading.body),
            Value::Timestamp => borrowed(values.timestamp),
            Value::Id => borrowed(values.id),
            Value::Method => borrowed(&head.method),
            Value::Url => borrowed(values.url),
            Value::UrlWithoutQuery => borrowed(without_query(values.url)),
            Value::Origin => borrowed(split_url(values.url).0),
            Value::Host => borrowed(host(values.url)),
            Value::Path => borrowed(without_query(split_url(values.url).1)),
            Value::Target => borrowed(split_url(values.url).1),
            Value::Query => borrowed(query(head).unwrap_or_default()),
            Value::SortedForm => Cow::Owned(sorted_form(values.reading.body)),
            Value::Secret => Cow::Borrowed(values.secret),
            Value::Setting(place) => {
                let settings = values.reading.settings;
                borrowed(settings.get(*place).copied().unwrap_or_default())
            }
            Value::At(place) => match place.value(values.reading)? {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
        })
    }
}

/// Returns true if a text can be sent back: it is short, on one line, and has no character with a meaning in HTML.
fn is_harmless(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let is_plain = |letter: char| match letter {
        '<' | '>' | '"' | '\'' | '&' | '`' => false,
        ' '..='~' => true,
        letter => letter.is_alphanumeric(),
    };
    (1..=LONGEST_ANSWER).contains(&text.len()) && text.chars().all(is_plain)
}

/// Returns true if a text is a word, such as a token, that no provider would sign as a request.
fn is_word(value: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    (1..=LONGEST_HASHED).contains(&value.len()) && value.iter().all(is_letter)
}

/// Returns the origin of a URL, and the rest of the URL.
fn split_url(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |place| place + 3);
    let rest = url.get(start..).unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    url.split_at_checked(start + end).unwrap_or((url, ""))
}

fn host(url: &str) -> &str {
    let (origin, _) = split_url(url);
    origin.split_once("://").map_or(origin, |(_, host)| host)
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(start, _)| start)
}
