//! Problems with workflows that do not exist, and with uploads that are not workflows.

use dormouse_component::Invalid;
use dormouse_runtime::{CompileFailure, DeployError};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::Problem;

impl Problem {
    /// No workflow has this name.
    #[must_use]
    pub fn unknown_workflow(name: &str) -> Self {
        let detail = format!("there is no workflow {name:?}: deploy it first");
        Problem::new(StatusCode::NOT_FOUND, "unknown-workflow", detail)
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        let detail = error.to_string();
        let (status, code) = match error {
            DeployError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large"),
            DeployError::Invalid(invalid) => {
                (StatusCode::UNPROCESSABLE_ENTITY, invalid_code(&invalid))
            }
            DeployError::InvalidScript(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-script"),
            DeployError::NotCompiled(CompileFailure::TooComplex { .. }) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "too-complex")
            }
            DeployError::NotCompiled(CompileFailure::Refused(_)) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "not-compilable")
            }
            DeployError::NotCompiled(CompileFailure::Host {
                reason,
                retry_after,
            }) => {
                tracing::error!(reason, "the compiler could not be run");
                let detail = "the host's compiler could not be run; its log says why";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Problem::new(status, "compiler-unavailable", detail)
                    .with_header(RETRY_AFTER, HeaderValue::from(retry_after));
            }
            DeployError::NotLinked(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not-linkable"),
            DeployError::Unavailable(error) => return error.into(),
        };
        Problem::new(status, code, detail)
    }
}

/// Returns the code for an upload that is not a workflow.
fn invalid_code(invalid: &Invalid) -> &'static str {
    match invalid {
        Invalid::NotWasm
        | Invalid::Archive
        | Invalid::Native { .. }
        | Invalid::UnknownVersion { .. } => "not-wasm",
        Invalid::Malformed { .. } => "invalid-wasm",
        Invalid::Feature { .. } => "unsupported-feature",
        Invalid::NoMetadata | Invalid::Unwrappable { .. } => "not-a-component",
        Invalid::WasiPreview1 { .. }
        | Invalid::WasmBindgen { .. }
        | Invalid::ImportName { .. }
        | Invalid::UnknownPackage { .. }
        | Invalid::WasiHttp { .. }
        | Invalid::WasiVersion { .. }
        | Invalid::ContractVersion { .. }
        | Invalid::UnknownInterface { .. }
        | Invalid::UnknownItem { .. } => "unknown-import",
        Invalid::ItemType { .. } => "wrong-import-type",
        Invalid::NoRun { .. } | Invalid::OtherWorld { .. } => "missing-run",
        Invalid::RunNotAsync | Invalid::RunType { .. } => "wrong-run-type",
        // If a reason is added later, its text says what is wrong.
        _ => "invalid-component",
    }
}

#[cfg(test)]
mod tests {
    use dormouse_runtime::Unavailable;

    use super::*;
    use crate::problem::tests::check;

    #[test]
    fn the_reason_why_the_compiler_failed_is_not_shown_to_callers() {
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
}
