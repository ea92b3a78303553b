//! Signatures: how a request proves that it comes from someone who knows a secret.
//!
//! One file for each scheme: it says what is signed and how the headers are spelled, and reads no more than that. What
//! they share is in `proof`. Headers are read strictly: what a provider would never send is refused, even where the
//! digest in it could be made out.

mod claim;
mod error;
mod generic;
mod github;
mod options;
mod proof;
mod slack;
mod standard;
mod stripe;

use dormouse_journal::{Header, Request, Signature, SignatureScheme, Time};

pub use claim::Claim;
pub use error::{BadSecret, Rejected};
pub use options::check_signature;

/// Reads the signatures of a request from its headers. The body is not looked at. A timestamp may be off by `tolerance`
/// milliseconds in either direction.
///
/// # Errors
/// When the request could prove nothing, whatever its body is.
pub fn claim(
    check: &Signature,
    head: &Request,
    now: Time,
    tolerance: u64,
) -> Result<Claim, Rejected> {
    match check.scheme {
        SignatureScheme::StandardWebhooks => standard::claim(head, now, tolerance),
        SignatureScheme::Github => github::claim(head),
        SignatureScheme::Stripe => stripe::claim(head, now, tolerance),
        SignatureScheme::Slack => slack::claim(head, now, tolerance),
        SignatureScheme::HmacSha256 => generic::claim(check, head),
    }
}

impl Claim {
    /// Checks the signatures against the body. `secrets` are the values of the secrets that the webhook names, any of which
    /// may match, so that they can be rotated. Reads the body once for each secret.
    ///
    /// # Errors
    /// When none of the signatures is that of one of the secrets.
    pub fn prove(&self, secrets: &[&[u8]], body: &[u8]) -> Result<(), Rejected> {
        let message = [self.before.as_slice(), body];
        match self.scheme {
            SignatureScheme::StandardWebhooks => {
                proof::check_digests(&standard::keys(secrets), &message, &self.digests)
            }
            SignatureScheme::Github
            | SignatureScheme::Stripe
            | SignatureScheme::Slack
            | SignatureScheme::HmacSha256 => proof::check_digests(secrets, &message, &self.digests),
        }
    }
}

/// Checks a whole request: [`claim`], then [`Claim::prove`].
///
/// # Errors
/// When the request does not prove that its sender knows one of the secrets.
pub fn verify(
    check: &Signature,
    secrets: &[&[u8]],
    request: &Request,
    now: Time,
    tolerance: u64,
) -> Result<(), Rejected> {
    claim(check, request, now, tolerance)?.prove(secrets, &request.body)
}

/// The headers by which a caller proves itself. `id` names the request under Standard Webhooks, where it must not
/// contain a full stop; the other schemes do not sign one. Options that [`check_signature`] refuses may give no headers.
///
/// # Errors
/// When no request could be signed with this secret.
pub fn sign(
    check: &Signature,
    secret: &[u8],
    id: &str,
    now: Time,
    body: &[u8],
) -> Result<Vec<Header>, BadSecret> {
    if secret.is_empty() {
        return Err(BadSecret::Empty);
    }
    match check.scheme {
        SignatureScheme::StandardWebhooks => standard::sign(secret, id, now, body),
        SignatureScheme::Github => Ok(github::sign(secret, body)),
        SignatureScheme::Stripe => Ok(stripe::sign(secret, now, body)),
        SignatureScheme::Slack => Ok(slack::sign(secret, now, body)),
        SignatureScheme::HmacSha256 => Ok(generic::sign(check, secret, body)),
    }
}

/// Names of headers that carry proof under this check, in lower case, so that they can be masked where people look.
#[must_use]
pub fn signature_headers(check: &Signature) -> Vec<String> {
    let names: &[&str] = match check.scheme {
        SignatureScheme::StandardWebhooks => &[standard::SIGNATURE],
        SignatureScheme::Github => &[github::SIGNATURE, github::OLD_SIGNATURE],
        SignatureScheme::Stripe => &[stripe::SIGNATURE],
        SignatureScheme::Slack => &[slack::SIGNATURE],
        SignatureScheme::HmacSha256 => {
            return check
                .header
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect();
        }
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}
