//! The variable parts of a path: names and ids.

use axum::extract::{FromRequestParts, RawPathParams};
use dormouse_api::request::workflow_name;
use dormouse_journal::{OperationNumber, RunId};
use dormouse_limits::STEP_NAME;
use dormouse_secret::{InvalidName, SecretName};
use http::StatusCode;
use http::request::Parts;

use crate::problem::Problem;

/// The variable parts of a path, percent-decoded.
#[derive(Debug)]
pub(super) struct PathParams(Vec<(String, String)>);

impl PathParams {
    /// Returns the part of this name.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// Returns the id of the run.
    pub(super) fn run(&self) -> Result<RunId, Problem> {
        let text = self.text("id");
        text.parse().map_err(|_| {
            Problem::malformed(
                "invalid-run-id",
                "the run's id in the path",
                format!("is {text:?}: give a UUID"),
            )
        })
    }

    /// Returns the number of the operation.
    pub(super) fn operation(&self) -> Result<OperationNumber, Problem> {
        let text = self.text("operation");
        let number = text.parse().map_err(|_| {
            Problem::malformed(
                "invalid-operation",
                "the operation in the path",
                format!(
                    "is {text:?}: give a number, as `waiting` of the run and its journal have them"
                ),
            )
        });
        number.map(OperationNumber)
    }

    /// Returns the name of a workflow that may not exist yet.
    pub(super) fn new_workflow(&self) -> Result<&str, Problem> {
        Ok(workflow_name(self.text("name"))?)
    }

    /// Returns the name of a trigger that may not exist yet.
    pub(super) fn new_trigger(&self) -> Result<&str, Problem> {
        let name = self.text("name");
        workflow_name(name).map_err(|_| {
            Problem::malformed(
                "invalid-trigger-name",
                &format!("{name:?}"),
                "is not the name of a trigger: a name has 1 to 64 characters out of a-z, 0-9, - and _",
            )
        })
    }

    /// Returns the name of a secret that may not exist yet.
    pub(super) fn new_secret(&self) -> Result<SecretName, Problem> {
        self.text("name").parse().map_err(|error: InvalidName| {
            Problem::malformed(
                "invalid-secret-name",
                "the secret's name in the path",
                format!("is not the name of a secret: {error}"),
            )
        })
    }

    /// Returns the name of an event, which may have at most `limit` bytes.
    pub(super) fn event(&self, limit: u64) -> Result<&str, Problem> {
        let name = self.text("event");
        if (1..=limit).contains(&(name.len() as u64)) {
            return Ok(name);
        }
        Err(Problem::malformed(
            "invalid-event-name",
            "the event's name in the path",
            format!(
                "has {} bytes: give 1 to {limit}; the setting is `{STEP_NAME}`",
                name.len()
            ),
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| {
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "invalid-path",
                    format!("the path is malformed: {error}"),
                )
            })?;
        Ok(PathParams(
            params
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str, value: &str) -> PathParams {
        PathParams(vec![(name.into(), value.into())])
    }

    #[test]
    fn run_ids() {
        let id = "01980000-0000-7000-8000-000000000000";
        assert_eq!(path("id", id).run().unwrap().to_string(), id);
        assert_eq!(
            path("id", "nope").run().unwrap_err().code(),
            "invalid-run-id"
        );
    }

    #[test]
    fn event_names_are_bounded() {
        assert!(path("event", "e").event(256).is_ok());
        assert!(path("event", &"e".repeat(256)).event(256).is_ok());
        assert!(path("event", &"e".repeat(257)).event(256).is_err());
        assert!(path("event", "").event(256).is_err());
    }
}
