//! Lists of texts in requests, which are refused while they are read if they are too long: a list of millions of empty texts
//! takes ten times the memory of its JSON.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

/// Reads a list of at most `MOST` texts. Null is no list.
pub(crate) fn few<'de, D: Deserializer<'de>, const MOST: usize>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    deserializer.deserialize_any(Few::<MOST>)
}

struct Few<const MOST: usize>;

impl<'de, const MOST: usize> Visitor<'de> for Few<MOST> {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} texts")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            if texts.len() == MOST {
                let why = format!("the list has more than {MOST} texts: give at most {MOST}");
                return Err(A::Error::custom(why));
            }
            texts.push(text);
        }
        Ok(Some(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<Vec<String>>, String> {
        let mut reader = serde_json::Deserializer::from_str(json);
        few::<_, 2>(&mut reader).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_where_it_becomes_so() {
        assert_eq!(read("null"), Ok(None));
        assert_eq!(read(r#"["a","b"]"#), Ok(Some(vec!["a".into(), "b".into()])));
        // What follows is not even read.
        let error = read(r#"["a","b","c",{"#).unwrap_err();
        assert!(error.contains("more than 2 texts"), "{error}");
        let error = read("7").unwrap_err();
        assert!(error.contains("a list of at most 2 texts"), "{error}");
    }
}
