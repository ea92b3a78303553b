//! An answer has the form that the API promises.

use axum::body::to_bytes;
use dormouse_journal::RunId;

use super::*;

/// Checks that an error has the status and code that the API promises.
pub(super) fn check(problem: impl Into<Problem>, status: u16, code: &str) {
    let problem = problem.into();
    assert_eq!(
        (problem.status.as_u16(), problem.code),
        (status, code),
        "{problem:?}"
    );
    assert!(!problem.detail.is_empty());
    let retries = problem.headers.iter().any(|(name, _)| name == RETRY_AFTER);
    assert_eq!(retries, status == 503, "{problem:?}");
}

#[tokio::test]
async fn an_answer_has_the_form_of_rfc_9457() {
    let response = Problem::inbox_full(RunId([0; 16]), "go").into_response();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()[CONTENT_TYPE], CONTENT);
    assert_eq!(response.headers()[RETRY_AFTER], RETRY_ROOM);
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    insta::assert_snapshot!(String::from_utf8_lossy(&body));
}
