//! Parameters of requests to the API. Checks that none makes reading them panic, that all spellings of a query mean the same,
//! that a cursor is accepted only unchanged and only by the list that made it, that no caller waits longer than the host
//! allows, and that a run does not get the credentials of its starter.

#![no_main]

use std::fmt::Debug;
use std::time::Duration;

use arbitrary::Arbitrary;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dormouse_api::request::{
    AfterRun, AtActivation, AtLine, Cursor, QueryParams, Wait, for_the_run, idempotency_key,
    workflow_name,
};
use dormouse_journal::{RunId, Until, VersionId};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use libfuzzer_sys::fuzz_target;
use url::form_urlencoded;

const KNOWN: [&str; 4] = ["cursor", "limit", "status", "version"];

/// The longest wait that the host allows.
const MOST: Duration = Duration::from_secs(60);

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Query(&'a str),
    Cursor(Text<'a>),
    AfterRun([u8; 16]),
    AtActivation(u32, u32),
    AtLine(u32, u32),
    Name(&'a str),
    Wait(u32),
    Headers(Vec<(Name<'a>, &'a [u8])>),
}

/// The text of a cursor. A random text is hardly ever valid base64, so most inputs are made from bytes or from a real cursor.
#[derive(Debug, Arbitrary)]
enum Text<'a> {
    AsItComes(&'a str),
    OfBytes(&'a [u8]),
    OfKind(ListKind, &'a [u8]),
    /// A cursor that a list made, with one character changed and some added.
    Changed {
        list: ListKind,
        numbers: [u8; 16],
        change: Option<(u8, char)>,
        added: &'a str,
    },
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum ListKind {
    Runs,
    Journal,
    Log,
}

#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Prefer,
    IdempotencyKey,
    Connection,
    Authorization,
    Cookie,
    Other(&'a [u8]),
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Query(query) => check_query(query),
    Input::Cursor(text) => check_query(&encoded(&[("cursor", &text.spelled())])),
    Input::AfterRun(run) => check_made(&AfterRun(RunId(run))),
    Input::AtActivation(activation, operation) => check_made(&AtActivation {
        activation,
        operation,
    }),
    Input::AtLine(activation, line) => check_made(&AtLine { activation, line }),
    Input::Name(name) => check_name(name),
    Input::Wait(seconds) => check_wait(seconds),
    Input::Headers(given) => check_headers(&headers(&given)),
});

impl Text<'_> {
    fn spelled(&self) -> String {
        match *self {
            Text::AsItComes(text) => text.to_owned(),
            Text::OfBytes(bytes) => URL_SAFE_NO_PAD.encode(bytes),
            Text::OfKind(list, rest) => {
                let kind = &list.made([0; 16])[..1];
                URL_SAFE_NO_PAD.encode([kind, rest].concat())
            }
            Text::Changed {
                list,
                numbers,
                change,
                added,
            } => {
                let text = URL_SAFE_NO_PAD.encode(list.made(numbers));
                let mut text: Vec<char> = text.chars().collect();
                if let Some((place, character)) = change {
                    let place = usize::from(place) % text.len();
                    text[place] = character;
                }
                text.into_iter().chain(added.chars()).collect()
            }
        }
    }
}

impl ListKind {
    /// Returns the bytes of a cursor of this list.
    fn made(self, numbers: [u8; 16]) -> Vec<u8> {
        let number =
            |place: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| numbers[place + byte]));
        match self {
            ListKind::Runs => AfterRun(RunId(numbers)).to_bytes(),
            ListKind::Journal => AtActivation {
                activation: number(0),
                operation: number(4),
            }
            .to_bytes(),
            ListKind::Log => AtLine {
                activation: number(0),
                line: number(4),
            }
            .to_bytes(),
        }
    }
}

fn check_name(name: &str) {
    if let Ok(name) = workflow_name(name) {
        assert!((1..=64).contains(&name.len()));
        assert_eq!(encoded(&[("", name)]), format!("={name}"));
    }
}

fn encoded(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(params)
        .finish()
}

fn read(query: &str) -> Option<QueryParams> {
    let uri: Uri = format!("/v1/runs?{query}").parse().ok()?;
    QueryParams::read(&uri, &KNOWN).ok()
}

fn check_query(query: &str) {
    let Some(params) = read(query) else { return };
    let given = KNOWN.map(|name| (name, params.text(name)));
    let given: Vec<(&str, &str)> = given
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .collect();
    let again = read(&encoded(&given)).expect("what was read can be written");
    for name in KNOWN {
        assert_eq!(again.text(name), params.text(name));
    }
    if let Ok(limit) = params.limit(50, 1..=500) {
        assert!((1..=500).contains(&limit));
    }
    if let Ok(Some(version)) = params.value::<VersionId>("version") {
        let spelled = params.text("version").expect("it was read");
        assert_eq!(version.to_string(), spelled.to_ascii_lowercase());
    }
    let readers = [
        check_cursor::<AfterRun>(&params),
        check_cursor::<AtActivation>(&params),
        check_cursor::<AtLine>(&params),
    ];
    assert!(readers.iter().filter(|taken| **taken).count() <= 1);
}

/// Returns true if this list accepts the cursor. Checks that an accepted cursor is spelled as the list itself spells it.
fn check_cursor<C: Cursor>(params: &QueryParams) -> bool {
    match C::from_query(params) {
        Ok(Some(cursor)) => {
            assert_eq!(Some(cursor.to_text().as_str()), params.text("cursor"));
            true
        }
        Ok(None) => {
            assert_eq!(params.text("cursor"), None);
            false
        }
        Err(_) => false,
    }
}

fn check_made<C: Cursor + PartialEq + Debug>(cursor: &C) {
    let query = encoded(&[("cursor", &cursor.to_text())]);
    let params = read(&query).expect("a cursor can stand in a query");
    assert_eq!(C::from_query(&params).ok().flatten().as_ref(), Some(cursor));
    check_query(&query);
}

fn check_wait(seconds: u32) {
    let mut headers = HeaderMap::new();
    let expected = Duration::from_secs(seconds.into()).min(MOST);
    for until in Until::ALL {
        let prefer = format!("respond-async, wait={seconds}; until={}", until.as_str());
        headers.insert("prefer", prefer.parse().expect("a header value"));
        let wait = Wait::from_headers(&headers, MOST).expect("whole seconds");
        let wait = wait.expect("a preference");
        assert_eq!((wait.duration(), wait.until()), (expected, until));
    }
}

fn headers(given: &[(Name<'_>, &[u8])]) -> HeaderMap {
    let header = |(name, value): &(Name<'_>, &[u8])| {
        let name = match name {
            Name::Prefer => HeaderName::from_static("prefer"),
            Name::IdempotencyKey => HeaderName::from_static("idempotency-key"),
            Name::Connection => http::header::CONNECTION,
            Name::Authorization => http::header::AUTHORIZATION,
            Name::Cookie => http::header::COOKIE,
            Name::Other(name) => HeaderName::from_bytes(name).ok()?,
        };
        Some((name, HeaderValue::from_bytes(value).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in given.iter().filter_map(header) {
        headers.append(name, value);
    }
    headers
}

/// Checks that a key is the text that was sent, without quotation marks, and that it is the same key if it is sent with them.
fn check_key(key: &str, given: &[u8]) {
    assert!(!key.is_empty());
    if !given.starts_with(b"\"") {
        assert_eq!(key.as_bytes(), given);
    }
    let quoted = key.replace('\\', "\\\\").replace('"', "\\\"");
    let mut headers = HeaderMap::new();
    let quoted = HeaderValue::try_from(format!("\"{quoted}\""));
    headers.insert("idempotency-key", quoted.expect("visible characters"));
    assert_eq!(idempotency_key(&headers), Ok(Some(key.to_owned())));
}

fn check_headers(headers: &HeaderMap) {
    if let Ok(Some(wait)) = Wait::from_headers(headers, MOST) {
        assert!(wait.duration() <= MOST);
        let (name, value) = wait.applied();
        let mut applied = HeaderMap::new();
        assert_eq!(name, "preference-applied");
        applied.insert("prefer", value);
        assert_eq!(Wait::from_headers(&applied, MOST), Ok(Some(wait)));
    }
    let mut keys = headers.get_all("idempotency-key").iter();
    match (idempotency_key(headers), keys.next(), keys.next()) {
        (Ok(Some(key)), Some(given), None) => {
            check_key(&key, given.as_bytes().trim_ascii());
        }
        (Ok(None), None, None) | (Err(_), Some(_), _) => {}
        other => panic!("{other:?}"),
    }
    let kept = for_the_run(headers);
    for (name, value) in &kept {
        let name = name.as_str();
        assert!(!matches!(name, "authorization" | "cookie" | "connection"));
        assert!(!name.starts_with("proxy-") && !name.starts_with("x-forwarded-"));
        let sent = headers.get_all(name);
        assert!(sent.iter().any(|sent| sent.as_bytes() == value));
    }
    if !headers.contains_key("connection") {
        let prefer = headers.get_all("prefer").iter().count();
        assert_eq!(
            kept.iter().filter(|(name, _)| name == "prefer").count(),
            prefer
        );
    }
}
