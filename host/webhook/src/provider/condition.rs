//! Conditions on a request, under which a part of a description applies.

use super::format::Shape;
use super::place::{Place, Reading, has_form_fields};
use crate::field::{Field, field};
use crate::pointer::has_fields;

/// The largest number of digits of a number, unless the description says fewer.
pub(super) const DIGITS: usize = 20;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// A test of the value at this place.
    At(Place, Test),
    /// The body has this media type.
    ContentType(String),
    /// The body is empty, or is not.
    EmptyBody(bool),
    /// The body is an object with exactly these fields.
    Fields(Vec<String>),
    /// The body is a form with exactly these fields.
    FormFields(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Present,
    Absent,
    OneOf(Vec<String>),
    StartsWith(String),
    Number(usize),
    Url,
}

impl Test {
    pub(super) fn of_shape(shape: Shape, at_most: Option<usize>) -> Self {
        match shape {
            Shape::Number => Test::Number(at_most.unwrap_or(DIGITS)),
            Shape::Url => Test::Url,
        }
    }
}

impl Condition {
    /// Returns true if the body is needed to decide. Its length is enough to know that it is empty.
    pub(super) fn needs_body(&self) -> bool {
        match self {
            Condition::At(place, _) => place.needs_body(),
            Condition::Fields(_) | Condition::FormFields(_) => true,
            Condition::ContentType(_) | Condition::EmptyBody(_) => false,
        }
    }

    /// Returns true if the condition is met. If `is_lenient`, a place that appears more than once counts as present.
    /// Then the request is refused where the value is read, and no other part of the description applies.
    pub(super) fn holds(&self, reading: Reading<'_>, is_lenient: bool) -> bool {
        match self {
            Condition::ContentType(expected) => media_type(reading)
                .is_some_and(|given| given.eq_ignore_ascii_case(expected.as_bytes())),
            Condition::EmptyBody(expected) => reading.body.is_empty() == *expected,
            Condition::Fields(fields) => has_fields(reading.body, fields),
            Condition::FormFields(fields) => has_form_fields(reading.body, fields),
            Condition::At(place, Test::Absent) => {
                place.values(reading).is_ok_and(|values| values.is_empty())
            }
            Condition::At(place, Test::Present) => match place.values(reading) {
                Ok(values) => !values.is_empty(),
                Err(_) => is_lenient,
            },
            Condition::At(place, test) => place
                .value(reading)
                .is_ok_and(|value| test.holds_of(&value)),
        }
    }
}

impl Test {
    fn holds_of(&self, value: &str) -> bool {
        match self {
            Test::Present => true,
            Test::Absent => false,
            Test::OneOf(values) => values.iter().any(|allowed| allowed == value),
            Test::StartsWith(start) => value.starts_with(start.as_str()),
            Test::Number(digits) => {
                (1..=*digits).contains(&value.len())
                    && value.bytes().all(|byte| byte.is_ascii_digit())
            }
            Test::Url => {
                url::Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
            }
        }
    }
}

/// Returns the media type of the body without its parameters. A page in a browser cannot send JSON's type to another
/// origin without asking first.
fn media_type<'a>(reading: Reading<'a>) -> Option<&'a [u8]> {
    let Field::Once(value) = field(reading.head, "content-type") else {
        return None;
    };
    value
        .split(|byte| *byte == b';')
        .next()
        .map(<[u8]>::trim_ascii)
}
