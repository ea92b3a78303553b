//! The names in a scenario whose values are known only when it is played: `${webhook.NAME}`, `${run}`,
//! `${null}`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The values of the names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The id of the run.
    pub(crate) run: String,
    /// The URLs of webhooks by their names. If several have the same name, it is the URL of the last.
    pub(crate) webhooks: BTreeMap<String, String>,
}

impl Names {
    /// Returns a value in which each name is replaced by its value.
    pub(crate) fn fill(&self, value: &Value) -> Result<Value, String> {
        filled(value, &|name| self.value(name))
    }

    /// Returns a text in which each name is replaced by its value.
    pub(crate) fn fill_text(&self, text: &str) -> Result<String, String> {
        filled_text(text, &|name| self.value(name))
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        match Name::read(name)? {
            Name::Run => Ok(&self.run),
            Name::Webhook(name) => self.webhooks.get(name).map(String::as_str).ok_or_else(|| {
                let known: Vec<&str> = self.webhooks.keys().map(String::as_str).collect();
                match known.as_slice() {
                    [] => format!("the run has no webhook {name} yet, and no other one"),
                    known => format!(
                        "the run has no webhook {name} yet; it has {}",
                        known.join(", ")
                    ),
                }
            }),
        }
    }
}

/// A name in a scenario.
enum Name<'a> {
    Run,
    Webhook(&'a str),
}

impl<'a> Name<'a> {
    fn read(name: &'a str) -> Result<Self, String> {
        match name.split_once('.') {
            None if name == "run" => Ok(Name::Run),
            Some(("webhook", name)) => Ok(Name::Webhook(name)),
            _ => Err(format!(
                "`${{{name}}}` is not known; there are `${{run}}`, `${{webhook.NAME}}` and, alone in a text, `${{null}}`"
            )),
        }
    }
}

/// Returns an error if a value has names that no run can give a value. The names of a run's webhooks are
/// known only when it is played.
pub(crate) fn check(value: &Value) -> Result<(), String> {
    filled(value, &|name| Name::read(name).map(|_| "")).map(|_| ())
}

/// Returns an error if a text has names that no run can give a value.
pub(crate) fn check_text(text: &str) -> Result<(), String> {
    filled_text(text, &|name| Name::read(name).map(|_| "")).map(|_| ())
}

/// Returns an error: before the run is started, no name has a value.
pub(crate) fn before_start(name: &str) -> Result<&'static str, String> {
    Name::read(name)?;
    Err(format!(
        "`${{{name}}}` has no value yet when the run is started"
    ))
}

/// Returns a value in which each name is replaced by the text that `value_of` returns for it.
pub(crate) fn filled<'v>(
    value: &Value,
    value_of: &impl Fn(&str) -> Result<&'v str, String>,
) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) if text == "${null}" => Value::Null,
        Value::String(text) => Value::String(filled_text(text, value_of)?),
        Value::Array(items) => {
            let items: Result<_, _> = items.iter().map(|item| filled(item, value_of)).collect();
            Value::Array(items?)
        }
        Value::Object(members) => {
            let filled = members
                .iter()
                .map(|(name, value)| Ok((name.clone(), filled(value, value_of)?)));
            Value::Object(filled.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// Returns a text in which each name is replaced by the text that `value_of` returns for it.
pub(crate) fn filled_text<'v>(
    text: &str,
    value_of: &impl Fn(&str) -> Result<&'v str, String>,
) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err(format!("`{text}` begins a name by `${{` that no `}}` ends"));
        };
        if let Some(before) = before.strip_suffix('$') {
            // This is not a name, so it is copied unchanged.
            filled += before;
            filled += "${";
            filled += name;
            filled += "}";
            rest = after;
            continue;
        }
        filled += before;
        filled += value_of(name)?;
        rest = after;
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names() -> Names {
        Names {
            run: "0198".into(),
            webhooks: [("paid".to_owned(), "http://h/hooks/A".to_owned())].into(),
        }
    }

    #[test]
    fn names_are_filled_in_wherever_they_stand() {
        let value = json!({"a": ["${webhook.paid}?x", 1], "b": {"c": "${run}"}, "d": "${null}"});
        let filled = names().fill(&value).unwrap();
        assert_eq!(
            filled,
            json!({"a": ["http://h/hooks/A?x", 1], "b": {"c": "0198"}, "d": null})
        );
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_known_ones() {
        let error = names().fill_text("${webhook.late}").unwrap_err();
        assert!(
            error.contains("no webhook late yet; it has paid"),
            "{error}"
        );
        let error = names().fill_text("${year}").unwrap_err();
        assert!(error.contains("${webhook.NAME}"), "{error}");
        assert!(names().fill_text("${run").is_err());
        let text = names().fill_text("$${run} costs $5, ${run}");
        assert_eq!(text.as_deref(), Ok("${run} costs $5, 0198"));
    }
}
