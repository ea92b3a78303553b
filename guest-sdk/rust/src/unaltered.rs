//! Finds JSON texts that cannot be read without a silent change.
//!
//! There are two such changes: an integer is rounded if neither 64 bits nor a floating-point number can hold it
//! exactly, and of two values with the same key only one is kept. This module cannot know which types would be
//! affected, so such a text is refused for all types. A [`Payload`](crate::Payload) keeps its bytes.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Checks a JSON text, which must be valid.
pub(crate) fn check(json: &[u8]) -> Result<(), serde_path_to_error::Error<serde_json::Error>> {
    let rounded = rounded_integers(json);
    let mut track = serde_path_to_error::Track::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    let reader = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let checked = Checked { rounded: &rounded }.deserialize(reader);
    checked.map_err(|error| serde_path_to_error::Error::new(track.path(), error))
}

/// An integer as it is written, and the number to which it would be rounded.
struct Rounded {
    written: String,
    read: f64,
}

/// Returns the integers of a valid JSON text that would be rounded. A number with a fraction or an exponent is a
/// floating-point number from the start, and does not count.
fn rounded_integers(json: &[u8]) -> Vec<Rounded> {
    let mut found = Vec::new();
    let mut rest = json;
    while let [first, after @ ..] = rest {
        rest = match first {
            b'"' => after_string(after),
            b'-' | b'0'..=b'9' => {
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let length = rest.iter().take_while(|byte| is_part(byte)).count();
                let (number, after) = rest.split_at(length);
                found.extend(str::from_utf8(number).ok().and_then(rounded));
                after
            }
            _ => after,
        };
    }
    found
}

/// Returns the text after a string whose opening quote was removed.
fn after_string(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b'"', after @ ..] => return after,
            [b'\\', _, after @ ..] | [_, after @ ..] => after,
            [] => return text,
        };
    }
}

fn rounded(number: &str) -> Option<Rounded> {
    let is_exact = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    if is_exact || number.contains(['.', 'e', 'E']) {
        return None;
    }
    let read: f64 = number.parse().ok()?;
    // With a given precision, all digits of the value are shown.
    (format!("{read:.0}") != number).then(|| Rounded {
        written: number.to_owned(),
        read,
    })
}

/// Visits a value and everything in it.
#[derive(Clone, Copy)]
struct Checked<'a> {
    rounded: &'a [Rounded],
}

impl<'de> DeserializeSeed<'de> for Checked<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_f64<E: Error>(self, read: f64) -> Result<(), E> {
        let mut rounded = self.rounded.iter();
        let Some(number) = rounded.find(|number| number.read.to_bits() == read.to_bits()) else {
            return Ok(());
        };
        Err(E::custom(format_args!(
            "the number {} would be rounded to {read:.0}; send it as a string",
            number.written
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key `{key}` occurs more than once"
                )));
            }
            keys.insert(key);
            map.next_value_seed(self)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(json: &str, place: &str, expected: &str) {
        let error = check(json.as_bytes()).unwrap_err();
        assert_eq!(error.path().to_string(), place, "{json}");
        let message = error.into_inner().to_string();
        assert!(message.starts_with(expected), "{message}");
    }

    fn check_taken(json: &str) {
        assert!(check(json.as_bytes()).is_ok(), "{json}");
    }

    #[test]
    fn integers_that_would_be_rounded() {
        check_refused(
            r#"{"items": [{"id": 18446744073709551617}]}"#,
            "items[0].id",
            "the number 18446744073709551617 would be rounded to 18446744073709551616; send it as \
             a string",
        );
        check_refused(
            "-9223372036854775809",
            ".",
            "the number -9223372036854775809 would be rounded to -9223372036854775808",
        );
    }

    #[test]
    fn numbers_that_stay_as_they_are() {
        check_taken("[18446744073709551615, 36893488147419103232, -9223372036854775808, 0, -0]");
        // These are floating-point numbers, so their authors expect rounding.
        check_taken("[0.1, 1e300, 12345678901234567890.5, 1.8446744073709551617E19]");
    }

    #[test]
    fn texts_that_look_like_numbers() {
        check_taken(r#"["18446744073709551617", "\"18446744073709551617", "\\"]"#);
    }

    #[test]
    fn keys_that_are_there_more_than_once() {
        check_refused(
            r#"{"a": {"id": 1, "other": 2, "\u0069d": 3}}"#,
            "a",
            "the key `id` occurs more than once",
        );
        check_taken(r#"[{"a": {"a": 1}}, {"a": null, "b": true}]"#);
    }
}
