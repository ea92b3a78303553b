//! `${a.url}` inside a string stands for the URL of webhook `a`.

use std::collections::BTreeMap;

use dormouse_sdk::{Error, Result, Value};

/// The URLs of the created webhooks, by name.
#[derive(Default)]
pub(crate) struct Urls(BTreeMap<String, String>);

impl Urls {
    pub(crate) fn insert(&mut self, name: &str, url: &str) {
        self.0.insert(name.into(), url.into());
    }

    /// Returns the text with all places filled.
    pub(crate) fn fill(&self, text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_place(rest) {
            filled.push_str(before);
            filled.push_str(self.url(name)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Fills all places in the strings of a value, except in the names of fields.
    pub(crate) fn fill_value(&self, value: &Value) -> Result<Value> {
        match value {
            Value::String(text) => self.fill(text).map(Value::String),
            Value::Array(items) => items.iter().map(|item| self.fill_value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), self.fill_value(value)?)))
                .collect(),
            other => Ok(other.clone()),
        }
    }

    fn url(&self, name: &str) -> Result<&str> {
        self.0.get(name).map(String::as_str).ok_or_else(|| {
            let message = format!("`${{{name}.url}}` names a webhook that was not created here");
            Error::new("script", message)
        })
    }
}

/// Returns the text before the first place, the name in the place, and the text after it.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    const OPENING: &str = "${";
    const CLOSING: &str = ".url}";
    text.match_indices(CLOSING).find_map(|(end, _)| {
        let (before, name) = text[..end].rsplit_once(OPENING)?;
        let after = &text[end + CLOSING.len()..];
        (!name.contains('}')).then_some((before, name, after))
    })
}

#[cfg(test)]
mod tests {
    use dormouse_sdk::json;

    use super::*;

    fn urls() -> Urls {
        let mut urls = Urls::default();
        urls.insert("a", "http://host/a");
        urls.insert("b", "http://host/b");
        urls
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(urls().fill(text).unwrap(), expected);
    }

    #[test]
    fn places_are_filled() {
        check("", "");
        check("${a.url}", "http://host/a");
        check("x${a.url}/y?${b.url}z", "xhttp://host/a/y?http://host/bz");
    }

    #[test]
    fn other_text_stays() {
        check("$ {a.url} ${a} $a.url}", "$ {a.url} ${a} $a.url}");
        check("${ ${a.url}", "${ http://host/a");
        check("a.url} ${a.url}", "a.url} http://host/a");
    }

    #[test]
    fn an_unknown_webhook_is_named() {
        let error = urls().fill("see ${order.url}").unwrap_err();
        assert_eq!(
            error.message(),
            "`${order.url}` names a webhook that was not created here"
        );
    }

    #[test]
    fn values_are_filled_at_any_depth() {
        let value = json!({ "${a.url}": [1, "${a.url}", { "deep": "${b.url}" }], "none": null });
        let expected =
            json!({ "${a.url}": [1, "http://host/a", { "deep": "http://host/b" }], "none": null });
        assert_eq!(urls().fill_value(&value).unwrap(), expected);
        assert!(
            urls()
                .fill_value(&json!([{ "a": "${unknown.url}" }]))
                .is_err()
        );
    }
}
