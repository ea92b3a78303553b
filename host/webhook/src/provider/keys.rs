//! Converts secrets to the keys of signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::algorithm::{Algorithm, Hash};
use super::encoding::{any_base64, hex};
use super::format::KeyFormat;
use crate::BadSecret;

/// The bytes before the point of a P-256 public key, and before an Ed25519 public key, in a SubjectPublicKeyInfo (RFC
/// 5280, RFC 5480, RFC 8410).
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";
const ED25519: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// The form of the keys of one signature in secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyRule {
    /// The first of these prefixes with which a secret begins is removed.
    pub(super) prefixes: Vec<String>,
    pub(super) format: KeyFormat,
    pub(super) hash: Option<Hash>,
}

impl KeyRule {
    /// Returns the key of a secret.
    pub(super) fn key(&self, algorithm: Algorithm, secret: &[u8]) -> Result<Vec<u8>, BadSecret> {
        let mut prefixes = self.prefixes.iter();
        let rest = prefixes.find_map(|prefix| secret.strip_prefix(prefix.as_bytes()));
        let rest = rest.unwrap_or(secret);
        if rest.is_empty() {
            return Err(BadSecret::Empty);
        }
        let text = || std::str::from_utf8(rest).ok().map(str::trim_ascii);
        let key = match self.format {
            KeyFormat::Raw => rest.to_vec(),
            KeyFormat::Hex => text().and_then(hex).ok_or(BadSecret::NotHex)?,
            KeyFormat::Base64 => text()
                .and_then(|text| STANDARD.decode(text).ok())
                .ok_or(BadSecret::NotBase64)?,
            KeyFormat::Base64Any => text().and_then(any_base64).ok_or(BadSecret::NotBase64)?,
            KeyFormat::Spki => text()
                .and_then(|text| point(algorithm, text))
                .ok_or(BadSecret::NotPublicKey)?,
        };
        if key.is_empty() {
            return Err(BadSecret::Empty);
        }
        let key = match self.hash {
            Some(hash) => hash.digest(&[key]),
            None => key,
        };
        let trouble = match algorithm {
            Algorithm::Ed25519 => (key.len() != 32).then_some(BadSecret::NotPublicKey),
            Algorithm::EcdsaP256 => {
                let is_uncompressed_point = key.len() == 65 && key.first() == Some(&4);
                (!is_uncompressed_point).then_some(BadSecret::NotPublicKey)
            }
            Algorithm::Token => (!is_sendable(&key)).then_some(BadSecret::NotSendable),
            Algorithm::Hmac(_) | Algorithm::Digest(_) => None,
        };
        trouble.map_or(Ok(key), Err)
    }
}

/// Returns true if a header can have this value unchanged: HTTP removes spaces from both ends.
fn is_sendable(token: &[u8]) -> bool {
    std::str::from_utf8(token)
        .is_ok_and(|text| text.trim_matches(' ') == text && !text.chars().any(char::is_control))
}

/// Returns the public key in a SubjectPublicKeyInfo, which is in PEM or in base64 alone.
fn point(algorithm: Algorithm, text: &str) -> Option<Vec<u8>> {
    let lines = text.lines().map(str::trim_ascii);
    let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
    // A file's content that was put into a variable often has `\n` in place of line breaks.
    let base64 = base64.replace("\\n", "");
    let der = any_base64(base64.trim_ascii())?;
    let start = match algorithm {
        Algorithm::EcdsaP256 => P256,
        _ => ED25519,
    };
    der.strip_prefix(start).map(<[u8]>::to_vec)
}
