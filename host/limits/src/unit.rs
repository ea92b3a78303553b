//! Sizes and spans of time as people write them: `64KiB`, `500ms`.

use std::fmt;

const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const SPANS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// The form of a size, for messages.
pub(super) const SIZE: &str = "a size, such as 65536, 64KiB, 16MiB or 1GiB";

/// The form of a span of time, for messages.
pub(super) const SPAN: &str = "a span of time, such as 500ms, 5s, 10m, 24h or 7d";

/// Parses a size in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    parse(text, SIZES)
}

/// The error for a text that is not a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSpan;

impl fmt::Display for InvalidSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not {SPAN}")
    }
}

/// Reads a span of time, in milliseconds.
///
/// # Errors
/// When the text is not a span of time.
pub fn parse_span(text: &str) -> Result<u64, InvalidSpan> {
    span(text).ok_or(InvalidSpan)
}

/// Parses a span of time in milliseconds.
pub(super) fn span(text: &str) -> Option<u64> {
    parse(text, SPANS)
}

/// Formats bytes in the largest binary unit that fits.
pub(super) fn write_size(size: u64) -> String {
    write(size, &SIZES[1..=5])
}

/// Formats milliseconds in the largest unit that fits.
pub(super) fn write_span(span: u64) -> String {
    write(span, SPANS)
}

/// Formats a number in the largest unit that divides it.
fn write(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| number >= *factor && number.is_multiple_of(*factor);
    let (unit, factor) = units.iter().rfind(fits).unwrap_or(&units[0]);
    format!("{}{unit}", number / factor)
}

/// Parses a whole number and a unit, with an optional space between them.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let table = [
            ("0", Some(0)),
            ("65536", Some(65_536)),
            ("64KiB", Some(65_536)),
            (" 16 MiB ", Some(16 << 20)),
            ("1GiB", Some(1 << 30)),
            ("2TB", Some(2_000_000_000_000)),
            ("10B", Some(10)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("16777216TiB", None),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("+1", None),
            ("1.5GiB", None),
            ("16mib", None),
            ("16M", None),
        ];
        for (text, expected) in table {
            assert_eq!(size(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_and_spans_are_written_in_the_largest_unit_that_fits() {
        let sizes = [
            (0, "0B"),
            (1_000, "1000B"),
            (1_536, "1536B"),
            (64 << 20, "64MiB"),
            (u64::MAX, "18446744073709551615B"),
        ];
        for (value, expected) in sizes {
            assert_eq!(write_size(value), expected);
        }
        let spans = [
            (0, "0ms"),
            (1_500, "1500ms"),
            (90_000, "90s"),
            (7 * 86_400_000, "7d"),
        ];
        for (value, expected) in spans {
            assert_eq!(write_span(value), expected);
        }
    }

    #[test]
    fn spans() {
        let table = [
            ("500ms", Some(500)),
            ("5s", Some(5_000)),
            ("10 m", Some(600_000)),
            ("24h", Some(86_400_000)),
            ("7d", Some(604_800_000)),
            ("0s", Some(0)),
            ("5", None),
            ("", None),
            ("1h30m", None),
            ("-5s", None),
            ("1.5s", None),
            ("5S", None),
            ("9999999999999999999d", None),
        ];
        for (text, expected) in table {
            assert_eq!(span(text), expected, "{text:?}");
        }
    }
}
