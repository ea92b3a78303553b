//! Slack: `X-Slack-Signature` and `X-Slack-Request-Timestamp`.
//!
//! Signed is `v0:TIMESTAMP:BODY`; the header is `v0=` and the digest in hexadecimal. `v0` is the only version. See
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use dormouse_journal::{Header, Request, SignatureScheme, Time};

use super::claim::Claim;
use super::error::Rejected;
use super::proof;

pub(super) const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";
const PREFIX: &str = "v0=";

pub(super) fn claim(head: &Request, now: Time, tolerance: u64) -> Result<Claim, Rejected> {
    let signature = proof::header(head, SIGNATURE)?;
    let timestamp = proof::header(head, TIMESTAMP)?;
    let digest = signature.strip_prefix(PREFIX).and_then(proof::read_hex);
    let digest = digest.ok_or(Rejected::Malformed)?;
    proof::check_time(timestamp, now, tolerance)?;
    Ok(Claim {
        scheme: SignatureScheme::Slack,
        before: before_body(timestamp),
        digests: vec![digest],
    })
}

pub(super) fn sign(secret: &[u8], now: Time, body: &[u8]) -> Vec<Header> {
    let timestamp = proof::timestamp(now);
    let digest = proof::hex(proof::digest(secret, &[&before_body(&timestamp), body]));
    vec![
        proof::made(TIMESTAMP, timestamp),
        proof::made(SIGNATURE, format!("{PREFIX}{digest}")),
    ]
}

/// What is signed before the body.
fn before_body(timestamp: &str) -> Vec<u8> {
    format!("v0:{timestamp}:").into_bytes()
}
