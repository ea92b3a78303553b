//! Reads bodies as a whole, within a limit.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use dormouse_api::is_json;
use dormouse_journal::Payload;
use dormouse_limits::Limit;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt as _;

use crate::problem::Problem;
use crate::request::body_memory::BodyMemory;
use crate::request::json;
use crate::request::pace::TooSlow;

/// Reads a body. A body over the limit is refused before it is read if its length is known, otherwise as soon as it
/// exceeds the limit.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    limit: u64,
    setting: &Limit,
    memory: BodyMemory,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::too_large(limit, setting);
    read_up_to(headers, body, limit, too_large, memory).await
}

/// Reads a body with a limit that no setting changes.
pub(crate) async fn read_fixed(
    headers: &HeaderMap,
    body: Body,
    limit: u64,
    memory: BodyMemory,
) -> Result<Bytes, Problem> {
    let too_large = || Problem::too_large_always(limit);
    read_up_to(headers, body, limit, too_large, memory).await
}

/// Reads a body with its media type. A body that is declared as JSON must be JSON or empty. `check` checks that with
/// [`check_json`], on another thread if the body is large.
pub(crate) async fn read_payload<C: Future<Output = Result<(), String>>>(
    headers: &HeaderMap,
    body: Body,
    limit: u64,
    memory: BodyMemory,
    check: impl FnOnce(Bytes) -> C,
) -> Result<Payload, Problem> {
    not_encoded(headers)?;
    let content_type = content_type(headers)?;
    let body = read(headers, body, limit, dormouse_limits::BODY, memory).await?;
    if is_json(&content_type) {
        let checked = check(body.clone()).await;
        checked.map_err(|problem| Problem::malformed("invalid-json", "the body", problem))?;
    }
    Ok(Payload { content_type, body })
}

/// Refuses a body with a `Content-Encoding`. It would be passed on as a payload, with a media type but without headers,
/// so its receiver could not know that it must be decoded.
fn not_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.as_bytes().split(|byte| *byte == b',') {
            let name = name.trim_ascii();
            if !name.is_empty() && !name.eq_ignore_ascii_case(b"identity") {
                return Err(Problem::encoded(name));
            }
        }
    }
    Ok(())
}

/// Checks that a body is JSON or empty. Like most readers, those of the SDKs accept a byte order mark of UTF-8.
pub(crate) fn check_json(body: &[u8]) -> Result<(), String> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if text.is_empty() {
        return Ok(());
    }
    json::check(text).map_err(|error| match looks_like(text) {
        Some(other) => format!("is not JSON in UTF-8: it begins as {other} does"),
        None => error,
    })
}

/// Returns the kind of a body that is not JSON, by its first bytes.
fn looks_like(body: &[u8]) -> Option<&'static str> {
    match body {
        [0x1f, 0x8b, ..] => Some("data compressed with gzip"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("data compressed with zstd"),
        // This is checked before UTF-16, whose mark is the beginning of this one.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("text in UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("text in UTF-16"),
        _ => None,
    }
}

async fn read_up_to(
    headers: &HeaderMap,
    mut body: Body,
    limit: u64,
    too_large: impl Fn() -> Problem,
    mut memory: BodyMemory,
) -> Result<Bytes, Problem> {
    let declared: Option<u64> = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    // The request itself counts while its body is awaited.
    memory.hold(0)?;
    // Most bodies arrive in one piece, which is kept without a copy.
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broken_off)?.into_data() else {
            continue;
        };
        if (first.len().max(whole.len()) + data.len()) as u64 > limit {
            return Err(too_large());
        }
        let size = (first.len().max(whole.len()) + data.len()) as u64;
        if first.is_empty() {
            memory.hold(size)?;
            first = data;
        } else {
            // A body of unknown length is copied when its buffer grows, so it needs twice the room.
            memory.hold(if declared.is_some() { size } else { 2 * size })?;
            if whole.is_empty() {
                // Reserved memory that is not written yet takes no space.
                whole.reserve(usize::try_from(declared.unwrap_or_default()).unwrap_or_default());
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
    }
    let body = if whole.is_empty() {
        first
    } else {
        whole.freeze()
    };
    Ok(memory.keep(body))
}

fn broken_off(error: axum::Error) -> Problem {
    if TooSlow::is(&error) {
        Problem::too_slow()
    } else {
        Problem::incomplete(error)
    }
}

