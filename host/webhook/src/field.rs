//! Header fields that count only if they appear once.

use dormouse_journal::Request;

/// The values of one header in a request.
pub(crate) enum Field<'a> {
    Absent,
    Once(&'a [u8]),
    /// There are several values. Nobody knows which one is meant, and a proxy may have used another one.
    Repeated,
}

/// Returns the header of this name. The name is not case-sensitive.
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
