//! From HTTP's request to the run's: the public URL, every header, the raw body, and no more of it than allowed.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use dormouse_journal::Request;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;

use crate::problem::Problem;

/// Reads a request. A body over the limit is refused before it is read, if its length is given, else as soon as it is
/// over.
pub(super) async fn read(
    request: http::Request<Body>,
    public_url: &str,
    limit: u64,
) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let declared = parts
        .headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let body = collect(body, limit).await?;
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                Bytes::copy_from_slice(value.as_bytes()),
            )
        })
        .collect();
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        url: format!("{}{target}", public_url.trim_end_matches('/')),
        headers,
        body,
    })
}

async fn collect(mut body: Body, limit: u64) -> Result<Bytes, Problem> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "incomplete-body",
                format!("the body could not be read to its end: {error}"),
            )
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        size += data.len() as u64;
        if size > limit {
            return Err(too_large(limit));
        }
        // Most bodies come in one piece, which is kept as it is.
        match &first {
            None => first = Some(data),
            Some(piece) => {
                if rest.is_empty() {
                    rest.extend_from_slice(piece);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(if rest.is_empty() {
        first.unwrap_or_default()
    } else {
        rest.freeze()
    })
}

fn too_large(limit: u64) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        format!(
            "the body is larger than the {limit} bytes that a webhook takes; the setting is `body-limit`"
        ),
    )
}
