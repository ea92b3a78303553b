//! HMAC-SHA-256 of the body, in a header of the author's choice.
//!
//! The digest comes after the prefix, if there is one, in hexadecimal or in base64. Which of them is told by its length,
//! which cannot be mistaken: 32 bytes are 64 digits in hexadecimal (of either case), and 43 characters in base64, or 44
//! with the padding (of the standard or the URL-safe alphabet). HMAC is RFC 2104,
//! <https://www.rfc-editor.org/rfc/rfc2104>; the encodings are RFC 4648, <https://www.rfc-editor.org/rfc/rfc4648>.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use dormouse_journal::{Header, Request, Signature, SignatureScheme};

use super::claim::Claim;
use super::error::Rejected;
use super::proof::{self, Digest};

const PADDED_OR_NOT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDED_OR_NOT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDED_OR_NOT);

pub(super) fn claim(check: &Signature, head: &Request) -> Result<Claim, Rejected> {
    // Options without a header are refused when the webhook is created; here nothing could be proof of anything.
    let name = check.header.as_deref().ok_or(Rejected::Missing)?;
    let signature = proof::header(head, name)?;
    let digest = signature.strip_prefix(prefix(check)).and_then(read);
    let digest = digest.ok_or(Rejected::Malformed)?;
    Ok(Claim {
        scheme: SignatureScheme::HmacSha256,
        before: Vec::new(),
        digests: vec![digest],
    })
}

pub(super) fn sign(check: &Signature, secret: &[u8], body: &[u8]) -> Vec<Header> {
    let digest = proof::hex(proof::digest(secret, &[body]));
    let value = format!("{}{digest}", prefix(check));
    let name = check.header.iter();
    name.map(|name| proof::made(&name.to_ascii_lowercase(), value.clone()))
        .collect()
}

fn prefix(check: &Signature) -> &str {
    check.prefix.as_deref().unwrap_or_default()
}

fn read(text: &str) -> Option<Digest> {
    if text.len() == 64 {
        return proof::read_hex(&text.to_ascii_lowercase());
    }
    let is_url_safe = text.contains(['-', '_']);
    let engine = if is_url_safe { URL_SAFE } else { STANDARD };
    let mut digest = [0; 33];
    let length = engine.decode_slice(text, &mut digest).ok()?;
    digest.get(..length)?.try_into().ok()
}
