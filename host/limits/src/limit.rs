//! One limit, and its values as people write them.

use std::fmt;
use std::ops::RangeInclusive;

use crate::unit;

/// One limit: what it is called, what it takes, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name of its setting, without dashes before it.
    pub name: &'static str,
    /// What its numbers count.
    pub unit: Unit,
    /// Its value unless the setting is given.
    pub default: u64,
    /// The values that it takes.
    pub bounds: RangeInclusive<u64>,
    /// What it bounds, for people.
    pub help: &'static str,
}

/// What the numbers of a limit count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Size,
    /// Milliseconds.
    Span,
    /// Things of some kind.
    Count,
}

/// Why a text is not a value of a limit: what would be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAValue(String);

impl Limit {
    /// Reads a value as people write it: `64KiB`, `500ms`, `1000`.
    ///
    /// # Errors
    /// When it is no such text, or out of bounds.
    pub fn parse(&self, text: &str) -> Result<u64, NotAValue> {
        let (least, most) = (self.bounds.start(), self.bounds.end());
        let (value, bounds, example) = match self.unit {
            Unit::Size => (unit::size(text), format!("{least} bytes"), unit::SIZE),
            Unit::Span => (unit::span(text), format!("{least}ms"), unit::SPAN),
            Unit::Count => {
                let value = text.trim().parse().ok();
                let value = value.filter(|value| self.bounds.contains(value));
                let bounds = format!("give a whole number from {least} to {most}");
                return value.ok_or(NotAValue(bounds));
            }
        };
        match value {
            Some(value) if value < *least => Err(NotAValue(format!("give {bounds} or more"))),
            Some(value) if value > *most => {
                Err(NotAValue(format!("give {} or less", self.written(*most))))
            }
            Some(value) => Ok(value),
            None => Err(NotAValue(format!("give {example}"))),
        }
    }

    /// Returns a value as [`Limit::parse`] reads it, in the largest unit that fits.
    #[must_use]
    pub fn written(&self, value: u64) -> String {
        match self.unit {
            Unit::Size => unit::write_size(value),
            Unit::Span => unit::write_span(value),
            Unit::Count => value.to_string(),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for NotAValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotAValue {}
