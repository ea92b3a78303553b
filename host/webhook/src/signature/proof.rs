//! What the schemes share: reading a header, a timestamp and a digest, and comparing digests.

use bytes::Bytes;
use dormouse_journal::{Header, Request, Time};
use hmac::digest::CtOutput;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::error::Rejected;
use crate::field::{Field, field};

/// Signatures in one header. A provider sends one for each secret that is in use, which are two for most of the time.
const MOST_SIGNATURES: usize = 16;

/// An HMAC-SHA-256.
pub(super) type Digest = [u8; 32];

/// A header that must be there, once.
pub(super) fn header<'a>(request: &'a Request, name: &str) -> Result<&'a str, Rejected> {
    match field(request, name) {
        Field::Absent => Err(Rejected::Missing),
        Field::Once(value) => std::str::from_utf8(value).map_err(|_| Rejected::Malformed),
        Field::Repeated => Err(Rejected::Malformed),
    }
}

/// The signatures of one header. None of the version that is checked is as good as no header.
pub(super) fn signatures(
    found: impl Iterator<Item = Result<Digest, Rejected>>,
) -> Result<Vec<Digest>, Rejected> {
    let given: Vec<Digest> = found.take(MOST_SIGNATURES + 1).collect::<Result<_, _>>()?;
    match given.len() {
        0 => Err(Rejected::Missing),
        1..=MOST_SIGNATURES => Ok(given),
        _ => Err(Rejected::Malformed),
    }
}

/// Whether a timestamp in seconds is at most `tolerance` milliseconds away from `now`.
pub(super) fn check_time(timestamp: &str, now: Time, tolerance: u64) -> Result<(), Rejected> {
    // Parsing alone would let a plus sign through.
    if !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Rejected::Malformed);
    }
    let seconds: u64 = timestamp.parse().map_err(|_| Rejected::Malformed)?;
    let signed = seconds.checked_mul(1_000).ok_or(Rejected::Malformed)?;
    if signed.abs_diff(now.0) > tolerance {
        return Err(Rejected::Stale);
    }
    Ok(())
}

/// The timestamp that a signature made now carries.
pub(super) fn timestamp(now: Time) -> String {
    (now.0 / 1_000).to_string()
}

/// Whether one of the given digests is the message's under one of the keys. All are compared, each in constant time, so
/// that how long it takes tells nothing of which one it was. An empty key is nobody's secret and matches nothing.
pub(super) fn check_digests<K: AsRef<[u8]>>(
    keys: &[K],
    message: &[&[u8]],
    given: &[Digest],
) -> Result<(), Rejected> {
    let mut matched = false;
    for key in keys.iter().filter(|key| !key.as_ref().is_empty()) {
        let expected = keyed(key.as_ref(), message).finalize();
        for digest in given {
            matched |= expected == CtOutput::new((*digest).into());
        }
    }
    if matched {
        Ok(())
    } else {
        Err(Rejected::Wrong)
    }
}

/// The digest of a message, given in parts.
pub(super) fn digest(key: &[u8], message: &[&[u8]]) -> Digest {
    keyed(key, message).finalize().into_bytes().into()
}

/// A digest in hexadecimal as the providers write it. Capitals are refused, as the providers' own libraries do.
pub(super) fn read_hex(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = nibble(high)? << 4 | nibble(low)?;
    }
    Some(digest)
}

/// A digest in hexadecimal.
pub(super) fn hex(digest: Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A header to be sent.
pub(super) fn made(name: &str, value: impl Into<Bytes>) -> Header {
    (name.to_owned(), value.into())
}

fn keyed(key: &[u8], message: &[&[u8]]) -> Hmac<Sha256> {
    let mut hmac: Hmac<Sha256> = match Hmac::new_from_slice(key) {
        Ok(hmac) => hmac,
        Err(_) => unreachable!("HMAC takes a key of any length"),
    };
    message.iter().for_each(|part| hmac.update(part));
    hmac
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
