//! Places: where in a request a value is.

use std::borrow::Cow;

use dormouse_journal::Request;
use url::form_urlencoded;

use crate::Rejected;
use crate::field::{Field, field};
use crate::pointer::{Found, Pointer};

/// The largest number of values at one place. A provider sends one signature for each secret in use, which are
/// usually two at most.
pub(super) const VALUES: usize = 16;

/// A text in the description, or the value of a setting of the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TextOrSetting {
    Literal(String),
    /// The index of the setting among those of the description.
    Setting(usize),
}

/// The place of a value, and which part of the text there it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) origin: Origin,
    /// The separator between the items of a list.
    pub(super) separator: Option<String>,
    /// The name before `=` in an item of the list.
    pub(super) part: Option<TextOrSetting>,
    /// Which items of the list: the number of the first, from 1, and whether the later ones count too.
    pub(super) items: Option<(usize, bool)>,
    /// The prefix before the value, which is removed.
    pub(super) prefix: Option<TextOrSetting>,
    /// True if the prefix is not case-sensitive.
    pub(super) any_case: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The first of these headers that is present.
    Headers(Vec<TextOrSetting>),
    /// Headers of this name with 1, 2, and so on after it.
    Numbered(String),
    Query(TextOrSetting),
    Form(TextOrSetting),
    Json(Pointer),
    /// JSON in a field of a form.
    FormJson(TextOrSetting, Pointer),
}

/// A request as a description reads it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    /// The request's method, URL and headers. The body here is not used.
    pub(super) head: &'a Request,
    pub(super) body: &'a [u8],
    /// The values of the description's settings, in order.
    pub(super) settings: &'a [&'a str],
    /// The element of an array whose values are read, if each element is signed on its own.
    pub(super) element: Option<usize>,
}

impl TextOrSetting {
    pub(super) fn text<'w>(&'w self, settings: &[&'w str]) -> &'w str {
        match self {
            TextOrSetting::Literal(text) => text,
            TextOrSetting::Setting(place) => settings.get(*place).copied().unwrap_or_default(),
        }
    }
}

impl Place {
    /// Returns true if the value is in the request's body.
    pub(super) fn needs_body(&self) -> bool {
        matches!(
            self.origin,
            Origin::Form(_) | Origin::Json(_) | Origin::FormJson(..)
        )
    }

    /// Returns the names of the headers that the value can be in.
    pub(super) fn headers(&self, settings: &[&str]) -> Vec<String> {
        match &self.origin {
            Origin::Headers(names) => {
                let names = names.iter().map(|name| name.text(settings));
                names.map(str::to_ascii_lowercase).collect()
            }
            Origin::Numbered(name) => {
                let name = name.to_ascii_lowercase();
                (1..=VALUES)
                    .map(|number| format!("{name}{number}"))
                    .collect()
            }
            Origin::Query(_) | Origin::Form(_) | Origin::Json(_) | Origin::FormJson(..) => {
                Vec::new()
            }
        }
    }

