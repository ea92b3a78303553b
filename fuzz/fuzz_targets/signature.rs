//! Signatures: no request makes checking panic, what is signed is taken, and what was changed since is not.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use dormouse_journal::{Request, Signature, SignatureScheme, Time};
use dormouse_webhook::{check_signature, sign, signature_headers, verify};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    scheme: u8,
    header: Option<&'a str>,
    prefix: Option<&'a str>,
    secrets: Vec<&'a [u8]>,
    headers: Vec<(Name<'a>, &'a [u8])>,
    now: u64,
    tolerance: u64,
    id: &'a str,
    body: &'a [u8],
    change: Change<'a>,
}

/// What is done to one header of a request that was signed, so that what comes close to right is tried as well.
#[derive(Debug, Arbitrary)]
struct Change<'a> {
    header: u8,
    place: u16,
    removed: u16,
    inserted: Inserted<'a>,
}

#[derive(Debug, Arbitrary)]
enum Inserted<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

/// A name that some check reads, or any other.
#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Known(u8),
    Other(&'a str),
}

const NAMES: [&str; 7] = [
    "Webhook-Id",
    "webhook-timestamp",
    "webhook-signature",
    "x-hub-signature-256",
    "stripe-signature",
    "x-slack-signature",
    "x-slack-request-timestamp",
];

fuzz_target!(|input: Input<'_>| {
    let check = Signature {
        scheme: match input.scheme % 5 {
            0 => SignatureScheme::StandardWebhooks,
            1 => SignatureScheme::Github,
            2 => SignatureScheme::Stripe,
            3 => SignatureScheme::Slack,
            _ => SignatureScheme::HmacSha256,
        },
        secrets: vec!["secret".into()],
        header: input.header.map(Into::into),
        prefix: input.prefix.map(Into::into),
    };
    let now = Time(input.now);
    let headers = input.headers.iter().map(|(name, value)| {
        let name = match name {
            Name::Known(number) => NAMES[usize::from(*number) % NAMES.len()],
            Name::Other(name) => name,
        };
        (name.to_owned(), Bytes::copy_from_slice(value))
    });
    let request = request(headers.collect(), input.body);
    let _ = verify(&check, &input.secrets, &request, now, input.tolerance);
    let makes_sense = check_signature(&check).is_ok();

    let Some(secret) = input.secrets.first() else {
        return;
    };
    let Ok(headers) = sign(&check, secret, input.id, now, input.body) else {
        return;
    };
    let mut changed = self::request(headers.clone(), input.body);
    input.change.apply(&mut changed.headers);
    let _ = verify(&check, &input.secrets, &changed, now, input.tolerance);

    // Standard Webhooks signs the id, and must not be given one with a full stop.
    let is_id = !input.id.is_empty() && !input.id.contains('.');
    if !makes_sense || (check.scheme == SignatureScheme::StandardWebhooks && !is_id) {
        return;
    }
    let masked = signature_headers(&check);
    assert!(headers.iter().any(|(name, _)| masked.contains(name)));
    let mut signed = self::request(headers, input.body);
    // A timestamp has no milliseconds.
    let tolerance = input.tolerance.max(999);
    verify(&check, &input.secrets, &signed, now, tolerance).expect("what was signed is taken");
    signed.body = [input.body, b"."].concat().into();
    verify(&check, &input.secrets, &signed, now, tolerance).expect_err("another body was taken");
});

impl Change<'_> {
    fn apply(&self, headers: &mut [(String, Bytes)]) {
        if headers.is_empty() {
            return;
        }
        let (_, value) = &mut headers[usize::from(self.header) % headers.len()];
        let place = usize::from(self.place) % (value.len() + 1);
        let end = place + usize::from(self.removed) % (value.len() - place + 1);
        let inserted = match self.inserted {
            Inserted::Bytes(bytes) => bytes.to_vec(),
            Inserted::Number(number) => number.to_string().into_bytes(),
        };
        *value = [&value[..place], &inserted, &value[end..]].concat().into();
    }
}

fn request(headers: Vec<(String, Bytes)>, body: &[u8]) -> Request {
    Request {
        method: "POST".into(),
        url: "https://hooks.example.com/hooks/token".into(),
        headers,
        body: Bytes::copy_from_slice(body),
    }
}
