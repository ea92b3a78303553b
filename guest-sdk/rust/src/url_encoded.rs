//! `application/x-www-form-urlencoded`: forms in bodies, and queries of URLs.

use serde::Serialize;

use crate::error::{Error, Result};

/// A value as `a=1&b=2`. It has to be a list of pairs, a map or a struct, whose values are text, numbers or the like.
pub(crate) fn encode(what: &str, value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_urlencoded::to_string(value).map_err(|error| {
        Error::new(
            "invalid-form",
            format!("{what} cannot be written as names and values: {error}"),
        )
    })
}

/// A URL with something added to its query, in front of a fragment.
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

/// A URL for people, without what often carries a key: user and password, query and fragment.
pub(crate) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    // Slashes may be missing or backslashes, and a lenient reader still finds a password behind them.
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

    use super::*;

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
    fn what_is_no_form() {
        let error = encode("the form", "text").unwrap_err();
        assert_eq!(error.code(), "invalid-form");
        assert!(error.message().starts_with("the form cannot be written"));
        assert!(encode("x", &[("a", [1, 2])]).is_err());
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
