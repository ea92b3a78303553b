//! Requests that do one action to many runs.

use dormouse_journal::Status;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::Difference;
use crate::few::few;

/// The largest number of ids in one request.
const MOST_IDS: usize = 1_000;

/// What is to be done, and to which runs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActOnRuns {
    /// What is to be done to each run.
    pub action: Action,
    /// The ids of the runs, at most 1,000. Absent if the query has a filter, which says which runs are meant.
    #[serde(default, deserialize_with = "few::<_, MOST_IDS>")]
    pub ids: Option<Vec<String>>,
    /// The options of the action: the same as in the body of the route that does it to one run.
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
    /// Resumes a run that is paused or blocked.
    Resume,
    /// Starts a new run with the input of a run.
    Restart,
    /// Deletes a run that has ended.
    Delete,
}

/// The options of an action without options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// A line of the answer: a run, or the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ActionLine {
    /// What became of the action on a run.
    Run(ActedRun),
    /// The last line.
    Last(Acted),
}

/// What became of the action on a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ActedRun {
    /// The run's id.
    pub id: String,
    /// The status of the run now, or before it was deleted. Null if there is no such run.
    #[schema(value_type = Option<String>, example = "cancelled")]
    pub status: Option<Status>,
    /// Why nothing was done to the run, for programs. Absent if the action was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why nothing was done to the run, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// If the code is `differs`: where the version does not repeat the run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Box<Difference>>,
    /// The id of the new run, if the action was a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
}

/// The last line of an answer. An answer without this line is incomplete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acted {
    /// The number of runs to which the action was done.
    pub done: u64,
    /// The number of runs to which it was not done.
    pub failed: u64,
    /// Why the host stopped early, so that nothing was done to some runs, for programs. Absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why the host stopped early, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Action {
    /// Returns the name of the action.
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
