//! The path and the query of a URL, which are sent byte for byte as they are written.
//!
//! A parser of URLs resolves dots, also escaped ones, and escapes some characters. A service that checks a signature over
//! the URL would then refuse the request, and `/a/%2e%2e/b` would be another resource. So only the scheme, the host and
//! the port are taken from the parser, and the egress policy judges those. The path and the query are cut out of the text.
//! The parser and this module must agree on where the host ends, so texts with mistakes that the parser tolerates are
//! refused here.

use dormouse_journal::CallError;
use http::uri::PathAndQuery;
use url::{Position, Url};

use crate::invalid::invalid;

/// The longest URL that is sent, in bytes.
const LONGEST: usize = 65_534;

/// Returns the path and the query of an absolute URL as they are written. If they cannot be sent as they are, the error
/// says what to change. The error repeats at most one character of the URL, since the query may hold a secret.
pub(crate) fn written(url: &str) -> Result<PathAndQuery, CallError> {
    if url.len() > LONGEST {
        let length = url.len();
        return Err(invalid(format!(
            "the URL has {length} bytes, and at most {LONGEST} can be sent"
        )));
    }
    if let Some(odd) = url
        .chars()
        .find(|odd| odd.is_ascii_control() || *odd == ' ')
    {
        return Err(unwritable(odd));
    }
    let is_scheme = |text: &str| {
        ["http", "https"]
            .iter()
            .any(|scheme| text.eq_ignore_ascii_case(scheme))
    };
    let rest = match url.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => return Err(invalid("the URL does not begin with http:// or https://")),
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.is_empty() {
        return Err(invalid("the URL has no host after its //"));
    }
    if authority.contains('\\') {
        return Err(unwritable('\\'));
    }
    let target = rest.split('#').next().unwrap_or_default();
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    let in_path = |odd: &char| !odd.is_ascii() || matches!(odd, '\\' | '<' | '>' | '`');
    let in_query = |odd: &char| !odd.is_ascii() || matches!(odd, '"' | '<' | '>');
    let odd = path.chars().find(in_path);
    if let Some(odd) = odd.or_else(|| query.chars().find(in_query)) {
        return Err(unwritable(odd));
    }
    // HTTP does not allow an empty path.
    let target = match path {
        "" => format!("/{target}"),
        _ => target.to_owned(),
    };
    sendable(&target)
}

/// Returns the path and the query of a URL as its parser normalised them.
pub(crate) fn parsed(url: &Url) -> Result<PathAndQuery, CallError> {
    sendable(&url[Position::BeforePath..Position::AfterQuery])
}

fn sendable(target: &str) -> Result<PathAndQuery, CallError> {
    if target.len() > LONGEST {
        return Err(invalid("the URL is too long to be sent"));
    }
    PathAndQuery::try_from(target)
        .map_err(|error| invalid(format!("the URL cannot be sent: {error}")))
}

fn unwritable(odd: char) -> CallError {
    let mut bytes = [0; 4];
    let bytes = odd.encode_utf8(&mut bytes).bytes();
    let escaped: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
    invalid(format!(
        "the URL has the character {odd:?}, which cannot be sent as it is; write {escaped} where it is meant"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        assert_eq!(written(url).unwrap(), expected, "{url}");
    }

    fn refused(url: &str) -> String {
        match written(url) {
            Err(CallError::Invalid(text)) => text,
            other => panic!("{url} was not refused: {other:?}"),
        }
    }

    #[test]
    fn a_target_is_sent_as_it_is_written() {
        for target in [
            "/a/%2e%2e/b",
            "/a/../b/./c//d",
            "/?name=O'Brien",
            "/a%2Fb;c=1,2?q=a+b&r=%20&s=[1]|{2}^`\\",
            "/%zz?%",
            "/{\"a\":1}|^",
            "/?",
            "/??a",
        ] {
            check(&format!("http://a.example{target}"), target);
            check(&format!("HTTPS://A.example:8443{target}#part"), target);
        }
        check("http://a.example", "/");
        check("http://bücher.example?a=b", "/?a=b");
        check("http://a.example#/b?c", "/");
    }

    #[test]
    fn a_character_that_must_be_escaped_is_refused_with_its_escape() {
        for (url, escaped) in [
            ("http://a.example/a b", "%20"),
            (" http://a.example/", "%20"),
            ("http://a.example/\t", "%09"),
            ("http://a.exa\nmple/", "%0A"),
            ("http://a.example/ü", "%C3%BC"),
            ("http://a.example/?ü", "%C3%BC"),
            ("http://a.example/a\\b", "%5C"),
            ("http://a.example\\@b.example/", "%5C"),
            ("http://a.example/<", "%3C"),
            ("http://a.example/`", "%60"),
            ("http://a.example/?\"", "%22"),
        ] {
            let text = refused(url);
            assert!(text.contains(&format!("write {escaped} ")), "{text}");
        }
        for url in [
            "http:a.example/",
            "http:/a.example/",
            "http:a.example://b.example/",
        ] {
            assert!(refused(url).contains("does not begin with"), "{url}");
        }
        assert!(refused("http:///a.example/").contains("no host"));
    }
}
