//! The labels that a start gives its run.

use dormouse_journal::{Label, LabelError, Labels};

use super::{Malformed, QueryParams};

/// The name of the parameter, which may repeat.
pub const LABEL: &str = "label";

/// Why the labels of a start cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabels {
    /// A text is not a label, or has the key of another label.
    #[error("{0}")]
    Malformed(Malformed),
    /// A label is too long, or there are too many.
    #[error("{0}")]
    Limit(String),
}

/// Returns the labels of a start: each parameter `label` is one.
///
/// # Errors
/// When a label cannot be set.
pub fn labels(params: &QueryParams) -> Result<Labels, InvalidLabels> {
    let mut labels = Labels::default();
    for text in params.all(LABEL) {
        let label: Label = text.parse().map_err(|error| not_label(text, error))?;
        if labels.has_key(label.key()) {
            return Err(InvalidLabels::Malformed(Malformed::of_query(
                LABEL,
                format!("gives the key {:?} more than once", label.key()),
            )));
        }
        labels.set(label).map_err(|error| not_label(text, error))?;
    }
    Ok(labels)
}

fn not_label(text: &str, error: LabelError) -> InvalidLabels {
    // A text that is much too long is not repeated as a whole.
    let shown: String = text.chars().take(100).collect();
    let malformed = Malformed::of_query(LABEL, format!("{shown:?} {error}"));
    if error.is_limit() {
        InvalidLabels::Limit(malformed.detail)
    } else {
        InvalidLabels::Malformed(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Labels, InvalidLabels> {
        let uri = format!("/?{query}").parse().unwrap();
        labels(&QueryParams::read_repeating(&uri, &["version"], &[LABEL]).unwrap())
    }

    #[test]
    fn each_parameter_is_a_label() {
        let labels = read("label=a:1&version=x&label=b%3A2:3").unwrap();
        let texts: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
        assert_eq!(texts, ["a:1", "b:2:3"]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn an_invalid_label_is_named() {
        for (query, says) in [
            ("label=a", "\"label\" \"a\" has no colon"),
            ("label=:1", "has no key"),
            ("label=a:1&label=a:2", "the key \"a\" more than once"),
        ] {
            let error = read(query).unwrap_err();
            assert!(matches!(error, InvalidLabels::Malformed(_)), "{query}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_limit_that_is_exceeded_is_named() {
        let many: Vec<String> = (0..17).map(|n| format!("label=k{n}:v")).collect();
        for (query, says) in [
            (many.join("&"), "at most 16 labels"),
            (format!("label={}:v", "k".repeat(65)), "at most 64"),
            (format!("label=k:{}", "v".repeat(257)), "at most 256"),
        ] {
            let error = read(&query).unwrap_err();
            assert!(matches!(error, InvalidLabels::Limit(_)), "{query}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
