//! Short ways to write requests and checks in tests.

use std::sync::LazyLock;

use bytes::Bytes;
use dormouse_journal::{Header, Request, Time};
use dormouse_webhook::Rejected;
use dormouse_webhook::provider::{CannotSign, Check, Providers, Tolerance};

pub(crate) const TOLERANCE: u64 = 300_000;

static PROVIDERS: LazyLock<Providers> = LazyLock::new(Providers::default);

/// A header for the scheme that needs one.
static SETTINGS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    vec![
        ("header".into(), "X-Signature".into()),
        ("prefix".into(), "sha256=".into()),
    ]
});

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

/// Returns the check of a scheme, with settings for the one that needs some.
pub(crate) fn check(scheme: &str) -> Check<'static> {
    let settings: &[_] = if scheme == "hmac-sha256" {
        &SETTINGS
    } else {
        &[]
    };
    PROVIDERS.get(scheme).unwrap().check(settings).unwrap()
}

pub(crate) const SCHEMES: [&str; 5] = [
    "standard-webhooks",
    "github",
    "stripe",
    "slack",
    "hmac-sha256",
];

/// Base64, so that it is a secret under every scheme.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OLD_SECRET: &str = "C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
pub(crate) const NOW: Time = Time(1_700_000_000_000);
pub(crate) const BODY: &[u8] = br#"{"id":"evt_1"}"#;

/// Checks a whole request.
pub(crate) fn verify(
    check: &Check<'_>,
    secrets: &[&[u8]],
    request: &Request,
    now: Time,
    tolerance: u64,
) -> Result<(), Rejected> {
    check
        .read_head(request, now, within(tolerance))
        .and_then(|signatures| check.verify(&signatures, secrets, request))
}

pub(crate) fn within(tolerance: u64) -> Tolerance {
    Tolerance {
        own: None,
        usual: tolerance,
        most: u64::MAX,
    }
}

pub(crate) fn sign(
    check: &Check<'_>,
    secret: &[u8],
    id: &str,
    now: Time,
    body: &[u8],
) -> Result<Vec<Header>, CannotSign> {
    check.sign(secret, id, now, &request(&[], body))
}

pub(crate) fn signed(scheme: &str, secret: &str) -> Request {
    let made = sign(&check(scheme), secret.as_bytes(), "msg_1", NOW, BODY).unwrap();
    Request {
        headers: made,
        ..request(&[], BODY)
    }
}

pub(crate) fn verdict(scheme: &str, secrets: &[&str], request: &Request) -> Result<(), Rejected> {
    let secrets: Vec<&[u8]> = secrets.iter().map(|secret| secret.as_bytes()).collect();
    verify(&check(scheme), &secrets, request, NOW, TOLERANCE)
}

/// Returns the value of a header as text.
pub(crate) fn value<'a>(request: &'a Request, name: &str) -> &'a str {
    let (_, value) = request
        .headers
        .iter()
        .find(|(given, _)| given == name)
        .unwrap();
    std::str::from_utf8(value).unwrap()
}

/// Returns a signed request with another value in one of its headers.
pub(crate) fn with(scheme: &str, name: &str, value: impl AsRef<[u8]>) -> Request {
    let mut request = signed(scheme, SECRET);
    let header = request.headers.iter_mut().find(|(given, _)| given == name);
    header.unwrap().1 = Bytes::copy_from_slice(value.as_ref());
    request
}
