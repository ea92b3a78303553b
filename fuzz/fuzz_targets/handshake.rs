//! Handshakes: no request makes probing panic, and whatever is answered is short plain text that is no page.

#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use dormouse_journal::{Handshake, Request, Response};
use dormouse_webhook::{probe, probe_method};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    handshake: u8,
    method: Option<&'a str>,
    query: Query<'a>,
    content_type: Option<&'a str>,
    body: Body<'a>,
}

/// A text as it comes, parts of probes put together, or a whole one with another challenge and something after it.
#[derive(Debug, Arbitrary)]
enum Query<'a> {
    Raw(&'a str),
    Pairs(Vec<(u8, &'a str)>),
    Probe { challenge: &'a str, more: &'a str },
}

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    Empty,
    Raw(&'a [u8]),
    Slack { challenge: &'a str, more: &'a str },
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

fuzz_target!(|input: Input<'_>| {
    let handshake = match input.handshake % 5 {
        0 => Handshake::None,
        1 => Handshake::Slack,
        2 => Handshake::Meta,
        3 => Handshake::MicrosoftGraph,
        _ => Handshake::Websub,
    };
    let method = input.method.or(probe_method(handshake));
    let query = match input.query {
        Query::Raw(text) => text.to_owned(),
        Query::Pairs(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| {
                format!(
                    "{}{value}",
                    PARAMETERS[usize::from(*name) % PARAMETERS.len()]
                )
            });
            pairs.collect::<Vec<_>>().join("&")
        }
        Query::Probe { challenge, more } => format!("{}{challenge}{more}", start(handshake)),
    };
    let content_type = input.content_type.unwrap_or("application/json");
    let request = Request {
        method: method.unwrap_or_default().into(),
        url: format!("https://hooks.example.com/hooks/token?{query}"),
        headers: vec![("Content-Type".into(), content_type.to_owned().into())],
        body: match input.body {
            Body::Empty => Bytes::new(),
            Body::Raw(body) => Bytes::copy_from_slice(body),
            Body::Slack { challenge, more } => format!(
                r#"{{"type":"url_verification","token":"t","challenge":"{challenge}"{more}}}"#
            )
            .into(),
        },
    };
    if let Some(answer) = probe(handshake, &request) {
        assert_eq!(Some(request.method.as_str()), probe_method(handshake));
        check(&answer);
    }
});

/// A probe's query up to its challenge.
fn start(handshake: Handshake) -> &'static str {
    match handshake {
        Handshake::None | Handshake::Slack => "",
        Handshake::Meta => "hub.mode=subscribe&hub.verify_token=t&hub.challenge=",
        Handshake::MicrosoftGraph => "validationToken=",
        Handshake::Websub => {
            "hub.mode=subscribe&hub.topic=https://example.com/&hub.lease_seconds=1&hub.challenge="
        }
    }
}

fn check(answer: &Response) {
    assert_eq!(answer.status, 200);
    let headers: Vec<(&str, &[u8])> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_ref()))
        .collect();
    let expected: [(&str, &[u8]); 2] = [
        ("content-type", b"text/plain; charset=utf-8"),
        ("x-content-type-options", b"nosniff"),
    ];
    assert_eq!(headers, expected);
    assert!((1..=1_024).contains(&answer.body.len()));
    assert!(!answer.body.iter().any(|byte| b"<>\"&".contains(byte)));
    assert!(answer.body.iter().all(|byte| (b' '..=b'~').contains(byte)));
}
