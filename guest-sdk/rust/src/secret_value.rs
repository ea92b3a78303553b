//! Values of headers that are made from secrets.

use crate::contract::http as contract;

/// The value of a header that is made from texts and secrets. The host holds the secrets, and the workflow never sees them.
///
/// ```
/// # use dormouse_sdk::SecretValue;
/// let token = SecretValue::new().text("Token token=\"").secret("me").text("\"");
/// let basic = SecretValue::new()
///     .text("Basic ")
///     .base64(SecretValue::new().text("ann:").secret("ann-password"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SecretValue {
    groups: Vec<contract::ValueGroup>,
}

impl SecretValue {
    /// Returns an empty value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        match text.into() {
            empty if empty.is_empty() => self,
            text => self.part(contract::ValuePart::Text(text)),
        }
    }

    /// Adds the secret of this name.
    #[must_use]
    pub fn secret(self, name: impl Into<String>) -> Self {
        self.part(contract::ValuePart::Secret(name.into()))
    }

    /// Adds another value in base64 (RFC 4648, the standard alphabet, with padding). Parts of it that are in base64
    /// already are not encoded twice.
    #[must_use]
    pub fn base64(mut self, value: Self) -> Self {
        let parts = value.groups.into_iter().flat_map(|group| group.parts);
        self.groups.push(contract::ValueGroup {
            encoding: Some("base64".into()),
            parts: parts.collect(),
        });
        self
    }

    fn part(mut self, part: contract::ValuePart) -> Self {
        match self.groups.last_mut() {
            Some(group) if group.encoding.is_none() => group.parts.push(part),
            _ => self.groups.push(contract::ValueGroup {
                encoding: None,
                parts: vec![part],
            }),
        }
        self
    }

    pub(crate) fn into_contract(self) -> Vec<contract::ValueGroup> {
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_encoding_are_one_group() {
        let inner = SecretValue::new().text("ann:").secret("s");
        let value = SecretValue::new().text("Basic ").text("").base64(inner);
        let groups = value.text(",").secret("t").into_contract();
        let encodings: Vec<_> = groups
            .iter()
            .map(|group| group.encoding.as_deref())
            .collect();
        assert_eq!(encodings, [None, Some("base64"), None]);
        let lengths: Vec<_> = groups.iter().map(|group| group.parts.len()).collect();
        assert_eq!(lengths, [1, 2, 2]);
    }
}
