//! JSON pointers (RFC 6901) into a body, followed without building a tree of it: what a stranger sends may be large.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Checks that a text is a pointer.
///
/// # Errors
/// When it is none: the text says why.
pub(crate) fn check(pointer: &str) -> Result<(), String> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Err(format!(
            "the JSON pointer {pointer:?} does not begin with a slash, such as `/order/id`"
        ));
    }
    let mut rest = pointer.chars();
    while let Some(character) = rest.next() {
        if character == '~' && !matches!(rest.next(), Some('0' | '1')) {
            return Err(format!(
                "the JSON pointer {pointer:?} has a `~` that is neither `~0`, a tilde, nor `~1`, a slash"
            ));
        }
    }
    Ok(())
}

/// Returns the text, number or truth value that a pointer leads to. None if there is none, if a name on the way is there
/// twice, or if the body is no JSON.
pub(crate) fn value_at(pointer: &str, body: &[u8]) -> Option<String> {
    let names: Vec<String> = match pointer.strip_prefix('/') {
        Some(rest) => rest.split('/').map(unescaped).collect(),
        None => Vec::new(),
    };
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let found = Follow(&names).deserialize(&mut json).ok()?;
    json.end().ok()?;
    found
}

fn unescaped(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// Follows these names.
struct Follow<'n>(&'n [String]);

impl<'de> DeserializeSeed<'de> for Follow<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl Follow<'_> {
    /// Returns a value that is found if there are no names left to follow.
    fn here<E>(&self, value: impl FnOnce() -> Option<String>) -> Result<Option<String>, E> {
        Ok(self.0.is_empty().then(value).flatten())
    }
}

/// Up to here every whole number has a floating-point number of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'de> Visitor<'de> for Follow<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        self.here(|| Some(value.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        self.here(|| Some(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        self.here(|| Some(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        self.here(|| Some(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        // Different numbers beyond would be the same key.
        self.here(|| (value.abs() < EXACT).then(|| value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let name = self.0.split_first();
        let mut found = None;
        let mut times = 0;
        while let Some(key) = map.next_key::<String>()? {
            match name {
                Some((first, rest)) if *first == key => {
                    found = map.next_value_seed(Follow(rest))?;
                    times += 1;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if times > 1 {
            return Err(M::Error::custom("a name is there twice"));
        }
        Ok(found)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        let place = self
            .0
            .split_first()
            .and_then(|(first, rest)| Some((index(first)?, rest)));
        let mut found = None;
        for at in 0_usize.. {
            let is_there = match place {
                Some((wanted, rest)) if wanted == at => {
                    let item = sequence.next_element_seed(Follow(rest))?;
                    let is_there = item.is_some();
                    found = item.flatten();
                    is_there
                }
                _ => sequence.next_element::<IgnoredAny>()?.is_some(),
            };
            if !is_there {
                break;
            }
        }
        Ok(found)
    }
}

/// Returns the place in an array that a name means.
fn index(name: &str) -> Option<usize> {
    let is_number = name == "0" || !name.starts_with('0');
    let has_digits = name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|_| is_number && has_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_value(pointer: &str, body: &str, expected: Option<&str>) {
        let found = value_at(pointer, body.as_bytes());
        assert_eq!(found.as_deref(), expected, "{pointer} in {body}");
    }

    #[test]
    fn pointers_are_followed() {
        let body =
            r#"{"a": [1, {"b/c": "x", "~": true}], "n": null, "f": 1.5, "": {"": 7}, "i": -3}"#;
        check_value("/a/0", body, Some("1"));
        check_value("/a/1/b~1c", body, Some("x"));
        check_value("/a/1/~0", body, Some("true"));
        check_value("/a/2", body, None);
        check_value("/a/01", body, None);
        check_value("/a/-", body, None);
        check_value("/a/+1", body, None);
        check_value("/n", body, None);
        check_value("/f", body, Some("1.5"));
        check_value("/i", body, Some("-3"));
        check_value("//", body, Some("7"));
        check_value("", body, None);
        check_value("", "\"x\"", Some("x"));
        check_value("/a", "\u{feff}{\"a\": 1}", Some("1"));
        check_value("/a/b", r#"{"a": "text"}"#, None);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        check_value("/a", r#"{"a": 1, "a": 2}"#, None);
        check_value("/a/b", r#"{"a": {"b": 1}, "a": {}}"#, None);
        check_value("/b", r#"{"a": 1, "a": 2, "b": 3}"#, Some("3"));
        check_value("/a", r#"{"a": 123456789012345678901234567890}"#, None);
    }

    #[test]
    fn what_is_no_json_has_no_value() {
        for body in ["", "a=1", r#"{"a": 1"#, r#"{"a": 1} x"#, "\u{0}"] {
            check_value("/a", body, None);
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        check_value("/a", &deep, None);
    }
}
