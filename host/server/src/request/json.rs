//! Checks that JSON can be read by workflows, before anything is started with it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may be nested: as deep as `serde_json` accepts, with which workflows in Rust read JSON.
/// RFC 8259, section 9, leaves the limit to readers.
const DEPTH: usize = 127;

/// Checks that a text is JSON. The error says what is wrong. Strings are decoded: they must be UTF-8, and escapes must
/// not leave half of a surrogate pair.
pub(crate) fn check(text: &[u8]) -> Result<(), String> {
    let read = serde_json::from_slice::<Read>(text);
    read.map(drop).map_err(|error| {
        let error = error.to_string();
        match error.strip_prefix("recursion limit exceeded") {
            Some(place) => {
                format!("nests arrays and objects more than {DEPTH} deep, which workflows do not read:{place}")
            }
            None => format!("is not JSON: {error}"),
        }
    })
}

/// A value that is parsed and not kept.
struct Read;

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Read, E> {
        Ok(Read)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Read, E> {
        Ok(Read)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Read, E> {
        Ok(Read)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Read, E> {
        Ok(Read)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Read, E> {
        Ok(Read)
    }

    fn visit_str<E>(self, _: &str) -> Result<Read, E> {
        Ok(Read)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Read, A::Error> {
        while items.next_element::<Read>()?.is_some() {}
        Ok(Read)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Read, A::Error> {
        while fields.next_entry::<Read, Read>()?.is_some() {}
        Ok(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_workflows_can_read_is_accepted() {
        let deep = format!("{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        for text in [
            "null",
            r#" {"a": [1, -2, 3.5e3, true, "\ud83d\ude00", "ü"], "a": 18446744073709551615} "#,
            "123456789012345678901234567890",
            &deep,
        ] {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn json_that_workflows_cannot_read_is_refused_with_its_place() {
        let deep = "[".repeat(DEPTH + 1);
        for (text, says) in [
            (&b"{\"a\": \"\xff\"}"[..], "unicode"),
            (br#""\ud800""#, "hex escape"),
            (br#"{"\udc00": 1}"#, "hex escape"),
            (b"[1] 2", "trailing"),
            (b"{", "EOF"),
            (deep.as_bytes(), "more than 127 deep"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(says), "{error}");
            assert!(error.contains("line 1 column"), "{error}");
        }
    }
}
