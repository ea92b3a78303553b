//! Problems with secrets that do not exist, are not valid, or cannot be opened.

use dormouse_api::request::InvalidSecretBody;
use dormouse_runtime::{SecretUnusable, SetSecretError};
use http::StatusCode;

use super::{Problem, RETRY_ROOM};

impl Problem {
    /// No secret has this name.
    #[must_use]
    pub fn unknown_secret(name: &str) -> Self {
        let detail = format!("there is no secret {name:?}: set it first");
        Problem::new(StatusCode::NOT_FOUND, "unknown-secret", detail)
    }

    /// A secret cannot be opened. Only the log names it.
    #[must_use]
    pub fn secret_unavailable(unusable: &SecretUnusable) -> Self {
        tracing::error!(error = %unusable, "a secret cannot be used");
        let detail = "the host cannot open a secret that it needs for this; its log says which";
        Problem::unavailable("secret-unavailable", detail, RETRY_ROOM)
    }
}

impl From<InvalidSecretBody> for Problem {
    fn from(error: InvalidSecretBody) -> Self {
        match error {
            InvalidSecretBody::Malformed(error) => error.into(),
            InvalidSecretBody::Invalid(why) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-secret", why)
            }
        }
    }
}

impl From<SetSecretError> for Problem {
    fn from(error: SetSecretError) -> Self {
        let (status, code) = match &error {
            SetSecretError::NoKey => (StatusCode::CONFLICT, "no-secret-key"),
            SetSecretError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-secret"),
            SetSecretError::Unknown(name) => return Problem::unknown_secret(name.as_str()),
            SetSecretError::Closed(_) => (StatusCode::CONFLICT, "secret-unreadable"),
            SetSecretError::Unavailable(unavailable) => return unavailable.clone().into(),
        };
        Problem::new(status, code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use dormouse_runtime::Unavailable;

    use super::*;
    use crate::problem::tests::check;

    #[test]
    fn secrets() {
        check(SetSecretError::NoKey, 409, "no-secret-key");
        let detail = Problem::from(SetSecretError::NoKey).detail;
        assert!(
            detail.contains("openssl rand -base64 32 > FILE")
                && detail.contains("`secret-key-file`"),
            "{detail}"
        );
        let invalid = dormouse_secret::InvalidUses::None;
        check(SetSecretError::Invalid(invalid), 422, "invalid-secret");
        let unavailable = SetSecretError::Unavailable(Unavailable::Stopping);
        check(unavailable, 503, "stopping");
    }
}
