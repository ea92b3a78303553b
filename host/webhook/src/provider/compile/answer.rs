//! Compiles the answers that a provider wants to its requests.

use bytes::Bytes;
use dormouse_journal::Response;
use toml::Spanned;

use super::wrong::Compiled;
use crate::provider::format::{self, ContentType};

pub(super) fn fixed_answer(answer: Spanned<format::FixedAnswer>) -> Compiled<Response> {
    let at = answer.span().start;
    let answer = answer.into_inner();
    let mut headers: Vec<(String, Bytes)> = Vec::new();
    if let Some(content_type) = answer.content_type {
        headers.push(("content-type".into(), Bytes::from(content_type.text())));
    } else if !answer.body.is_empty() {
        headers.push(("content-type".into(), Bytes::from(ContentType::Text.text())));
    }
    for (name, value) in answer.headers {
        headers.push((name.to_ascii_lowercase(), Bytes::from(value)));
    }
    let response = Response {
        status: answer.status,
        headers,
        body: answer.body.into(),
    };
    crate::check_response(&response).map_err(|message| (at, message))?;
    Ok(response)
}
