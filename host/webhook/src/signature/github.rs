//! GitHub: `X-Hub-Signature-256`.
//!
//! Signed is the body; the header is `sha256=` and the digest in hexadecimal. There is no timestamp, so that a request
//! can be sent again at any time. The older `X-Hub-Signature` (SHA-1) is not looked at, but masked. See
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>.

use dormouse_journal::{Header, Request, SignatureScheme};

use super::claim::Claim;
use super::error::Rejected;
use super::proof;

pub(super) const SIGNATURE: &str = "x-hub-signature-256";
pub(super) const OLD_SIGNATURE: &str = "x-hub-signature";
const PREFIX: &str = "sha256=";

pub(super) fn claim(head: &Request) -> Result<Claim, Rejected> {
    let signature = proof::header(head, SIGNATURE)?;
    let digest = signature.strip_prefix(PREFIX).and_then(proof::read_hex);
    let digest = digest.ok_or(Rejected::Malformed)?;
    Ok(Claim {
        scheme: SignatureScheme::Github,
        before: Vec::new(),
        digests: vec![digest],
    })
}

pub(super) fn sign(secret: &[u8], body: &[u8]) -> Vec<Header> {
    let digest = proof::hex(proof::digest(secret, &[body]));
    vec![proof::made(SIGNATURE, format!("{PREFIX}{digest}"))]
}
