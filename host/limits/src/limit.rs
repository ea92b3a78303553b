//! One limit, and the text form of its values.

use std::fmt;
use std::ops::RangeInclusive;

use crate::unit;

/// One limit: its name, its values, and its purpose.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// The name of the limit's setting, without leading dashes.
    pub name: &'static str,
    /// The unit of the limit's values.
    pub unit: Unit,
    /// The value if the setting is not given.
    pub default: u64,
    /// The values that are allowed.
    pub bounds: RangeInclusive<u64>,
    /// The help text.
    pub help: &'static str,
}

/// The unit of a limit's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Size,
    /// Milliseconds.
    Span,
    /// A number of things.
    Count,
}

/// Why a text is not a value of a limit, as a description of valid values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue(String);

impl Limit {
    /// Parses a value as people write it: `64KiB`, `500ms`, `1000`.
    ///
    /// # Errors
    /// When the text is not a value, or is out of bounds.
    pub fn parse(&self, text: &str) -> Result<u64, InvalidValue> {
        let (least, most) = (self.bounds.start(), self.bounds.end());
        let (value, bounds, example) = match self.unit {
            Unit::Size => (unit::size(text), format!("{least} bytes"), unit::SIZE),
            Unit::Span => (unit::span(text), format!("{least}ms"), unit::SPAN),
            Unit::Count => {
                let value = text.trim().parse().ok();
                let value = value.filter(|value| self.bounds.contains(value));
                let bounds = format!("give a whole number from {least} to {most}");
                return value.ok_or(InvalidValue(bounds));
            }
        };
        match value {
            Some(value) if value < *least => Err(InvalidValue(format!("give {bounds} or more"))),
            Some(value) if value > *most => Err(InvalidValue(format!(
                "give {} or less",
                self.written(*most)
            ))),
            Some(value) => Ok(value),
            None => Err(InvalidValue(format!("give {example}"))),
        }
    }

    /// Formats a value for [`Limit::parse`], in the largest unit that fits.
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

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidValue {}
