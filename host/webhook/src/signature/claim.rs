//! What the head of a request says about its signature, before its body is there.

use dormouse_journal::SignatureScheme;

use super::proof::Digest;

/// The signatures that a request carries. Its head was spelled as the scheme says, and its timestamp is good; whether one
/// of the signatures is right is known once the body is there.
#[derive(Debug, Clone)]
pub struct Claim {
    pub(super) scheme: SignatureScheme,
    /// What is signed before the body.
    pub(super) before: Vec<u8>,
    pub(super) digests: Vec<Digest>,
}
