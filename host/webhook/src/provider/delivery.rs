//! Deliveries: the values by which a provider identifies the delivery in a request.

use dormouse_journal::{OtherBody, Request};

use super::Check;
use super::place::Reading;
use super::repeat::Part;

/// The longest value in bytes. It is an identifier; a UUID has 36.
const LONGEST: usize = 256;

/// The provider's name for a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The values that it consists of.
    pub values: Vec<String>,
    /// True if the signature covers the name, so that nobody else can change it.
    pub is_signed: bool,
    /// The meaning of the same name with another body.
    pub other_body: OtherBody,
}

impl Check<'_> {
    /// Returns true if the provider's name for a delivery may be in the body, so that the head alone does not have it.
    #[must_use]
    pub fn is_repeat_in_body(&self) -> bool {
        let mut rules = self.provider().repeats.iter();
        rules.any(|rule| rule.parts.iter().any(Part::needs_body))
    }

    /// Returns the provider's name for a delivery, by the first rule whose parts are all present. None if for every
    /// rule a part is missing or cannot be an identifier.
    #[must_use]
    pub fn repeat(&self, request: &Request) -> Option<Repeat> {
        let reading = self.reading(request, &request.body);
        let mut rules = self.provider().repeats.iter();
        rules.find_map(|rule| {
            let values = rule.parts.iter().map(|part| self.part(part, reading));
            Some(Repeat {
                values: values.collect::<Option<Vec<_>>>()?,
                is_signed: rule.is_signed,
                other_body: rule.other_body,
            })
        })
    }

    fn part(&self, part: &Part, reading: Reading<'_>) -> Option<String> {
        let place = match part {
            Part::At(place) => place,
            Part::SignedId => self.applying(reading)?.id.as_ref()?,
        };
        let values = place.values(reading).ok()?;
        let is_name = values.iter().all(|value| is_identifier(value));
        (is_name && !values.is_empty()).then(|| values.join(","))
    }
}

fn is_identifier(value: &str) -> bool {
    (1..=LONGEST).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
}
