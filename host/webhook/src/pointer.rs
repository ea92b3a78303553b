//! JSON pointers (RFC 6901). They are read from a body without building a tree of it, because a stranger's body may be
//! large. In a provider's description, `*` stands for every element of an array.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The largest number of steps of a pointer.
const STEPS: usize = 16;

/// The largest number of values that one pointer finds.
const FOUND: usize = 64;

/// A JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Name(String),
    Each,
}

/// The value to which a pointer leads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// The text of a string, the digits of an integer, or the name of a truth value.
    Text(String),
    /// A number that is not an integer of 64 bits.
    Float(f64),
    /// An object or an array.
    Other,
}

/// Up to this number, every whole number has its own floating-point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Checks that a text is a pointer.
///
/// # Errors
/// When it is not a pointer. The text says why.
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

/// Returns the text, number or truth value to which a pointer leads. None if there is none, if a name on the way
/// appears twice, or if the body is not JSON.
pub(crate) fn value_at(pointer: &str, body: &[u8]) -> Option<String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match Pointer::plain(pointer).find(body, None).ok()?.pop()? {
        Found::Text(text) => Some(text),
        // Beyond that, different numbers would be the same key.
        Found::Float(number) => (number.abs() < EXACT).then(|| number.to_string()),
        Found::Other => None,
    }
}

impl Step {
    fn name(escaped: &str) -> Self {
        Step::Name(escaped.replace("~1", "/").replace("~0", "~"))
    }
}

impl Pointer {
    /// Creates a pointer in which `*` is a name like any other. A text that is not a pointer was refused before, and
    /// leads to the whole body.
    fn plain(text: &str) -> Self {
        let names = text.strip_prefix('/').into_iter();
        let names = names.flat_map(|names| names.split('/'));
        Pointer(names.map(Step::name).collect())
    }

    /// Parses a pointer in a provider's description.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!(
                "{text:?} is no JSON pointer; write one that begins with `/`, such as `/data/id`"
            ));
        };
        let steps = rest.split('/').map(|step| match step {
            "*" => Step::Each,
            name => Step::name(name),
        });
        let steps: Vec<Step> = steps.collect();
        if steps.len() > STEPS {
            return Err(format!("a JSON pointer has at most {STEPS} steps"));
        }
        Ok(Pointer(steps))
    }

    /// Returns true if the pointer leads to every element of an array.
    pub(crate) fn has_each(&self) -> bool {
        self.0.contains(&Step::Each)
    }

    /// Returns the values to which the pointer leads: none if the body is not JSON, or has nothing or null there.
    /// `element` takes the place of `*`.
    ///
    /// # Errors
    /// When a name on the way appears twice, so that another reader may see another value, or when more values are
    /// found than anybody sends.
    pub(crate) fn find(
        &self,
        body: &[u8],
        element: Option<usize>,
    ) -> Result<Vec<Found>, DuplicateName> {
        let mut seek = Seek {
            steps: &self.0,
            element,
            found: &mut Vec::new(),
            is_ambiguous: &mut false,
        };
        let mut reader = serde_json::Deserializer::from_slice(body);
        let read = seek.again().deserialize(&mut reader);
        let read = read.and_then(|()| reader.end());
        match read {
            _ if *seek.is_ambiguous => Err(DuplicateName),
            Ok(()) => Ok(std::mem::take(seek.found)),
            Err(_) => Ok(Vec::new()),
        }
    }
}

/// The error for a name that appears twice in one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DuplicateName;

struct Seek<'s> {
    steps: &'s [Step],
    element: Option<usize>,
    found: &'s mut Vec<Found>,
    is_ambiguous: &'s mut bool,
}

