//! Stripe: `Stripe-Signature`.
//!
//! The header is a list separated by commas: `t=` and the timestamp, then `v1=` and a digest in hexadecimal for each
//! secret in use. Signed is `TIMESTAMP.BODY`. Whatever else is in the list is not looked at, so that nobody can choose a
//! weaker version, such as the `v0` of test events. The secret is used as it is shown, `whsec_` included. See
//! <https://docs.stripe.com/webhooks#verify-manually>.

use dormouse_journal::{Header, Request, SignatureScheme, Time};

use super::claim::Claim;
use super::error::Rejected;
use super::proof;

pub(super) const SIGNATURE: &str = "stripe-signature";

pub(super) fn claim(head: &Request, now: Time, tolerance: u64) -> Result<Claim, Rejected> {
    let list = proof::header(head, SIGNATURE)?;
    let mut timestamp = None;
    let mut digests = Vec::new();
    for item in list.split(',') {
        match item.split_once('=').ok_or(Rejected::Malformed)? {
            ("t", value) if timestamp.is_none() => timestamp = Some(value),
            ("t", _) => return Err(Rejected::Malformed),
            ("v1", value) => digests.push(proof::read_hex(value).ok_or(Rejected::Malformed)),
            _ => {}
        }
    }
    let timestamp = timestamp.ok_or(Rejected::Malformed)?;
    let digests = proof::signatures(digests.into_iter())?;
    proof::check_time(timestamp, now, tolerance)?;
    Ok(Claim {
        scheme: SignatureScheme::Stripe,
        before: before_body(timestamp),
        digests,
    })
}

pub(super) fn sign(secret: &[u8], now: Time, body: &[u8]) -> Vec<Header> {
    let timestamp = proof::timestamp(now);
    let digest = proof::hex(proof::digest(secret, &[&before_body(&timestamp), body]));
    vec![proof::made(SIGNATURE, format!("t={timestamp},v1={digest}"))]
}

/// What is signed before the body.
fn before_body(timestamp: &str) -> Vec<u8> {
    format!("{timestamp}.").into_bytes()
}
