//! JSON in a scenario, which is written in TOML.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// A value. TOML's dates become texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json(pub(crate) Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        converted(value).map(Json).map_err(serde::de::Error::custom)
    }
}

fn converted(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Number::from_f64(number)
            .ok_or("JSON has no such number")?
            .into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => {
            let items: Result<_, _> = items.into_iter().map(converted).collect();
            Value::Array(items?)
        }
        toml::Value::Table(table) => {
            let mut members = Map::new();
            for (name, value) in table {
                members.insert(name, converted(value)?);
            }
            Value::Object(members)
        }
    })
}
