//! How a provider spells the URL of a request when it signs the URL.

/// How a provider spells the URL that it signs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spelling {
    /// Escapes that the provider decodes, such as `%3A`, each with its byte.
    pub(super) decode: Vec<(String, u8)>,
    /// True if the provider may have left out or added the port of the URL's scheme.
    pub(super) any_port: bool,
}

impl Spelling {
    /// Returns the spellings of a URL that the provider may have signed.
    pub(super) fn of(&self, url: &str) -> Vec<String> {
        let url = self.decoded(url);
        let other = self.any_port.then(|| other_port(&url)).flatten();
        [url].into_iter().chain(other).collect()
    }

    fn decoded(&self, url: &str) -> String {
        let mut text = String::with_capacity(url.len());
        let mut rest = url;
        while let Some(letter) = rest.chars().next() {
            let escape = rest.get(..3).and_then(|start| {
                let mut known = self.decode.iter();
                known.find(|(escape, _)| escape.eq_ignore_ascii_case(start))
            });
            let (decoded, length) = match escape {
                Some((_, byte)) => (char::from(*byte), 3),
                None => (letter, letter.len_utf8()),
            };
            text.push(decoded);
            rest = rest.get(length..).unwrap_or_default();
        }
        text
    }
}

/// Returns the URL with the usual port of its scheme if it has no port, or without its port if it
/// has one.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end)?;
    // An IPv6 address has colons of its own.
    let after_address = authority.rfind(']').map_or(0, |place| place + 1);
    let port = authority.get(after_address..)?.find(':');
    Some(match port {
        Some(place) => {
            let host = authority.get(..after_address + place)?;
            format!("{scheme}://{host}{target}")
        }
        None => {
            let port = if scheme == "http" { 80 } else { 443 };
            format!("{scheme}://{authority}:{port}{target}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_spelled_as_providers_sign_it() {
        let spelling = Spelling {
            decode: vec![("%3A".into(), b':'), ("%2F".into(), b'/')],
            any_port: true,
        };
        assert_eq!(
            spelling.of("https://h.example/a?b=%3a%2F%20é%"),
            [
                "https://h.example/a?b=:/%20é%",
                "https://h.example:443/a?b=:/%20é%"
            ]
        );
        assert_eq!(
            spelling.of("http://[::1]:8080/a"),
            ["http://[::1]:8080/a", "http://[::1]/a"]
        );
        assert_eq!(Spelling::default().of("http://h?a"), ["http://h?a"]);
    }
}
