//! Slack: `X-Slack-Signature` and `X-Slack-Request-Timestamp`.
//!
//! Signed is `v0:TIMESTAMP:BODY`; the header is `v0=` and the digest in hexadecimal. `v0` is the only version. See
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>.

use dormouse_journal::{Header, Request, Time};

use super::error::Rejected;
use super::proof;

pub(super) const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";
const PREFIX: &str = "v0=";

pub(super) fn verify(
    secrets: &[&[u8]],
    request: &Request,
    now: Time,
    tolerance: u64,
) -> Result<(), Rejected> {
    let signature = proof::header(request, SIGNATURE)?;
    let timestamp = proof::header(request, TIMESTAMP)?;
    let digest = signature.strip_prefix(PREFIX).and_then(proof::read_hex);
    let digest = digest.ok_or(Rejected::Malformed)?;
    proof::check_time(timestamp, now, tolerance)?;
    proof::check_digests(secrets, &message(timestamp, &request.body), &[digest])
}

pub(super) fn sign(secret: &[u8], now: Time, body: &[u8]) -> Vec<Header> {
    let timestamp = proof::timestamp(now);
    let digest = proof::hex(proof::digest(secret, &message(&timestamp, body)));
    vec![
        proof::made(TIMESTAMP, timestamp),
        proof::made(SIGNATURE, format!("{PREFIX}{digest}")),
    ]
}

fn message<'a>(timestamp: &'a str, body: &'a [u8]) -> [&'a [u8]; 4] {
    [b"v0:", timestamp.as_bytes(), b":", body]
}
