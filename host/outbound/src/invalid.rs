//! The error of a call that cannot be sent, now or later, unless its workflow changes it.

use dormouse_journal::CallError;

/// Returns the error of a call that its workflow has to change. The text says what is wrong and what to do.
pub(crate) fn invalid(text: impl Into<String>) -> CallError {
    CallError::Invalid(text.into())
}

/// Returns a text of a workflow as messages show it: quoted, with control characters escaped, and cut after 60
/// characters.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start:?}…")
}
