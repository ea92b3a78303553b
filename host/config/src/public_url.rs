//! The public URL: the beginning of the URLs of webhooks.

use std::net::{IpAddr, SocketAddr};

use url::Url;

/// The form that a public URL must have.
const FORM: &str = "give a URL such as https://hooks.example or https://example.com/dormouse";

/// Checks a public URL, and returns it without a slash at its end.
pub(super) fn parse(text: &str) -> Result<String, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("{error}; {FORM}"))?;
    let reason = if !matches!(url.scheme(), "http" | "https") {
        "it must begin with http:// or https://"
    } else if !url.username().is_empty() || url.password().is_some() {
        "it must not contain a user name or a password"
    } else if url.query().is_some() {
        "it must not contain a query"
    } else if url.fragment().is_some() {
        "it must not contain a fragment"
    } else {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    };
    Err(format!("{reason}; {FORM}"))
}

/// Returns the public URL of a host for which none was given. It works only on this machine.
pub(super) fn of_listener(listen: SocketAddr) -> String {
    match listen.ip() {
        // Nobody can call "every address".
        ip if ip.is_unspecified() => format!("http://localhost:{}", listen.port()),
        IpAddr::V4(_) | IpAddr::V6(_) => format!("http://{listen}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_webhooks_can_begin_with() {
        let table = [
            ("https://hooks.example", "https://hooks.example"),
            ("https://hooks.example/", "https://hooks.example"),
            (
                "HTTP://Hooks.Example:8080/a/b/",
                "http://hooks.example:8080/a/b",
            ),
            ("http://[::1]:4100", "http://[::1]:4100"),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn urls_that_they_cannot() {
        let table = [
            ("hooks.example", "relative URL without a base"),
            ("ftp://hooks.example", "must begin with http"),
            ("https://me@hooks.example", "user name"),
            ("https://:secret@hooks.example", "user name"),
            ("https://hooks.example?a=b", "query"),
            ("https://hooks.example/#a", "fragment"),
            ("https://", "empty host"),
        ];
        for (text, reason) in table {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(reason) && error.ends_with(FORM),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn without_one_it_is_the_listener() {
        let check =
            |listen: &str, expected| assert_eq!(of_listener(listen.parse().unwrap()), expected);
        check("127.0.0.1:4100", "http://127.0.0.1:4100");
        check("[::1]:4100", "http://[::1]:4100");
        check("0.0.0.0:80", "http://localhost:80");
        check("[::]:80", "http://localhost:80");
    }
}