fn content_type(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else {
        return Ok(String::new());
    };
    if values.next().is_some() {
        return Err(Problem::malformed(
            "invalid-header",
            "the header Content-Type",
            "occurs more than once",
        ));
    }
    match value.to_str() {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(Problem::malformed(
            "invalid-header",
            "the header Content-Type",
            "has characters other than visible ASCII ones",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use dormouse_limits::Budget;

    use super::*;
    use crate::request::body_memory::BodyBudget;

    fn memory() -> BodyMemory {
        BodyBudget::new(Budget::default(), 8).of_api()
    }

    async fn payload(content_type: &'static str, body: &'static str) -> Result<Payload, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let check = async |body: Bytes| check_json(&body);
        read_payload(&headers, Body::from(body), 10, memory(), check).await
    }

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read() {
        let read = payload("text/plain", "0123456789").await.unwrap();
        assert_eq!(
            (read.content_type.as_str(), read.body.as_ref()),
            ("text/plain", b"0123456789".as_slice())
        );
    }

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together_and_bounded_as_a_whole() {
        let pieces = |last: &'static str| {
            let pieces = ["012", "", "345", last]
                .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes())));
            Body::from_stream(futures::stream::iter(pieces))
        };
        let headers = HeaderMap::new();
        assert_eq!(
            read(
                &headers,
                pieces("6789"),
                10,
                dormouse_limits::BODY,
                memory()
            )
            .await
            .unwrap(),
            "0123456789"
        );
        assert!(
            read(
                &headers,
                pieces("6789x"),
                10,
                dormouse_limits::BODY,
                memory()
            )
            .await
            .is_err()
        );
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_with_limit_and_setting() {
        let problem = payload("text/plain", "0123456789x").await.unwrap_err();
        assert_eq!(problem.status().as_u16(), 413);
        assert!(problem.detail().contains("10 bytes") && problem.detail().contains("`body-limit`"));
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_unread() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("11"));
        let unread = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(
            read(&headers, unread, 10, dormouse_limits::BODY, memory())
                .await
                .unwrap_err()
                .status()
                .as_u16(),
            413
        );
    }

    #[tokio::test]
    async fn a_body_declared_as_json_must_be_json() {
        assert!(payload("application/json", "{\"a\":1}").await.is_ok());
        assert!(payload("application/json", "").await.is_ok());
        assert!(payload("text/plain", "{").await.is_ok());
        let problem = payload("application/json; charset=utf-8", "{\"a\":")
            .await
            .unwrap_err();
        assert_eq!(
            (problem.status().as_u16(), problem.code()),
            (400, "invalid-json")
        );
        assert!(
            problem.detail().starts_with("the body is not JSON: EOF"),
            "{}",
            problem.detail()
        );
        assert!(payload("application/json", "1 2").await.is_err());
    }

    #[test]
    fn a_mark_before_json_is_taken_or_named() {
        assert_eq!(check_json(b"\xef\xbb\xbf{}"), Ok(()));
        assert_eq!(check_json(b"\xef\xbb\xbf"), Ok(()));
        for (body, name) in [
            (b"\xff\xfe1\0".as_slice(), "text in UTF-16"),
            (b"\xfe\xff\x001", "text in UTF-16"),
            (b"\xff\xfe\0\x001\0\0\0", "text in UTF-32"),
            (b"\0\0\xfe\xff\0\0\x001", "text in UTF-32"),
            (b"\x1f\x8b\x08", "data compressed with gzip"),
            (b"\x28\xb5\x2f\xfd", "data compressed with zstd"),
        ] {
            let expected = format!("is not JSON in UTF-8: it begins as {name} does");
            assert_eq!(check_json(body), Err(expected));
        }
    }

    #[test]
    fn an_encoding_is_refused_by_name() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
            not_encoded(&headers)
        };
        assert!(check("identity").is_ok());
        assert!(check("").is_ok());
        for (value, name) in [("gzip", "gzip"), ("identity, BR", "BR")] {
            let problem = check(value).unwrap_err();
            assert_eq!(problem.status().as_u16(), 415);
            assert_eq!(problem.code(), "unsupported-encoding");
            assert!(
                problem.detail().contains(&format!("{name:?}")),
                "{}",
                problem.detail()
            );
        }
    }
}
