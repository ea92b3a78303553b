//! `application/x-www-form-urlencoded`: forms in bodies, and queries of URLs.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::field_path::place;
use crate::text_marks::without_mark;

/// Writes a value as `a=1&b=2`. It must be a list of pairs, a map or a struct, with simple values such as texts and
/// numbers.
pub(crate) fn encode(what: &str, value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_urlencoded::to_string(value).map_err(|error| {
        Error::new(
            "invalid-form",
            format!("{what} cannot be written as names and values: {error}"),
        )
    })
}

/// Reads a body as a form. `what` names the body in the error.
pub(crate) fn decode<T: DeserializeOwned>(
    what: &str,
    content_type: &str,
    body: &[u8],
) -> Result<T> {
    let invalid = |problem: String| Error::new("invalid-form", format!("{what} {problem}"));
    // This is the only other type that browsers send. It would be read as one strange name.
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("multipart/form-data") {
        let problem = "is multipart/form-data, which is not read; have the form sent as \
                       application/x-www-form-urlencoded";
        return Err(invalid(problem.into()));
    }
    let body = without_mark(body).map_err(invalid)?;
    if !is_utf_8(body) {
        return Err(invalid("has names or values that are not UTF-8".into()));
    }
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(body));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let place = place(error.path());
        invalid(format!("does not fit: {place}{}", error.into_inner()))
    })
}

/// Returns true if the escapes of a form stand for UTF-8. Other bytes would be replaced silently.
fn is_utf_8(form: &[u8]) -> bool {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut plain = Vec::with_capacity(form.len());
    let mut rest = form;
    while let [first, after @ ..] = rest {
        rest = after;
        let mut byte = *first;
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
            && let Ok(escaped) = u8::try_from(high << 4 | low)
        {
            (byte, rest) = (escaped, after);
        }
        plain.push(byte);
    }
    // A delimiter is not part of any longer UTF-8 character, so no character continues after it.
    str::from_utf8(&plain).is_ok()
}

/// Adds a text to the query of a URL, before its fragment.
pub(crate) fn with_query(url: &str, query: &str) -> String {
    if query.is_empty() {
        return url.to_owned();
    }
    let (url, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let between = match url.find('?') {
        None => "?",
        Some(_) if url.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    format!("{url}{between}{query}{fragment}")
}

/// Returns a URL for people, without the parts that often contain a key: the user and password, the query and the
/// fragment.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    // The slashes may be missing, or be backslashes. A lenient reader would still find a password after them.
    let (scheme, rest) = match url.split_once(':') {
        Some((scheme, rest)) if rest.starts_with(['/', '\\']) => (scheme, rest),
        _ => ("", url),
    };
    let rest = rest.trim_start_matches(['/', '\\']);
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let between = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{between}{host}{path}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Answer {
        name: String,
        age: u32,
        note: Option<String>,
    }

    fn read(body: &[u8]) -> Result<Answer> {
        decode("the form", "application/x-www-form-urlencoded", body)
    }

    #[derive(Serialize)]
    struct Charge<'a> {
        amount: u32,
        note: &'a str,
        coupon: Option<&'a str>,
    }

    #[test]
    fn pairs_maps_and_structs() {
        let pairs = [("a b", "ü&="), ("a b", "2")];
        assert_eq!(encode("x", &pairs).unwrap(), "a+b=%C3%BC%26%3D&a+b=2");
        let map = BTreeMap::from([("n", 1), ("o", 2)]);
        assert_eq!(encode("x", &map).unwrap(), "n=1&o=2");
        let charge = Charge {
            amount: 5,
            note: "a/b",
            coupon: None,
        };
        assert_eq!(encode("x", &charge).unwrap(), "amount=5&note=a%2Fb");
    }

    #[test]
    fn invalid_forms() {
        let error = encode("the form", "text").unwrap_err();
        assert_eq!(error.code(), "invalid-form");
        assert!(error.message().starts_with("the form cannot be written"));
        assert!(encode("x", &[("a", [1, 2])]).is_err());
    }

    #[test]
    fn a_form_is_read() {
        let answer = |name: &str, note: Option<&str>| Answer {
            name: name.into(),
            age: 7,
            note: note.map(str::to_owned),
        };
        assert_eq!(
            read(b"name=Ann+Lee&age=7&note=%C3%BC%26%3D&other=x").unwrap(),
            answer("Ann Lee", Some("ü&="))
        );
        assert_eq!(
            read("\u{feff}name=ü%&age=7".as_bytes()).unwrap(),
            answer("ü%", None)
        );
        let pairs: Vec<(String, String)> = decode("x", "", b"a=1&a=2&b").unwrap();
        let expected = [("a", "1"), ("a", "2"), ("b", "")];
        assert_eq!(pairs, expected.map(|(a, b)| (a.into(), b.into())));
        let nothing: Vec<(String, String)> = decode("x", "", b"").unwrap();
        assert!(nothing.is_empty());
    }

    #[test]
    fn a_form_that_does_not_fit_names_the_field() {
        let check = |body: &[u8], expected: &str| {
            let error = read(body).unwrap_err();
            assert_eq!((error.code(), error.message()), ("invalid-form", expected));
        };
        check(
            b"name=Ann&age=x",
            "the form does not fit: at `age`: invalid digit found in string",
        );
        check(b"age=7", "the form does not fit: missing field `name`");
        check(
            b"name=%fc&age=7",
            "the form has names or values that are not UTF-8",
        );
        check(
            b"name=%c3&age=7",
            "the form has names or values that are not UTF-8",
        );
        let kind = "Multipart/Form-Data; boundary=x";
        let error = decode::<Answer>("the form", kind, b"--x").unwrap_err();
        assert!(
            error
                .message()
                .starts_with("the form is multipart/form-data"),
            "{error}"
        );
    }

    #[test]
    fn a_query_is_added_where_it_belongs() {
        for (url, expected) in [
            ("http://a/b", "http://a/b?q=1"),
            ("http://a/b?", "http://a/b?q=1"),
            ("http://a/b?c=2", "http://a/b?c=2&q=1"),
            ("http://a/b?c=2&", "http://a/b?c=2&q=1"),
            ("http://a/b#top?", "http://a/b?q=1#top?"),
        ] {
            assert_eq!(with_query(url, "q=1"), expected);
        }
        assert_eq!(with_query("http://a/b?c#d", ""), "http://a/b?c#d");
    }

    #[test]
    fn no_password_and_no_query_is_shown() {
        for (url, expected) in [
            ("https://a.example/b/c", "https://a.example/b/c"),
            ("https://a.example:8443?key=1", "https://a.example:8443"),
            ("https://me:pass@a.example/b#c", "https://a.example/b"),
            ("https://me:p@ss@a.example/b@c", "https://a.example/b@c"),
            ("https:///me:pass@a.example/b", "https://a.example/b"),
            ("https:\\\\me:pass@a.example\\b", "https://a.example\\b"),
            ("me:pass@a.example/b", "a.example/b"),
            ("", ""),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }
}
