//! Secrets as they are stored: sealed with XChaCha20-Poly1305 of the crate `chacha20poly1305`.
//!
//! A nonce has 192 bits, so random nonces do not repeat. The name and the uses are authenticated with the value.
//! Someone who can write the file but does not have the key can neither move a value to another name nor grant it
//! another use.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use dormouse_journal::encode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{KeyId, Secret, SecretKeys, SecretName, Use};

/// The number of bytes of a nonce.
pub const NONCE: usize = 24;

/// The number of bytes of the tag, which follows the encrypted value.
const TAG: usize = 16;

/// Separates the data that is authenticated here from all other data under the same key.
const DOMAIN: &str = "dormouse secret";

/// A value that only the holder of a key can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The id of the key that sealed the value.
    pub key: KeyId,
    /// The nonce.
    pub nonce: [u8; NONCE],
    /// The encrypted value, followed by the tag.
    pub bytes: Vec<u8>,
}

/// Why a sealed value was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The host does not have the key of the value.
    #[error("it is sealed with a key that this host does not have")]
    NoKey,
    /// The value is damaged, or was sealed for another name or other uses.
    #[error("it is damaged, or was sealed under another name or with other uses")]
    Damaged,
}

impl SecretKeys {
    /// Seals a secret with the first key. A nonce must never be used twice.
    #[must_use]
    pub fn seal(
        &self,
        secret: &Secret,
        nonce: [u8; NONCE],
        name: &SecretName,
        uses: &[Use],
    ) -> Sealed {
        let key = self.sealing();
        let cipher = XChaCha20Poly1305::new(&(*key.bytes).into());
        // The vector has room for the tag: if it grew, a copy of the value would be left in memory.
        let mut bytes = Vec::with_capacity(secret.expose().len() + TAG);
        bytes.extend_from_slice(secret.expose());
        let sealed = cipher.encrypt_inout_detached(
            &XNonce::from(nonce),
            &authenticated(name, uses),
            bytes.as_mut_slice().into(),
        );
        match sealed {
            Ok(tag) => bytes.extend_from_slice(&tag),
            Err(_) => unreachable!("the cipher takes 256 GiB, and a secret is shorter"),
        }
        Sealed {
            key: key.id,
            nonce,
            bytes,
        }
    }

    /// Opens a value that was sealed for this name and these uses, with any of the keys.
    ///
    /// # Errors
    /// If these keys do not contain the value's key, or if the value, the name or the uses differ from those that were
    /// sealed.
    pub fn open(
        &self,
        sealed: &Sealed,
        name: &SecretName,
        uses: &[Use],
    ) -> Result<Secret, OpenError> {
        let key = self.get(sealed.key).ok_or(OpenError::NoKey)?;
        let (value, tag) = sealed
            .bytes
            .split_last_chunk::<TAG>()
            .ok_or(OpenError::Damaged)?;
        let mut value = Zeroizing::new(value.to_vec());
        XChaCha20Poly1305::new(&(*key.bytes).into())
            .decrypt_inout_detached(
                &XNonce::from(sealed.nonce),
                &authenticated(name, uses),
                value.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| OpenError::Damaged)?;
        Secret::new(std::mem::take(&mut *value)).map_err(|_| OpenError::Damaged)
    }
}

