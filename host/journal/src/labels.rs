//! Labels of runs: keys and values by which users find runs.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Failure;

/// The largest number of labels of a run.
pub const LABELS: usize = 16;

/// The largest size of a label's key, in bytes.
pub const LABEL_KEY: usize = 64;

/// The largest size of a label's value, in bytes.
pub const LABEL_VALUE: usize = 256;

/// The number of characters of an invalid label that a message repeats.
const SHOWN: usize = 64;

/// A label. Its text is `key:value`. A key has no colon, so each text is one label only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label {
    key: String,
    value: String,
}

/// The labels of a run, with one value for each key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

/// Why a text cannot be a label, or cannot be added to a run's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The text has no colon.
    #[error("has no colon: give key:value")]
    NoColon,
    /// The key is empty.
    #[error("has no key: give key:value")]
    NoKey,
    /// The key has a colon, at which its text would be split.
    #[error("has a colon in its key")]
    Colon,
    /// The text has a control character, which would spoil lists.
    #[error("has a control character")]
    Control,
    /// The key is too long.
    #[error("has a key of {0} bytes: a key has at most {LABEL_KEY}")]
    KeyTooLong(usize),
    /// The value is too long.
    #[error("has a value of {0} bytes: a value has at most {LABEL_VALUE}")]
    ValueTooLong(usize),
    /// Another label that was given with it has the same key.
    #[error("has the key of another label")]
    Repeated,
    /// The run has the largest number of labels already.
    #[error("is one too many: a run has at most {LABELS} labels")]
    TooMany,
}

impl LabelError {
    /// Returns the failure that a guest gets for this label.
    #[must_use]
    pub fn failure(self, text: &str) -> Failure {
        let code = if self.is_limit() {
            "label-limit"
        } else {
            "invalid-label"
        };
        let start: String = text.chars().take(SHOWN).collect();
        let more = if start.len() < text.len() { "…" } else { "" };
        Failure {
            code: code.into(),
            message: format!("the label {:?} {self}", start + more),
        }
    }

    /// Returns true if a limit is exceeded, or false if the form is wrong.
    #[must_use]
    pub fn is_limit(self) -> bool {
        match self {
            LabelError::NoColon
            | LabelError::NoKey
            | LabelError::Colon
            | LabelError::Control
            | LabelError::Repeated => false,
            LabelError::KeyTooLong(_) | LabelError::ValueTooLong(_) | LabelError::TooMany => true,
        }
    }
}

impl Label {
    /// Returns a label with this key and this value, which may be empty.
    ///
    /// # Errors
    /// When the key or the value is not allowed.
    pub fn new(key: &str, value: &str) -> Result<Self, LabelError> {
        if key.is_empty() {
            return Err(LabelError::NoKey);
        }
        if key.contains(':') {
            return Err(LabelError::Colon);
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return Err(LabelError::Control);
        }
        if key.len() > LABEL_KEY {
            return Err(LabelError::KeyTooLong(key.len()));
        }
        if value.len() > LABEL_VALUE {
            return Err(LabelError::ValueTooLong(value.len()));
        }
        Ok(Label {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }

    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let (key, value) = text.split_once(':').ok_or(LabelError::NoColon)?;
        Label::new(key, value)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.value)
    }
}

impl Labels {
    /// Sets a label, and replaces a label with the same key.
    ///
    /// # Errors
    /// When there is no room for one more.
    pub fn set(&mut self, label: Label) -> Result<(), LabelError> {
        if self.0.len() >= LABELS && !self.has_key(&label.key) {
            return Err(LabelError::TooMany);
        }
        self.0.insert(label.key, label.value);
        Ok(())
    }

    /// Returns true if there is a label with this key.
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Returns true if the run has this label.
    #[must_use]
    pub fn has(&self, label: &Label) -> bool {
        self.0.get(&label.key) == Some(&label.value)
    }

    /// Returns the labels in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = Label> {
        let pairs = self.0.iter();
        pairs.map(|(key, value)| Label {
            key: key.clone(),
            value: value.clone(),
        })
    }

    /// Returns the values by key.
    #[must_use]
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Returns the number of labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are no labels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> LabelError {
        text.parse::<Label>().unwrap_err()
    }

    #[test]
    fn a_text_is_split_at_its_first_colon() {
        let label: Label = "url:http://a:1".parse().unwrap();
        assert_eq!(label, Label::new("url", "http://a:1").unwrap());
        assert_eq!(label.to_string(), "url:http://a:1");
        assert_eq!("k:".parse(), Label::new("k", ""));
    }

    #[test]
    fn invalid_labels() {
        assert_eq!(error("k"), LabelError::NoColon);
        assert_eq!(error(""), LabelError::NoColon);
        assert_eq!(error(":v"), LabelError::NoKey);
        assert_eq!(error("k:a\nb"), LabelError::Control);
        assert_eq!(error("k\0:v"), LabelError::Control);
        assert_eq!(Label::new("a:b", "c"), Err(LabelError::Colon));
    }

    #[test]
    fn lengths_are_counted_in_bytes() {
        let key = "k".repeat(LABEL_KEY);
        let value = "ä".repeat(LABEL_VALUE / 2);
        assert!(Label::new(&key, &value).is_ok());
        let long = Label::new(&format!("{key}k"), "");
        assert_eq!(long, Err(LabelError::KeyTooLong(65)));
        let long = Label::new("k", &format!("{value}v"));
        assert_eq!(long, Err(LabelError::ValueTooLong(257)));
    }

    #[test]
    fn a_run_that_has_all_it_may_can_still_change_one() {
        let mut labels = Labels::default();
        for number in 0..LABELS {
            labels
                .set(Label::new(&format!("k{number}"), "v").unwrap())
                .unwrap();
        }
        let one_more = Label::new("one more", "v").unwrap();
        assert_eq!(labels.set(one_more), Err(LabelError::TooMany));
        labels.set(Label::new("k3", "w").unwrap()).unwrap();
        assert_eq!(
            (labels.len(), labels.as_map()["k3"].as_str()),
            (LABELS, "w")
        );
    }
}
