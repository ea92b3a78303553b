//! What is wrong with a description, and where.

use toml::Spanned;

/// Something compiled, or what is wrong, and where in the text.
pub(super) type Compiled<T> = Result<T, (usize, String)>;

/// Says that something is wrong with a value.
pub(super) fn wrong<T, V>(value: &Spanned<V>, message: impl Into<String>) -> Compiled<T> {
    Err((value.span().start, message.into()))
}
