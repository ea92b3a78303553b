//! Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! Signed is `ID.TIMESTAMP.BODY`. The last header is a list separated by spaces, each item a version, a comma and the
//! digest in base64; `v1` is HMAC-SHA-256, `v1a` is ed25519, which is not checked here, and others are to come. An id
//! with a full stop is refused, as the specification advises: it would let bytes move between the id, the timestamp and
//! the body. A secret is base64, with `whsec_` before it or not. See
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.
//!
//! The crate `standardwebhooks` is not used: it reads the machine's clock, refuses a body that is not UTF-8, stops at
//! the first signature that matches, and brings a second HMAC, a second base64, `http` and `time` for these few lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_journal::{Header, Request, SignatureScheme, Time};

use super::claim::Claim;
use super::error::{BadSecret, Rejected};
use super::proof::{self, Digest};

pub(super) const SIGNATURE: &str = "webhook-signature";
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";

pub(super) fn claim(head: &Request, now: Time, tolerance: u64) -> Result<Claim, Rejected> {
    let list = proof::header(head, SIGNATURE)?;
    let id = proof::header(head, ID)?;
    let timestamp = proof::header(head, TIMESTAMP)?;
    if id.is_empty() || id.contains('.') {
        return Err(Rejected::Malformed);
    }
    let digests = proof::signatures(list.split(' ').filter_map(signature))?;
    proof::check_time(timestamp, now, tolerance)?;
    Ok(Claim {
        scheme: SignatureScheme::StandardWebhooks,
        before: before_body(id, timestamp),
        digests,
    })
}

/// Returns the keys that secrets stand for. A secret that is not base64 was not made for this scheme, and is the key of
/// nothing.
pub(super) fn keys(secrets: &[&[u8]]) -> Vec<Vec<u8>> {
    let keys = secrets.iter().filter_map(|secret| key(secret).ok());
    keys.collect()
}

pub(super) fn sign(
    secret: &[u8],
    id: &str,
    now: Time,
    body: &[u8],
) -> Result<Vec<Header>, BadSecret> {
    let key = key(secret)?;
    let timestamp = proof::timestamp(now);
    let digest = proof::digest(&key, &[&before_body(id, &timestamp), body]);
    let signature = format!("v1,{}", STANDARD.encode(digest));
    Ok(vec![
        proof::made(ID, id.to_owned()),
        proof::made(TIMESTAMP, timestamp),
        proof::made(SIGNATURE, signature),
    ])
}

/// What is signed before the body.
fn before_body(id: &str, timestamp: &str) -> Vec<u8> {
    format!("{id}.{timestamp}.").into_bytes()
}

/// One item of the list; none when it is of another version.
fn signature(item: &str) -> Option<Result<Digest, Rejected>> {
    match item.split_once(',') {
        Some(("v1", digest)) => Some(read(digest).ok_or(Rejected::Malformed)),
        Some(_) => None,
        None => Some(Err(Rejected::Malformed)),
    }
}

fn read(text: &str) -> Option<Digest> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn key(secret: &[u8]) -> Result<Vec<u8>, BadSecret> {
    let text = secret.strip_prefix(b"whsec_").unwrap_or(secret);
    let key = STANDARD.decode(text).map_err(|_| BadSecret::NotBase64)?;
    if key.is_empty() {
        return Err(BadSecret::Empty);
    }
    Ok(key)
}
