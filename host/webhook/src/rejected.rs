//! The reasons for which a request's signature is rejected, and for which a secret cannot sign.

/// Why a request was rejected. The texts are for the request's caller and for the log, and contain
/// nothing secret.
#[derive(thiserror::Error, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// A header is missing, or has no signature of the version that is checked.
    #[error("the request does not carry the signature that this webhook asks for; sign it")]
    Missing,
    /// A header occurs more than once, or is not written as the scheme says.
    #[error(
        "the headers of the request's signature are not spelled as its scheme says, or occur more than once"
    )]
    Malformed,
    /// The timestamp is too far from the host's clock.
    #[error(
        "the request was signed too long ago or in the future; sign it again, with a clock that is right"
    )]
    Stale,
    /// The signature was made with none of the secrets, or for another content.
    #[error(
        "the request's signature does not fit its content; check the secret, and that the body is sent as it was signed"
    )]
    Wrong,
    /// None of the webhook's secrets can be a key of the scheme.
    #[error(
        "no request can be verified here: none of the secrets that this webhook names can be a key of its provider's \
         signature; the host's operator must set the right one"
    )]
    Unverifiable,
}

impl Rejected {
    /// Returns the reason's stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Rejected::Missing => "signature-missing",
            Rejected::Malformed => "signature-malformed",
            Rejected::Stale => "signature-stale",
            Rejected::Wrong => "signature-wrong",
            Rejected::Unverifiable => "signature-unverifiable",
        }
    }
}

/// Why a secret cannot sign.
#[derive(thiserror::Error, Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSecret {
    /// The secret is empty, so anybody could sign with it.
    #[error("the secret is empty")]
    Empty,
    /// The secret is not base64.
    #[error("the secret is not base64, as those of this provider are")]
    NotBase64,
    /// The secret is not hexadecimal.
    #[error("the secret is not hexadecimal, as those of this provider are")]
    NotHex,
    /// The secret is not a public key of the algorithm.
    #[error(
        "the secret is not the provider's public key, or not in the form in which the provider gives it"
    )]
    NotPublicKey,
    /// The secret itself is sent in a header, but no header can hold it.
    #[error(
        "the provider sends the secret itself in a header, and this secret cannot be in a header: it is not UTF-8, has a control \
         character such as a line break, or begins or ends with a space"
    )]
    NotSendable,
}
