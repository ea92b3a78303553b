//! Header fields that mean something only when they are there once.

use dormouse_journal::Request;

/// What a request has under one name.
pub(crate) enum Field<'a> {
    Absent,
    Once(&'a [u8]),
    /// Which of the values is meant cannot be told, and whoever stood between may have looked at another one.
    Repeated,
}

/// The header of this name, in whatever case it was written.
pub(crate) fn field<'a>(request: &'a Request, name: &str) -> Field<'a> {
    let mut values = request
        .headers
        .iter()
        .filter(|(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_ref());
    match (values.next(), values.next()) {
        (None, _) => Field::Absent,
        (Some(value), None) => Field::Once(value),
        (Some(_), Some(_)) => Field::Repeated,
    }
}
