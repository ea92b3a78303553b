//! Every error has the status and code that the API promises.

use axum::body::to_bytes;
use dormouse_limits::{HOST_RATE, WEBHOOK_RATE};
use dormouse_store::StorageError;

use super::*;

fn check(problem: impl Into<Problem>, status: u16, code: &str) {
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

fn disk_error() -> StorageError {
    StorageError::new(std::io::Error::other("/dev/sda1: input/output error"))
}

#[test]
fn what_the_caller_did_not_cause_is_unavailable() {
    check(Unavailable::Stopping, 503, "stopping");
    check(WriteError::Stopped, 503, "stopping");
    check(WriteError::Full, 503, "disk-full");
    check(WriteError::Panicked, 503, "internal-fault");
    check(WriteError::Failed(disk_error()), 503, "store-failed");
    check(Unavailable::Write(WriteError::Full), 503, "disk-full");
    check(
        Unavailable::Read(ReadError::Storage(disk_error())),
        503,
        "store-failed",
    );
}

#[test]
fn what_only_the_operator_can_mend_is_not_told() {
    for problem in [
        Problem::from(WriteError::Failed(disk_error())),
        ReadError::Storage(disk_error()).into(),
    ] {
        assert!(!problem.detail.contains("/dev/sda1"), "{}", problem.detail);
    }
    let problem = Problem::from(DeployError::NotCompiled(CompileFailure::Host {
        reason: "fork: EAGAIN".into(),
        retry_after: 40,
    }));
    let retry_after = (RETRY_AFTER, HeaderValue::from_static("40"));
    assert_eq!(problem.headers, [retry_after]);
    assert_eq!(
        (problem.status.as_u16(), problem.code),
        (503, "compiler-unavailable")
    );
    assert!(!problem.detail.contains("fork"), "{}", problem.detail);
}

#[test]
fn uploads() {
    let import = || "wasi:http/types@0.2.0".to_owned();
    check(
        DeployError::TooLarge { size: 2, limit: 1 },
        413,
        "body-too-large",
    );
    for (invalid, code) in [
        (Invalid::NotWasm, "not-wasm"),
        (Invalid::Archive, "not-wasm"),
        (
            Invalid::Native {
                format: "ELF".into(),
            },
            "not-wasm",
        ),
        (
            Invalid::UnknownVersion {
                version: "0".into(),
            },
            "not-wasm",
        ),
        (Invalid::Malformed { reason: "r".into() }, "invalid-wasm"),
        (
            Invalid::Feature {
                feature: "gc".into(),
                reason: "r".into(),
            },
            "unsupported-feature",
        ),
        (Invalid::NoMetadata, "not-a-component"),
        (
            Invalid::Unwrappable { reason: "r".into() },
            "not-a-component",
        ),
        (
            Invalid::WasiPreview1 { module: "m".into() },
            "unknown-import",
        ),
        (Invalid::WasiHttp { import: import() }, "unknown-import"),
        (
            Invalid::UnknownPackage {
                import: import(),
                package: "p".into(),
            },
            "unknown-import",
        ),
        (
            Invalid::WasmBindgen { module: "m".into() },
            "unknown-import",
        ),
        (Invalid::NoRun { exports: vec![] }, "missing-run"),
        (
            Invalid::OtherWorld {
                what: "a program".into(),
                export: "wasi:cli/run@0.2.0".into(),
            },
            "missing-run",
        ),
        (Invalid::RunNotAsync, "wrong-run-type"),
        (Invalid::RunType { reason: "r".into() }, "wrong-run-type"),
    ] {
        let detail = invalid.to_string();
        let problem = Problem::from(DeployError::Invalid(invalid));
        assert_eq!(problem.detail, detail);
        check(problem, 422, code);
    }
    let too_complex = CompileFailure::TooComplex {
        limit: "60 s".into(),
        setting: "compile-time-limit",
    };
    check(DeployError::NotCompiled(too_complex), 422, "too-complex");
    check(
        DeployError::NotCompiled(CompileFailure::Refused("r".into())),
        422,
        "not-compilable",
    );
    check(
        DeployError::InvalidScript("r".into()),
        422,
        "invalid-script",
    );
    check(DeployError::NotLinked("r".into()), 422, "not-linkable");
    check(
        DeployError::Unavailable(Unavailable::Stopping),
        503,
        "stopping",
    );
}

#[test]
fn starts() {
    check(
        StartError::UnknownWorkflow("w".into()),
        404,
        "unknown-workflow",
    );
    check(
        StartError::UnknownVersion("w".into()),
        404,
        "unknown-version",
    );
    check(StartError::Deleted("w".into()), 410, "workflow-deleted");
    check(
        StartError::OtherInput(RunId([0; 16])),
        422,
        "idempotency-key-reused",
    );
    check(
        StartError::Unavailable(WriteError::Full.into()),
        503,
        "disk-full",
    );
}

#[test]
fn secrets() {
    check(SetSecretError::NoKey, 409, "no-secret-key");
    let detail = Problem::from(SetSecretError::NoKey).detail;
    assert!(
        detail.contains("openssl rand -base64 32 > FILE") && detail.contains("`secret-key-file`"),
        "{detail}"
    );
    let invalid = dormouse_secret::InvalidUses::None;
    check(SetSecretError::Invalid(invalid), 422, "invalid-secret");
    let unavailable = SetSecretError::Unavailable(Unavailable::Stopping);
    check(unavailable, 503, "stopping");
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

#[test]
fn who_calls_too_fast_is_told_when_to_come_back_and_what_the_limit_is() {
    let table = [
        (Scope::Webhook, WEBHOOK_RATE, 1, "1"),
        (Scope::Webhook, HOST_RATE, 1_000, "1"),
        (Scope::Run, HOST_RATE, 1_000, "1"),
        (Scope::Host, HOST_RATE, 1_001, "2"),
    ];
    for (scope, setting, retry_after_ms, seconds) in table {
        let problem = Problem::too_fast(Exceeded {
            scope,
            setting,
            retry_after_ms,
        });
        assert_eq!((problem.status.as_u16(), problem.code), (429, "too-fast"));
        let named = format!("`{setting}`");
        assert!(problem.detail.contains(&named), "{}", problem.detail);
        let expected = (RETRY_AFTER, HeaderValue::from_static(seconds));
        assert_eq!(problem.headers, [expected]);
    }
}
