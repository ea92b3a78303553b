//! The algorithms that check signatures.

use ring::{digest, hmac, signature};
use subtle::ConstantTimeEq as _;

use super::format::{AlgorithmName, DigestName};

/// The way in which a signature is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// HMAC (RFC 2104) of the signed text, under the secret.
    Hmac(Hash),
    /// A digest of a text that contains the secret.
    Digest(Hash),
    /// Ed25519 (RFC 8032); the secret is the provider's public key.
    Ed25519,
    /// ECDSA with P-256 and SHA-256, the signature in DER; the secret is the provider's public key.
    EcdsaP256,
    /// The secret itself.
    Token,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl From<DigestName> for Hash {
    fn from(name: DigestName) -> Self {
        match name {
            DigestName::Sha1 => Hash::Sha1,
            DigestName::Sha256 => Hash::Sha256,
            DigestName::Sha384 => Hash::Sha384,
            DigestName::Sha512 => Hash::Sha512,
        }
    }
}

impl Hash {
    pub(super) fn length(self) -> usize {
        match self {
            Hash::Sha1 => 20,
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// Returns the digest of a message that is given in pieces.
    pub(super) fn digest<P: AsRef<[u8]>>(self, message: &[P]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
        };
        let mut context = digest::Context::new(algorithm);
        message
            .iter()
            .for_each(|piece| context.update(piece.as_ref()));
        context.finish().as_ref().to_vec()
    }

    /// Returns the HMAC of a message that is given in pieces.
    pub(super) fn hmac<P: AsRef<[u8]>>(self, key: &[u8], message: &[P]) -> Vec<u8> {
        let algorithm = match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
            Hash::Sha384 => hmac::HMAC_SHA384,
            Hash::Sha512 => hmac::HMAC_SHA512,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, key));
        message
            .iter()
            .for_each(|piece| context.update(piece.as_ref()));
        context.sign().as_ref().to_vec()
    }
}

impl Algorithm {
    /// Returns the algorithm of this name. None for the name that lets the signature's prefix choose it.
    pub(super) fn of(name: AlgorithmName) -> Option<Self> {
        Some(match name {
            AlgorithmName::HmacSha1 => Algorithm::Hmac(Hash::Sha1),
            AlgorithmName::HmacSha256 => Algorithm::Hmac(Hash::Sha256),
            AlgorithmName::HmacSha384 => Algorithm::Hmac(Hash::Sha384),
            AlgorithmName::HmacSha512 => Algorithm::Hmac(Hash::Sha512),
            AlgorithmName::Sha1 => Algorithm::Digest(Hash::Sha1),
            AlgorithmName::Sha256 => Algorithm::Digest(Hash::Sha256),
            AlgorithmName::Sha384 => Algorithm::Digest(Hash::Sha384),
            AlgorithmName::Sha512 => Algorithm::Digest(Hash::Sha512),
            AlgorithmName::Ed25519 => Algorithm::Ed25519,
            AlgorithmName::EcdsaP256 => Algorithm::EcdsaP256,
            AlgorithmName::Token | AlgorithmName::Basic => Algorithm::Token,
            AlgorithmName::ByPrefix => return None,
        })
    }

    /// Returns the length of a signature in bytes, if it is always the same.
    pub(super) fn length(self) -> Option<usize> {
        match self {
            Algorithm::Hmac(hash) | Algorithm::Digest(hash) => Some(hash.length()),
            Algorithm::Ed25519 => Some(64),
            Algorithm::EcdsaP256 | Algorithm::Token => None,
        }
    }

    /// Returns true if the algorithm covers a text. A token proves nothing about the rest of a request.
    pub(super) fn signs(self) -> bool {
        self != Algorithm::Token
    }

    /// Returns the signature of a message, if the receiver can make it.
    pub(super) fn sign<P: AsRef<[u8]>>(self, key: &[u8], message: &[P]) -> Option<Vec<u8>> {
        match self {
            Algorithm::Hmac(hash) => Some(hash.hmac(key, message)),
            Algorithm::Digest(hash) => Some(hash.digest(message)),
            Algorithm::Token => Some(key.to_vec()),
            Algorithm::Ed25519 | Algorithm::EcdsaP256 => None,
        }
    }

    /// Returns true if one of these signatures is right for the message. All are checked, and secrets are compared in
    /// constant time, so that the time reveals nothing about the right one.
    pub(super) fn check<P: AsRef<[u8]>>(self, key: &[u8], message: &[P], given: &[&[u8]]) -> bool {
        let verify: &dyn signature::VerificationAlgorithm = match self {
            Algorithm::Ed25519 => &signature::ED25519,
            Algorithm::EcdsaP256 => &signature::ECDSA_P256_SHA256_ASN1,
            Algorithm::Hmac(_) | Algorithm::Digest(_) | Algorithm::Token => {
                let Some(expected) = self.sign(key, message) else {
                    return false;
                };
                // Digests are compared, because the length of a token is secret too.
                let hashed = |bytes: &[u8]| Hash::Sha256.digest(&[bytes]);
                let expected = hashed(&expected);
                return given.iter().fold(false, |matched, given| {
                    matched | bool::from(hashed(given).ct_eq(&expected))
                });
            }
        };
        let message: Vec<u8> = message
            .iter()
            .flat_map(|piece| piece.as_ref())
            .copied()
            .collect();
        let key = signature::UnparsedPublicKey::new(verify, key);
        given
            .iter()
            .any(|given| key.verify(&message, given).is_ok())
    }
}