    /// Returns the values at this place. The result is empty if the request has no value there.
    ///
    /// # Errors
    /// If the text at the place is not spelled as the description says, or occurs more than once.
    pub(super) fn values<'a>(
        &'a self,
        reading: Reading<'a>,
    ) -> Result<Vec<Cow<'a, str>>, Rejected> {
        let mut values = Vec::new();
        for raw in self.raw(reading)? {
            match raw {
                Cow::Borrowed(text) => {
                    let items = self.items(text, reading.settings)?;
                    values.extend(items.into_iter().map(Cow::Borrowed));
                }
                Cow::Owned(text) => {
                    let items = self.items(&text, reading.settings)?;
                    values.extend(items.into_iter().map(|item| Cow::Owned(item.to_owned())));
                }
            }
        }
        if values.len() > VALUES {
            return Err(Rejected::Malformed);
        }
        Ok(values)
    }

    /// Returns the one value at this place.
    ///
    /// # Errors
    /// If the request has no value there, or more than one.
    pub(super) fn value<'a>(&'a self, reading: Reading<'a>) -> Result<Cow<'a, str>, Rejected> {
        let mut values = self.values(reading)?;
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => Ok(value),
            (Some(_), false) => Err(Rejected::Malformed),
            // The place has a list, but the list has no such item.
            (None, _) if self.raw(reading)?.is_empty() => Err(Rejected::Missing),
            (None, _) => Err(Rejected::Malformed),
        }
    }

    /// Returns the whole texts at this place, before they are split into items.
    fn raw<'a>(&'a self, reading: Reading<'a>) -> Result<Vec<Cow<'a, str>>, Rejected> {
        let settings = reading.settings;
        match &self.origin {
            Origin::Headers(names) => {
                for name in names {
                    if let Some(value) = header(reading.head, name.text(settings))? {
                        return Ok(vec![Cow::Borrowed(value)]);
                    }
                }
                Ok(Vec::new())
            }
            Origin::Numbered(name) => {
                let mut values = Vec::new();
                for number in 1..=VALUES {
                    match header(reading.head, &format!("{name}{number}"))? {
                        Some(value) => values.push(Cow::Borrowed(value)),
                        None => break,
                    }
                }
                Ok(values)
            }
            Origin::Query(name) => {
                let query = query(reading.head).unwrap_or_default();
                pair(query.as_bytes(), name.text(settings))
            }
            Origin::Form(name) => pair(reading.body, name.text(settings)),
            Origin::Json(pointer) => json(pointer, reading.body, reading.element),
            Origin::FormJson(name, pointer) => {
                let mut fields = pair(reading.body, name.text(settings))?;
                let field = fields.pop().unwrap_or_default();
                json(pointer, field.as_bytes(), reading.element)
            }
        }
    }

    /// Returns the values in one text.
    fn items<'t>(&self, text: &'t str, settings: &[&str]) -> Result<Vec<&'t str>, Rejected> {
        let prefix = self.prefix.as_ref().map(|prefix| prefix.text(settings));
        let Some(separator) = &self.separator else {
            let value = match prefix {
                None => Some(text),
                Some(prefix) => self.without_prefix(text, prefix),
            };
            return value.map(|value| vec![value]).ok_or(Rejected::Malformed);
        };
        let mut items = Vec::new();
        for (place, item) in text.split(separator.as_str()).enumerate() {
            let item = item.trim_matches(' ');
            if item.is_empty() {
                return Err(Rejected::Malformed);
            }
            let value = match &self.part {
                None => Some(item),
                Some(part) => {
                    let (name, value) = item.split_once('=').ok_or(Rejected::Malformed)?;
                    (name.trim_end_matches(' ') == part.text(settings)).then_some(value)
                }
            };
            let is_meant = self.items.is_none_or(|(first, and_more)| {
                let number = place + 1;
                number == first || and_more && number > first
            });
            // An item with another prefix is a signature of another version. It is skipped.
            let value = value.and_then(|value| match prefix {
                None => Some(value),
                Some(prefix) => self.without_prefix(value, prefix),
            });
            items.extend(value.filter(|_| is_meant));
            if items.len() > VALUES {
                return Err(Rejected::Malformed);
            }
        }
        Ok(items)
    }

    fn without_prefix<'t>(&self, text: &'t str, prefix: &str) -> Option<&'t str> {
        let (start, rest) = text.split_at_checked(prefix.len())?;
        let is_prefix = if self.any_case {
            start.eq_ignore_ascii_case(prefix)
        } else {
            start == prefix
        };
        is_prefix.then_some(rest)
    }
}

/// Returns the text of a header that a request may have once.
pub(super) fn header<'a>(head: &'a Request, name: &str) -> Result<Option<&'a str>, Rejected> {
    match field(head, name) {
        Field::Absent => Ok(None),
        Field::Once(value) => {
            let text = std::str::from_utf8(value).map_err(|_| Rejected::Malformed)?;
            Ok(Some(text))
        }
        Field::Repeated => Err(Rejected::Malformed),
    }
}

/// Returns the query of a request, without the question mark.
pub(super) fn query(head: &Request) -> Option<&str> {
    head.url.split_once('?').map(|(_, query)| query)
}

/// Returns the texts that a pointer leads to.
fn json<'a>(
    pointer: &Pointer,
    body: &[u8],
    element: Option<usize>,
) -> Result<Vec<Cow<'a, str>>, Rejected> {
    let found = pointer.find(body, element);
    let found = found.map_err(|_| Rejected::Malformed)?;
    let texts = found.into_iter().map(|found| match found {
        Found::Text(text) => Ok(Cow::Owned(text)),
        Found::Float(_) | Found::Other => Err(Rejected::Malformed),
    });
    texts.collect()
}

/// Returns true if a form has exactly these fields, each of them once.
pub(super) fn has_form_fields(form: &[u8], fields: &[String]) -> bool {
    let mut given: Vec<_> = form_urlencoded::parse(form).map(|(name, _)| name).collect();
    let mut wanted: Vec<&str> = fields.iter().map(String::as_str).collect();
    given.sort();
    wanted.sort_unstable();
    given == wanted
}

/// Returns the value of one field of a form, decoded.
fn pair<'a>(form: &'a [u8], name: &str) -> Result<Vec<Cow<'a, str>>, Rejected> {
    let mut values = form_urlencoded::parse(form).filter(|(given, _)| given == name);
    match (values.next(), values.next()) {
        (None, _) => Ok(Vec::new()),
        (Some((_, value)), None) => Ok(vec![value]),
        (Some(_), Some(_)) => Err(Rejected::Malformed),
    }
}

/// Returns the names and values of a form, decoded and sorted. Each pair is in the result once.
pub(super) fn sorted_form(form: &[u8]) -> Vec<u8> {
    let mut pairs: Vec<_> = form_urlencoded::parse(form).collect();
    pairs.sort();
    pairs.dedup();
    let bytes = pairs
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    bytes.collect::<Vec<_>>().concat()
}
