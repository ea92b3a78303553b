//! Headers whose values are not shown to people, neither by the API nor by the command line, which shows the API's
//! answers. The run itself gets the values.

use std::collections::BTreeSet;

/// The headers that every mask has: credentials, and the signatures of the commonest providers. A host adds those of
/// all providers that it knows. Somebody who repeats a request can use its signature as proof.
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

/// The names of masked headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    /// The names in lower case, without those in [`ALWAYS`].
    further: BTreeSet<String>,
}

impl Mask {
    /// Adds names to the mask.
    #[must_use]
    pub fn with(mut self, names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|name| name.to_ascii_lowercase());
        self.further.extend(names);
        self
    }

    /// Returns true if the value of a header is masked.
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
