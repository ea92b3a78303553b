//! Reads what a probe says in its query.

use dormouse_journal::Request;
use url::form_urlencoded;

/// Returns the value of the query's parameter of this name. None if there is not exactly one. Other parameters are
/// ignored: the URL that the provider was given may have some of its own.
pub(super) fn parameter(request: &Request, name: &str) -> Option<String> {
    let (_, query) = request.url.split_once('?')?;
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(given, _)| given == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        _ => None,
    }
}

/// Returns whether a text is a number of at most so many digits.
pub(super) fn is_number(text: &str, digits: usize) -> bool {
    (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
