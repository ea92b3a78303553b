//! The keys that seal secrets.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The number of bytes of a key.
const KEY: usize = 32;

/// Separates this use of SHA-256 from any other use of the same key.
const ID_DOMAIN: &[u8] = b"dormouse secret key id";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Identifies a key without revealing it: 8 bytes of a SHA-256 of the key. A key is too random to be guessed from
/// them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyId([u8; 8]);

/// One key.
pub(crate) struct SecretKey {
    pub(crate) id: KeyId,
    pub(crate) bytes: Zeroizing<[u8; KEY]>,
}

/// The keys of a host. The first key seals, and all of them open, so that keys can be rotated.
pub struct SecretKeys {
    first: SecretKey,
    others: Vec<SecretKey>,
}

/// Why a text is not a list of keys. The error does not contain the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// There is no key.
    #[error("has no key; make one with `openssl rand -base64 32`")]
    None,
    /// A line that is not a key.
    #[error(
        "has something that is not a key in line {line}: a key is 32 random bytes in base64, or in 64 hexadecimal \
         digits; make one with `openssl rand -base64 32`"
    )]
    NotAKey {
        /// The number of the line. The first line is 1.
        line: usize,
    },
}

impl SecretKeys {
    /// Reads keys from a text with one key in each line. Blank lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// If there is no key, or if a line is not a key.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let mut keys = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            keys.push(SecretKey::parse(text).ok_or(InvalidKeys::NotAKey { line })?);
        }
        let mut keys = keys.into_iter();
        Ok(SecretKeys {
            first: keys.next().ok_or(InvalidKeys::None)?,
            others: keys.collect(),
        })
    }

    /// Returns true if these keys contain the one with this id.
    #[must_use]
    pub fn has(&self, id: KeyId) -> bool {
        self.get(id).is_some()
    }

    pub(crate) fn sealing(&self) -> &SecretKey {
        &self.first
    }

    pub(crate) fn get(&self, id: KeyId) -> Option<&SecretKey> {
        self.all().find(|key| key.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl SecretKey {
    fn parse(text: &str) -> Option<Self> {
        let bytes = from_hex(text).or_else(|| from_base64(text))?;
        let digest = Sha256::new()
            .chain_update(ID_DOMAIN)
            .chain_update(bytes.as_slice())
            .finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Some(SecretKey {
            id: KeyId(id),
            bytes,
        })
    }
}

fn from_hex(text: &str) -> Option<Zeroizing<[u8; KEY]>> {
    if text.len() != 2 * KEY {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY]);
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        let [high, low] = pair else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(key)
}

fn from_base64(text: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
    let mut key = Zeroizing::new([0; KEY]);
    if bytes.len() != KEY {
        return None;
    }
    key.copy_from_slice(&bytes);
    Some(key)
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.all().map(|key| key.id))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONES: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWOS: &str = "0202020202020202020202020202020202020202020202020202020202020202";

    fn bytes(text: &str) -> Vec<[u8; KEY]> {
        let keys = SecretKeys::parse(text).unwrap();
        keys.all().map(|key| *key.bytes).collect()
    }

    #[test]
    fn keys_stand_one_a_line_in_either_form() {
        assert_eq!(bytes(ONES), [[1; KEY]]);
        assert_eq!(bytes(ONES.trim_end_matches('=')), [[1; KEY]]);
        assert_eq!(
            bytes(&format!("\u{20}{ONES}\r\n# the old one\n\n{TWOS}\n")),
            [[1; KEY], [2; KEY]]
        );
        let mixed = format!("{}{}", "aB".repeat(16), "09".repeat(16));
        assert_eq!(bytes(&mixed)[0][..16], [0xab; 16]);
    }

    #[test]
    fn an_invalid_key_is_refused_with_its_line() {
        assert_eq!(SecretKeys::parse("").unwrap_err(), InvalidKeys::None);
        assert_eq!(
            SecretKeys::parse("\n# nothing\n").unwrap_err(),
            InvalidKeys::None
        );
        for line in [
            "secret",
            &TWOS[2..],
            &format!("{TWOS}02"),
            &TWOS.replace("20", "2g"),
            &format!("{ONES} # the first"),
            &ONES[4..],
            &format!("AAAA{ONES}"),
            "_-EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        ] {
            let error = SecretKeys::parse(&format!("# keys\n{ONES}\n{line}\n")).unwrap_err();
            assert_eq!(error, InvalidKeys::NotAKey { line: 3 }, "{line}");
            assert!(!error.to_string().contains(line), "{error}");
        }
    }

    #[test]
    fn keys_are_shown_by_their_ids_only() {
        let keys = SecretKeys::parse(&format!("{ONES}\n{TWOS}")).unwrap();
        let shown = format!("{keys:?}");
        assert_eq!(shown.len(), "[0123456789abcdef, 0123456789abcdef]".len());
        assert!(
            !shown.contains("0101") && !shown.contains("0202"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}|[0-9a-zA-Z+/=\\n]{60,70}") {
            let _ = SecretKeys::parse(&text);
        }
    }
}