impl Seek<'_> {
    /// Returns the same search for one value.
    fn again(&mut self) -> Seek<'_> {
        Seek {
            steps: self.steps,
            element: self.element,
            found: self.found,
            is_ambiguous: self.is_ambiguous,
        }
    }

    fn next(&mut self) -> Seek<'_> {
        Seek {
            steps: self.steps.get(1..).unwrap_or_default(),
            element: self.element,
            found: self.found,
            is_ambiguous: self.is_ambiguous,
        }
    }

    fn end<E: Error>(self, found: Found) -> Result<(), E> {
        if !self.steps.is_empty() {
            return Ok(());
        }
        if self.found.len() == FOUND {
            *self.is_ambiguous = true;
            return Err(E::custom("too many values"));
        }
        self.found.push(found);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.end(Found::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.end(Found::Text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.end(Found::Text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.end(Found::Float(number))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<(), E> {
        self.end(Found::Text(truth.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let name = match self.steps.first() {
            Some(Step::Name(name)) => Some(name.as_str()),
            Some(Step::Each) => None,
            None => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return self.end(Found::Other);
            }
        };
        let mut seen = false;
        while let Some(is_it) = map.next_key_seed(NameEquals(name))? {
            if !is_it {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if seen {
                *self.is_ambiguous = true;
                return Err(A::Error::custom("a name is there twice"));
            }
            seen = true;
            map.next_value_seed(self.next())?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let wanted = match self.steps.first() {
            Some(Step::Each) => self.element.map(Some).unwrap_or_default(),
            // An index that is not a number leads to no element.
            Some(Step::Name(name)) => Some(index(name).unwrap_or(usize::MAX)),
            None => {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return self.end(Found::Other);
            }
        };
        for place in 0.. {
            let is_left = if wanted.is_none_or(|wanted| wanted == place) {
                list.next_element_seed(self.next())?.is_some()
            } else {
                list.next_element::<IgnoredAny>()?.is_some()
            };
            if !is_left {
                break;
            }
        }
        Ok(())
    }
}

/// Returns the index in an array that a name stands for.
fn index(name: &str) -> Option<usize> {
    let is_number = name == "0" || !name.starts_with('0');
    let has_digits = name.bytes().all(|byte| byte.is_ascii_digit());
    name.parse().ok().filter(|_| is_number && has_digits)
}

/// Compares a key with this name, without keeping it.
struct NameEquals<'n>(Option<&'n str>);

impl<'de> DeserializeSeed<'de> for NameEquals<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameEquals<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<bool, E> {
        Ok(self.0 == Some(key))
    }
}

/// Returns the number of elements of the array at this pointer. None if there is no array.
pub(crate) fn elements(pointer: &Pointer, body: &[u8], most: usize) -> Option<usize> {
    // An element is found as an object. Its content is not read.
    let each = Pointer(pointer.0.iter().cloned().chain([Step::Each]).collect());
    let found = each.find(body, None).ok()?;
    (1..=most).contains(&found.len()).then_some(found.len())
}

/// Returns true if the body is an object with exactly these fields, each of which appears once.
pub(crate) fn has_fields(body: &[u8], fields: &[String]) -> bool {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = reader.deserialize_map(Fields(fields));
    read.is_ok_and(|is_it| is_it) && reader.end().is_ok()
}

struct Fields<'f>(&'f [String]);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut seen = vec![false; self.0.len()];
        let mut is_it = true;
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            let place = self.0.iter().position(|field| *field == key);
            match place.and_then(|place| seen.get_mut(place)) {
                Some(seen) if !*seen => *seen = true,
                _ => is_it = false,
            }
        }
        Ok(is_it && seen.into_iter().all(|seen| seen))
    }
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
    fn json_that_can_be_read_in_two_ways_is_not_read() {
        check_value("/a", r#"{"a": 1, "a": 2}"#, None);
        check_value("/a/b", r#"{"a": {"b": 1}, "a": {}}"#, None);
        check_value("/b", r#"{"a": 1, "a": 2, "b": 3}"#, Some("3"));
        check_value("/a", r#"{"a": 123456789012345678901234567890}"#, None);
    }

    #[test]
    fn invalid_json_has_no_value() {
        for body in ["", "a=1", r#"{"a": 1"#, r#"{"a": 1} x"#, "\u{0}"] {
            check_value("/a", body, None);
        }
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        check_value("/a", &deep, None);
    }
}
