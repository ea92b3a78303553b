//! Requests to webhooks of the built-in providers. Checks that no request makes the check panic, that a signed request is
//! accepted and is refused after a change, that the answer to a probe is not a web page, and that the key of a repeat is a
//! valid identifier.

#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use bytes::Bytes;
use dormouse_journal::{Request, Response, Time};
use dormouse_webhook::delivery_key;
use dormouse_webhook::provider::{Check, Provider, Providers, Tolerance};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    provider: u8,
    settings: Vec<(u8, &'a str)>,
    secrets: Vec<&'a [u8]>,
    method: Option<&'a str>,
    query: Query<'a>,
    headers: Vec<(Name<'a>, &'a [u8])>,
    now: u64,
    tolerance: u64,
    id: &'a str,
    body: Body<'a>,
    change: Change<'a>,
}

/// Any text, or parameters that probes have.
#[derive(Debug, Arbitrary)]
enum Query<'a> {
    Raw(&'a str),
    Pairs(Vec<(u8, &'a str)>),
}

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    Empty,
    Raw(&'a [u8]),
    Event { id: &'a str, more: &'a str },
    Probe { challenge: &'a str, more: &'a str },
}

/// The name of a header that some description reads, or any other name.
#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Known(u8),
    Other(&'a str),
}

/// A change of one header of a signed request, so that requests which are almost right are tried too.
#[derive(Debug, Arbitrary)]
struct Change<'a> {
    header: u8,
    place: u16,
    removed: u16,
    inserted: &'a [u8],
}

const PARAMETERS: [&str; 8] = [
    "hub.mode=subscribe",
    "hub.mode=unsubscribe",
    "hub.topic=https://example.com/",
    "hub.topic=",
    "hub.challenge=",
    "hub.lease_seconds=1",
    "hub.verify_token=",
    "validationToken=",
];

static PROVIDERS: LazyLock<Providers> = LazyLock::new(Providers::default);

/// The headers that descriptions read, and some others.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let checks = PROVIDERS
        .all()
        .filter_map(|provider| provider.check(&[]).ok());
    let names = checks.flat_map(|check| check.signature_headers());
    let others = [
        "content-type",
        "idempotency-key",
        "webhook-id",
        "webhook-timestamp",
        "x-slack-request-timestamp",
        "x-github-delivery",
    ];
    names.chain(others.map(str::to_owned)).collect()
});

fuzz_target!(|input: Input<'_>| {
    let providers: Vec<&Provider> = PROVIDERS.all().map(AsRef::as_ref).collect();
    let provider = providers[usize::from(input.provider) % providers.len()];
    let known = provider.settings();
    let settings = input.settings.iter().filter_map(|(number, value)| {
        let setting = known.get(usize::from(*number) % known.len().max(1))?;
        Some((setting.name.clone(), (*value).to_owned()))
    });
    let settings: Vec<_> = settings.collect();
    let Ok(check) = provider.check(&settings) else {
        return;
    };
    let request = input.request();
    try_request(&check, &request, &input);
    sign_and_change(&check, &request, &input);
});

fn try_request(check: &Check<'_>, request: &Request, input: &Input<'_>) {
    if let Ok(signatures) = check.read_head(request, input.now(), input.tolerance(0)) {
        let _ = check.verify(&signatures, &input.secrets, request);
    }
    if let Some(probe) = check.probe(request) {
        let method = request.method.as_str();
        assert!(check.probe_methods().contains(&method));
        if let Ok(answer) = probe.answer(&input.secrets) {
            check_answer(&answer);
        }
    }
    let found = delivery_key(request, Some(check));
    if let Ok(Some(key)) = found {
        assert!(!key.value.is_empty());
        let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b'\n';
        assert!(key.value.bytes().all(is_plain));
        assert_eq!(key.digest(), key.clone().digest());
    }
}

