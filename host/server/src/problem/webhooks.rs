//! Problems with webhooks, triggers and providers that do not exist, or cannot be set or changed as
//! asked.

use dormouse_runtime::{ForgetError, SetTriggerError};
use dormouse_webhook::provider::Providers;
use http::StatusCode;

use super::Problem;

impl Problem {
    /// No trigger has this name.
    #[must_use]
    pub fn unknown_trigger(name: &str) -> Self {
        SetTriggerError::Unknown(name.to_owned()).into()
    }

    /// The options of the trigger are not valid.
    #[must_use]
    pub fn invalid_trigger(why: String) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-trigger", why)
    }

    /// The host does not know the provider.
    #[must_use]
    pub fn unknown_provider(name: &str, known: &Providers) -> Self {
        let shown: String = name.chars().take(64).collect();
        let detail = format!(
            "this host knows no provider {shown:?}: {}",
            known.suggestion(name)
        );
        Problem::new(StatusCode::NOT_FOUND, "unknown-provider", detail)
    }
}

impl From<SetTriggerError> for Problem {
    fn from(error: SetTriggerError) -> Self {
        let detail = error.to_string();
        let problem = |status, code| Problem::new(status, code, &*detail);
        match error {
            SetTriggerError::UnknownWorkflow(_) => {
                problem(StatusCode::NOT_FOUND, "unknown-workflow")
            }
            SetTriggerError::UnknownVersion(_) => problem(StatusCode::NOT_FOUND, "unknown-version"),
            SetTriggerError::Unknown(_) => problem(StatusCode::NOT_FOUND, "unknown-trigger"),
            SetTriggerError::TooManyUrls(_) => problem(StatusCode::CONFLICT, "too-many-urls"),
            SetTriggerError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<ForgetError> for Problem {
    fn from(error: ForgetError) -> Self {
        let (status, code) = match &error {
            ForgetError::NotOurs => (StatusCode::NOT_FOUND, "unknown-webhook"),
            ForgetError::NotRemembered(_) => (StatusCode::NOT_FOUND, "not-remembered"),
            ForgetError::WebhookGone => (StatusCode::GONE, "webhook-gone"),
            ForgetError::TriggerGone => (StatusCode::GONE, "trigger-gone"),
            ForgetError::Unavailable(unavailable) => return unavailable.clone().into(),
        };
        Problem::new(status, code, error.to_string())
    }
}
