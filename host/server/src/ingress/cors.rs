//! Requests that pages of other origins send from a browser. A webhook lists the origins that it accepts.
//!
//! This protects nothing from anybody, because whoever knows a webhook's URL can call it. It only lets a browser show
//! the answer to a page of these origins, and send requests for which the browser must first ask.

use axum::response::{IntoResponse, Response};
use dormouse_runtime::Endpoint;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};

/// How long a browser need not ask again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Returns the origin of the page that sent a request, if the webhook takes requests from there.
pub(super) fn allowed(endpoint: &Endpoint, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let (origin, None) = (origins.next()?, origins.next()) else {
        return None;
    };
    let is_allowed = endpoint.allows_origin(origin.to_str().ok()?);
    is_allowed.then(|| origin.clone())
}

/// Returns true if a browser asks whether a page may send a request.
pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Returns the answer to a browser's question, for an allowed origin. `methods` are those that the webhook delivers.
pub(super) fn preflight(methods: HeaderValue, asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// Lets a page of this origin read the answer.
pub(super) fn readable(mut response: Response, origin: Option<HeaderValue>) -> Response {
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("Retry-After, Location"),
        );
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    response
}