/// Returns the data that is authenticated besides the value.
fn authenticated(name: &SecretName, uses: &[Use]) -> Vec<u8> {
    encode(&(DOMAIN, name, uses))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Purpose;

    const OLD: &str = "0101010101010101010101010101010101010101010101010101010101010101";
    const NEW: &str = "0202020202020202020202020202020202020202020202020202020202020202";
    const VALUE: &[u8] = b"Another_Made-Up-Value-5E8ab217";

    fn keys(text: &str) -> SecretKeys {
        SecretKeys::parse(text).unwrap()
    }

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    fn uses(origin: &str) -> Vec<Use> {
        let purposes = [Purpose::Verify, Purpose::SendTo(origin.parse().unwrap())];
        let granted = |purpose| Use {
            workflow: "w".into(),
            purpose,
        };
        purposes.map(granted).to_vec()
    }

    fn sealed() -> Sealed {
        let secret = Secret::new(VALUE.to_vec()).unwrap();
        keys(OLD).seal(&secret, [7; NONCE], &name("a"), &uses("https://a.example"))
    }

    #[track_caller]
    fn check(keys: &SecretKeys, sealed: &Sealed, expected: Result<(), OpenError>) {
        let opened = keys.open(sealed, &name("a"), &uses("https://a.example"));
        assert_eq!(
            opened.as_ref().map(|_| ()).map_err(|error| *error),
            expected
        );
        if let Ok(secret) = opened {
            assert_eq!(secret.expose(), VALUE);
        }
    }

    #[test]
    fn a_sealed_value_can_be_opened() {
        let sealed = sealed();
        assert_eq!(sealed.bytes.len(), VALUE.len() + TAG);
        assert!(
            !sealed
                .bytes
                .windows(4)
                .any(|window| VALUE.starts_with(window))
        );
        check(&keys(OLD), &sealed, Ok(()));
    }

    /// The values of <https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03#appendix-A.3.1> show that the
    /// cipher is the one of that draft.
    #[test]
    fn the_cipher_is_xchacha20_poly1305() {
        let plaintext =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
                          future, sunscreen would be it.";
        let key: [u8; 32] = std::array::from_fn(|place| 0x80 + u8::try_from(place).unwrap());
        let nonce: [u8; NONCE] = std::array::from_fn(|place| 0x40 + u8::try_from(place).unwrap());
        let mut data = vec![0x50, 0x51, 0x52, 0x53];
        data.extend(0xc0..=0xc7);
        let mut bytes = plaintext.to_vec();
        let tag = XChaCha20Poly1305::new(&key.into())
            .encrypt_inout_detached(&XNonce::from(nonce), &data, bytes.as_mut_slice().into())
            .unwrap();
        assert_eq!(bytes[..8], [0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b]);
        assert_eq!(tag[..4], [0xc0, 0x87, 0x59, 0x24]);
    }

    #[test]
    fn without_its_key_it_stays_closed() {
        check(&keys(NEW), &sealed(), Err(OpenError::NoKey));
        let claimed = Sealed {
            key: keys(NEW).sealing().id,
            ..sealed()
        };
        check(&keys(NEW), &claimed, Err(OpenError::Damaged));
    }

    #[test]
    fn a_row_moved_to_another_name_stays_closed() {
        let opened = keys(OLD).open(&sealed(), &name("b"), &uses("https://a.example"));
        assert_eq!(opened.unwrap_err(), OpenError::Damaged);
    }

    #[test]
    fn other_uses_are_noticed() {
        let granted = uses("https://a.example");
        let mut other_workflow = granted.clone();
        other_workflow[0].workflow = "v".into();
        for other in [
            uses("https://evil.example"),
            granted[..1].to_vec(),
            [granted.as_slice(), &granted].concat(),
            Vec::new(),
            other_workflow,
        ] {
            let opened = keys(OLD).open(&sealed(), &name("a"), &other);
            assert_eq!(opened.unwrap_err(), OpenError::Damaged, "{other:?}");
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let sealed = sealed();
        for place in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[place] ^= 1;
            check(&keys(OLD), &changed, Err(OpenError::Damaged));
        }
        for length in 0..sealed.bytes.len() {
            let mut cut = sealed.clone();
            cut.bytes.truncate(length);
            check(&keys(OLD), &cut, Err(OpenError::Damaged));
        }
        let mut other_nonce = sealed;
        other_nonce.nonce[0] ^= 1;
        check(&keys(OLD), &other_nonce, Err(OpenError::Damaged));
    }

    #[test]
    fn keys_rotate() {
        let both = keys(&format!("{NEW}\n{OLD}"));
        check(&both, &sealed(), Ok(()));
        let secret = Secret::new(VALUE.to_vec()).unwrap();
        let anew = both.seal(&secret, [8; NONCE], &name("a"), &uses("https://a.example"));
        check(&keys(NEW), &anew, Ok(()));
        check(&keys(OLD), &anew, Err(OpenError::NoKey));
    }
}
