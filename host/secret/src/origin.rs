//! Origins: the servers to which a secret may be sent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

/// A scheme, a host and a port, in the form that browsers use: in lower case, with an international name in Punycode,
/// and without the port if it is the default of the scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// The error for a text that is not an origin. It does not contain the text, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an origin is http:// or https:// and a host, perhaps with a port, as in https://api.example.com or \
     http://10.0.0.7:8080; an origin has no user name, path, query or wildcard"
)]
pub struct InvalidOrigin;

impl Origin {
    /// Returns the origin of an HTTP URL, if its host can be that of a server.
    #[must_use]
    pub fn of(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        // A `blob:` URL has the origin of the URL inside it, but does not lead there.
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        // The URL standard allows `*`, `$` or `;` in a host, but no name that can be looked up contains them.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let host = url.host_str()?;
        host.bytes()
            .all(allowed)
            .then(|| Origin(url.origin().ascii_serialization()))
    }

    /// Returns true if a request to this URL goes to this origin.
    #[must_use]
    pub fn is_origin_of(&self, url: &str) -> bool {
        Origin::of(url).is_some_and(|origin| origin == *self)
    }
}

impl TryFrom<String> for Origin {
    type Error = InvalidOrigin;

    fn try_from(text: String) -> Result<Self, InvalidOrigin> {
        // A URL parser accepts many mistakes (spaces, backslashes, a missing slash). An origin grants a right, so only
        // the slash at the end is accepted, which browsers show.
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        if !scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(InvalidOrigin);
        }
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let is_more = |c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '@')
        };
        if authority.is_empty() || authority.contains(is_more) {
            return Err(InvalidOrigin);
        }
        Origin::of(&text).ok_or(InvalidOrigin)
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        text.to_owned().try_into()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl Origin {
    /// Returns the origin as it is written in URLs.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        let origin: Origin = text.parse().unwrap();
        assert_eq!(origin.to_string(), expected, "{text}");
        assert_eq!(expected.parse(), Ok(origin), "{text}");
    }

    #[test]
    fn origins_have_one_spelling() {
        check("https://api.example.com", "https://api.example.com");
        check("https://api.example.com/", "https://api.example.com");
        check("HTTPS://API.Example.COM:443", "https://api.example.com");
        check("http://api.example.com:80/", "http://api.example.com");
        check("http://api.example.com:443", "http://api.example.com:443");
        check(
            "https://api.example.com:8443",
            "https://api.example.com:8443",
        );
        check(
            "https://b\u{fc}cher.example",
            "https://xn--bcher-kva.example",
        );
        check(
            "https://B\u{dc}CHER.example",
            "https://xn--bcher-kva.example",
        );
        check("http://[0:0:0::1]:4100", "http://[::1]:4100");
        check("http://127.1:4100", "http://127.0.0.1:4100");
    }

    #[test]
    fn a_url_that_is_not_an_origin_is_refused() {
        for text in [
            "",
            "api.example.com",
            "api.example.com:443",
            "https://",
            "https:///",
            "https:api.example.com",
            "https:///api.example.com",
            "https:\\\\api.example.com",
            "https://api.example.com\\",
            "https://api.example.com/v1",
            "https://api.example.com//",
            "https://api.example.com?",
            "https://api.example.com#",
            "https://me@api.example.com",
            "https://me:password@api.example.com",
            "https://@api.example.com",
            "https://api.example.com:99999",
            "https://api.example.com ",
            " https://api.example.com",
            "https://api.exa\tmple.com",
            "https://*.example.com",
            "https://$(reboot).example.com",
            "https://a b.example",
            "ftp://api.example.com",
            "wss://api.example.com",
            "file:///etc/passwd",
            "blob:https://api.example.com",
            "null",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }

    #[test]
    fn a_url_belongs_to_the_origin_that_it_is_sent_to() {
        let origin: Origin = "https://api.example.com".parse().unwrap();
        for url in [
            "https://api.example.com",
            "https://api.example.com/v1/charges?limit=1#top",
            "https://API.example.com:443/",
            "https://me:password@api.example.com/",
        ] {
            assert!(origin.is_origin_of(url), "{url}");
        }
        for url in [
            "http://api.example.com/",
            "https://api.example.com:8443/",
            "https://example.com/",
            "https://v2.api.example.com/",
            "https://api.example.com.evil.example/",
            "https://api.example.com./",
            "https://api.example.com@evil.example/",
            "https://evil.example/https://api.example.com/",
            "https://evil.example\\@api.example.com/",
            "blob:https://api.example.com/id",
            "/v1/charges",
            "",
        ] {
            assert!(!origin.is_origin_of(url), "{url}");
        }
        let international: Origin = "https://b\u{fc}cher.example".parse().unwrap();
        assert!(international.is_origin_of("https://xn--bcher-kva.example/a"));
        assert!(international.is_origin_of("https://B\u{fc}cher.Example/a"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_what_is_taken_has_one_spelling(text in "(https?://)?\\PC{0,40}") {
            if let Ok(origin) = text.parse::<Origin>() {
                let spelled = origin.to_string();
                prop_assert_eq!(spelled.parse::<Origin>(), Ok(origin.clone()));
                prop_assert!(origin.is_origin_of(&text));
            }
        }
    }
}
