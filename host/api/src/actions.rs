//! What is done to many runs by one request.

use dormouse_journal::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Difference;

/// What is to be done, and to which runs unless a filter says so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActOnRuns {
    /// What is to be done to each run.
    pub action: Action,
    /// The ids of the runs, at most 1,000. Absent if the query has a filter.
    #[serde(default)]
    pub ids: Option<Vec<String>>,
    /// What the action takes. A restart takes what the body of `POST /v1/runs/{id}/restart` has; the others take nothing.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub options: Option<Box<RawValue>>,
}

/// What can be done to many runs at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Cancels a run.
    Cancel,
    /// Retries a run whose code broke.
    Retry,
    /// Moves a run to another version of its workflow.
    Move,
    /// Pauses a run.
    Pause,
    /// Has a run go on that is paused or blocked.
    Resume,
    /// Starts a run anew.
    Restart,
    /// Deletes a run that has ended.
    Delete,
}

/// An action that takes no options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// A line of the answer: a run, or the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ActionLine {
    /// What came of the action on a run.
    Run(ActedRun),
    /// The last line.
    Last(Acted),
}

/// What came of the action on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActedRun {
    /// The run's id.
    pub id: String,
    /// Where the run stands now, or stood when it was deleted. Null if there is no such run.
    #[schema(value_type = Option<String>, example = "cancelled")]
    pub status: Option<Status>,
    /// Why nothing was done, for programs. Absent if it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why nothing was done, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Of `differs`: where the version does not repeat the run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Box<Difference>>,
    /// The run that a restart has started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
}

/// The last line of an answer. An answer without it broke off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acted {
    /// For how many runs it was done.
    pub done: u64,
    /// For how many runs it was not.
    pub failed: u64,
    /// Why the host could not go on, so that runs are left to which nothing was done. For programs. Absent if none is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ActOnRuns {
    /// How many ids one request may have.
    pub const MOST_IDS: usize = 1_000;
}

impl Action {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Cancel => "cancel",
            Action::Retry => "retry",
            Action::Move => "move",
            Action::Pause => "pause",
            Action::Resume => "resume",
            Action::Restart => "restart",
            Action::Delete => "delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_an_id_is_the_last() {
        let line = |text| serde_json::from_str::<ActionLine>(text).unwrap();
        let run = line(r#"{"id":"a","status":null,"code":"unknown-run"}"#);
        assert!(matches!(run, ActionLine::Run(run) if run.code.is_some()));
        let last = line(r#"{"done":2,"failed":1}"#);
        assert!(matches!(last, ActionLine::Last(last) if last.failed == 1));
    }

    #[test]
    fn actions_are_spelt_as_they_are_named() {
        for action in [
            Action::Cancel,
            Action::Retry,
            Action::Move,
            Action::Pause,
            Action::Resume,
            Action::Restart,
            Action::Delete,
        ] {
            let json = serde_json::to_string(&action).unwrap();
            assert_eq!(json, format!("{:?}", action.as_str()));
        }
    }
}
