//! Signatures: how a request proves that it comes from someone who knows a secret.
//!
//! One file for each scheme: it says what is signed and how the headers are spelled, and reads no more than that. What
//! they share is in `proof`. Headers are read strictly: what a provider would never send is refused, even where the
//! digest in it could be made out.

mod error;
mod generic;
mod github;
mod options;
mod proof;
mod slack;
mod standard;
mod stripe;

use dormouse_journal::{Header, Request, Signature, SignatureScheme, Time};

pub use error::{BadSecret, Rejected};
pub use options::check_signature;

/// Checks a request. `secrets` are the values of the secrets named, any of which may match, so that they can be
/// rotated. A timestamp may be off by `tolerance` milliseconds in either direction.
///
/// It reads the body once for each secret, but only after everything about the headers is right.
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
    match check.scheme {
        SignatureScheme::StandardWebhooks => standard::verify(secrets, request, now, tolerance),
        SignatureScheme::Github => github::verify(secrets, request),
        SignatureScheme::Stripe => stripe::verify(secrets, request, now, tolerance),
        SignatureScheme::Slack => slack::verify(secrets, request, now, tolerance),
        SignatureScheme::HmacSha256 => generic::verify(check, secrets, request),
    }
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
