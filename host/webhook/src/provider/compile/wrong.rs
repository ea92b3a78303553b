//! Errors in a description, with their places.

use toml::Spanned;

/// A compiled value, or an error and its place in the text.
pub(super) type Compiled<T> = Result<T, (usize, String)>;

/// Returns the error for a value.
pub(super) fn wrong<T, V>(value: &Spanned<V>, message: impl Into<String>) -> Compiled<T> {
    Err((value.span().start, message.into()))
}
