//! Headers whose values people do not see: not in the API, and so not in the command line, which shows what the API says.
//! The run that gets them sees them whole.

use std::collections::BTreeSet;

/// Credentials, and the signatures of the commonest providers, wherever a mask is made. A host adds those of all providers
/// that it knows. A signature proves a request to whoever can repeat it.
const ALWAYS: [&str; 10] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "stripe-signature",
    "svix-signature",
    "webhook-signature",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-slack-signature",
];

/// The names of such headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// In lower case, beside [`ALWAYS`].
    further: BTreeSet<String>,
}

impl Mask {
    /// What is always masked, and these.
    #[must_use]
    pub fn with(mut self, names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        self.further.extend(names);
        self
    }

    /// Whether the value of a header is masked.
    #[must_use]
    pub fn hides(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        ALWAYS.contains(&name.as_str()) || self.further.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_any_case() {
        let mask = Mask::default().with(["X-Api-Key".to_owned()]);
        for name in ["x-api-key", "X-API-KEY", "Authorization", "SET-COOKIE"] {
            assert!(mask.hides(name), "{name}");
        }
        assert!(!mask.hides("x-api-key-id"));
        assert!(!Mask::default().hides("x-api-key"));
    }
}
