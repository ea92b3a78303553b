//! Requests and checks as the tests write them.

use bytes::Bytes;
use dormouse_journal::{Request, Signature, SignatureScheme, Time};
use dormouse_webhook::{Rejected, sign, verify};

pub(crate) const TOLERANCE: u64 = 300_000;

pub(crate) fn request(headers: &[(&str, &str)], body: &[u8]) -> Request {
    Request {
        method: "POST".into(),
        url: "https://hooks.example.com/hooks/token".into(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).into(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
        body: Bytes::copy_from_slice(body),
    }
}

/// A check with one secret, and a header for the scheme that needs one.
pub(crate) fn signature(scheme: SignatureScheme) -> Signature {
    let is_generic = scheme == SignatureScheme::HmacSha256;
    Signature {
        scheme,
        secrets: vec!["provider".into()],
        header: is_generic.then(|| "X-Signature".into()),
        prefix: is_generic.then(|| "sha256=".into()),
    }
}

pub(crate) const SCHEMES: [SignatureScheme; 5] = [
    SignatureScheme::StandardWebhooks,
    SignatureScheme::Github,
    SignatureScheme::Stripe,
    SignatureScheme::Slack,
    SignatureScheme::HmacSha256,
];

/// Base64, so that it is a secret under every scheme.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OLD_SECRET: &str = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
pub(crate) const NOW: Time = Time(1_700_000_000_000);
pub(crate) const BODY: &[u8] = br#"{"id":"evt_1"}"#;

pub(crate) fn signed(scheme: SignatureScheme, secret: &str) -> Request {
    let made = sign(&signature(scheme), secret.as_bytes(), "msg_1", NOW, BODY).unwrap();
    Request {
        headers: made,
        ..request(&[], BODY)
    }
}

pub(crate) fn verdict(
    scheme: SignatureScheme,
    secrets: &[&str],
    request: &Request,
) -> Result<(), Rejected> {
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
    verify(&signature(scheme), &secrets, request, NOW, TOLERANCE)
}

/// The value of a header as text.
pub(crate) fn value<'a>(request: &'a Request, name: &str) -> &'a str {
    let (_, value) = request
        .headers
        .iter()
        .find(|(given, _)| given == name)
        .unwrap();
    std::str::from_utf8(value).unwrap()
}

/// A signed request with another value in one of its headers.
pub(crate) fn with(scheme: SignatureScheme, name: &str, value: impl AsRef<[u8]>) -> Request {
    let mut request = signed(scheme, SECRET);
    let header = request.headers.iter_mut().find(|(given, _)| given == name);
    header.unwrap().1 = Bytes::copy_from_slice(value.as_ref());
    request
}
