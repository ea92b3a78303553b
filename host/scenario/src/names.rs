//! What a scenario can name that is known only when it is played: `${webhook.NAME}`, `${run}`, `${null}`.

use std::collections::BTreeMap;

use serde_json::Value;

/// The values of the names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// The run's id.
    pub(crate) run: String,
    /// URLs of webhooks, by their names. Of several with one name it is the last.
    pub(crate) webhooks: BTreeMap<String, String>,
}

impl Names {
    /// Puts values in the place of names, everywhere in a value.
    pub(crate) fn fill(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) if text == "${null}" => Value::Null,
            Value::String(text) => Value::String(self.fill_text(text)?),
            Value::Array(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.fill(item)).collect();
                Value::Array(items?)
            }
            Value::Object(members) => {
                let filled = members
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// Puts values in the place of names in a text.
    pub(crate) fn fill_text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                return Err(format!("`{text}` begins a name by `${{` that no `}}` ends"));
            };
            if let Some(before) = before.strip_suffix('$') {
                // It stands for itself.
                filled += before;
                filled += "${";
                filled += name;
                filled += "}";
                rest = after;
                continue;
            }
            filled += before;
            filled += self.value(name)?;
            rest = after;
        }
        Ok(filled + rest)
    }

    fn value(&self, name: &str) -> Result<&str, String> {
        match name.split_once('.') {
            None if name == "run" => Ok(&self.run),
            Some(("webhook", name)) => {
                self.webhooks.get(name).map(String::as_str).ok_or_else(|| {
                    let known: Vec<&str> = self.webhooks.keys().map(String::as_str).collect();
                    match known.as_slice() {
                        [] => format!("the run has no webhook {name} yet, and no other one"),
                        known => format!(
                            "the run has no webhook {name} yet; it has {}",
                            known.join(", ")
                        ),
                    }
                })
            }
            _ => Err(format!(
                "`${{{name}}}` is not known; there are `${{run}}`, `${{webhook.NAME}}` and, alone in a text, `${{null}}`"
            )),
        }
    }
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
    fn a_name_that_is_not_known_is_told_with_those_that_are() {
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