fn sign_and_change(check: &Check<'_>, request: &Request, input: &Input<'_>) {
    let unsigned = Request {
        headers: Vec::new(),
        ..request.clone()
    };
    let Some(secret) = input.secrets.first() else {
        return;
    };
    let now = input.now();
    let Ok(headers) = check.sign(secret, input.id, now, &unsigned) else {
        return;
    };
    let mut changed = Request {
        headers: headers.clone(),
        ..unsigned.clone()
    };
    input.change.apply(&mut changed.headers);
    // A timestamp may have no milliseconds.
    let tolerance = input.tolerance(999);
    if let Ok(signatures) = check.read_head(&changed, now, tolerance) {
        let _ = check.verify(&signatures, &input.secrets, &changed);
    }
    // The ids of some providers must not have a full stop.
    if input.id.is_empty() || !input.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return;
    }
    let signed = Request {
        headers,
        ..unsigned
    };
    let signatures = check.read_head(&signed, now, tolerance);
    let proven =
        signatures.and_then(|signatures| check.verify(&signatures, &input.secrets, &signed));
    proven.expect("a signed request is accepted");
}

/// The end of the year 9999 in milliseconds, after which RFC 3339 has no times.
const END: u64 = 253_402_300_800_000;

impl Input<'_> {
    fn now(&self) -> Time {
        Time(self.now % END)
    }

    fn tolerance(&self, least: u64) -> Tolerance {
        Tolerance {
            own: Some(self.tolerance.max(least)),
            usual: 0,
            most: u64::MAX,
        }
    }

    fn request(&self) -> Request {
        let query = match &self.query {
            Query::Raw(text) => (*text).to_owned(),
            Query::Pairs(pairs) => {
                let pairs = pairs.iter().map(|(name, value)| {
                    let name = PARAMETERS[usize::from(*name) % PARAMETERS.len()];
                    format!("{name}{value}")
                });
                pairs.collect::<Vec<_>>().join("&")
            }
        };
        let headers = self.headers.iter().map(|(name, value)| {
            let name = match name {
                Name::Known(number) => NAMES[usize::from(*number) % NAMES.len()].as_str(),
                Name::Other(name) => name,
            };
            (name.to_owned(), Bytes::copy_from_slice(value))
        });
        Request {
            method: self.method.unwrap_or("POST").into(),
            url: format!("https://hooks.example.com/hooks/token?{query}"),
            headers: headers.collect(),
            body: match &self.body {
                Body::Empty => Bytes::new(),
                Body::Raw(body) => Bytes::copy_from_slice(body),
                Body::Event { id, more } => {
                    format!(r#"{{"id":"{id}","event_id":"{id}"{more}}}"#).into()
                }
                Body::Probe { challenge, more } => format!(
                    r#"{{"type":"url_verification","token":"t","challenge":"{challenge}"{more}}}"#
                )
                .into(),
            },
        }
    }
}

impl Change<'_> {
    fn apply(&self, headers: &mut [(String, Bytes)]) {
        if headers.is_empty() {
            return;
        }
        let (_, value) = &mut headers[usize::from(self.header) % headers.len()];
        let place = usize::from(self.place) % (value.len() + 1);
        let end = place + usize::from(self.removed) % (value.len() - place + 1);
        *value = [&value[..place], self.inserted, &value[end..]]
            .concat()
            .into();
    }
}

fn check_answer(answer: &Response) {
    assert!((200..=299).contains(&answer.status));
    let is_guarded = answer
        .headers
        .iter()
        .any(|(name, value)| name == "x-content-type-options" && value == "nosniff");
    assert!(is_guarded);
    for (name, value) in &answer.headers {
        assert!(value.iter().all(|byte| (b' '..=b'~').contains(byte)));
        let is_type = name == "content-type";
        assert!(!is_type || value.starts_with(b"text/plain") || value == "application/json");
    }
    assert!(!answer.body.iter().any(|byte| b"<>&".contains(byte)));
}
