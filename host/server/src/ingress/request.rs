//! From HTTP's request to the run's: the public URL, every header, the raw body, and no more of it than allowed.

use axum::body::Body;
use bytes::Bytes;
use dormouse_journal::Request;

use crate::problem::Problem;
use crate::request::body;

/// Reads a request. Its headers are in the order in which their names came first, repeats of a name together and in
/// order: the order of different names means nothing (RFC 9110, section 5.3), and HTTP/2 does not keep it.
pub(super) async fn read(
    request: http::Request<Body>,
    public_url: &str,
    limit: u64,
) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let body = body::read(&parts.headers, body, limit, "body-limit").await?;
    let target = parts.uri.path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        (name.as_str().to_owned(), value)
    });
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        url: format!("{}{target}", public_url.trim_end_matches('/')),
        headers: headers.collect(),
        body,
    })
}
