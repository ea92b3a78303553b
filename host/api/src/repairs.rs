//! Repairs of runs: retrying one that broke, moving one or many to another version.

use dormouse_journal::{RunId, Status, WhenBroken};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

use super::Difference;
use super::runs::status_schema;

/// How a run is to be retried.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRun {
    /// On this version of its workflow. The current one if that repeats the run's journal, else its own, if absent.
    #[serde(default)]
    pub version: Option<String>,
    /// Also if it would break or fail again, or if the run that started it was told that it has failed.
    #[serde(default)]
    pub anyway: bool,
    /// Take the run back to before this step was answered, and do it and everything after it again: a step's name, which means
    /// the last of that name, or the number of an operation of this generation.
    #[serde(default)]
    pub from: Option<String>,
    /// Change nothing, and say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where a run is to be moved.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRun {
    /// The version of its workflow that it is to go on with.
    pub version: String,
    /// Change nothing, and say whether it could be moved.
    #[serde(default)]
    pub dry_run: bool,
}

/// Where the runs of a workflow are to be moved.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRuns {
    /// The version that they are to go on with.
    pub version: String,
    /// Only those that are on this version.
    #[serde(default)]
    pub from_version: Option<String>,
    /// Change nothing, and say which could be moved.
    #[serde(default)]
    pub dry_run: bool,
}

/// A line of the answer to a move of many runs: a run, or the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MoveLine {
    /// What came of it for a run.
    Run(Box<MovedRun>),
    /// The last line.
    Last(MovedRuns),
}

/// What came of a move for a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MovedRun {
    /// Its id, a UUID.
    pub id: String,
    /// Where it stands.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// What came of it.
    pub result: MoveResult,
    /// Why it was not moved, for programs. Absent if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was not moved, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the version does not repeat its journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// What came of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MoveResult {
    /// The run goes on with the version.
    Moved,
    /// It could, and was not moved since that was a dry run.
    Agrees,
    /// The version does not repeat its journal.
    Differs,
    /// It was not moved for another reason.
    Skipped,
}

/// The last line of the answer to a move of many runs. An answer without it broke off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedRuns {
    /// How many runs were moved.
    pub moved: u64,
    /// How many could be moved, of a dry run.
    pub agree: u64,
    /// Of how many the version does not repeat the journal.
    pub differ: u64,
    /// How many were not moved for another reason.
    pub skipped: u64,
    /// Why the host could not go on, so that runs are left. For programs. Absent if none is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl MovedRun {
    /// What came of a move, and nothing about why.
    #[must_use]
    pub fn new(run: RunId, status: Status, result: MoveResult) -> Self {
        MovedRun {
            id: run.to_string(),
            status,
            result,
            code: None,
            detail: None,
            difference: None,
        }
    }
}

/// A run that was repaired, or could be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepairedRun {
    /// Its id, a UUID.
    pub id: String,
    /// Where it stands.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// The version that it goes on with.
    pub version: String,
    /// By what it is still paused: `run`, `workflow` or `host`. Absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// Why the current version of its workflow was not taken: where that does not repeat the run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<Difference>,
    /// What it means, if the run is taken back.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub back: Option<TakenBack>,
}

/// What it means that a run is taken back. At most 100 of each are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenBack {
    /// The step that is done again.
    pub step: String,
    /// The number of its operation.
    pub operation: u32,
    /// How many activations of its journal stay.
    pub activations: u32,
    /// The answered calls that are sent again.
    pub again: Vec<CallAgain>,
    /// The runs that were started since.
    pub children: Vec<ChildBack>,
    /// The requests and events that lie in the inboxes again.
    pub requests: Vec<RequestBack>,
    /// How many there are of each.
    pub totals: BackTotals,
}

/// A call that is sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallAgain {
    /// The number of its operation.
    pub operation: u32,
    /// The author's name for it.
    pub step: String,
    /// What was sent where: the method and the URL without its query.
    pub request: String,
}

/// A run that was started by what is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChildBack {
    /// Its id.
    pub id: String,
    /// `cancelled` if it is asked to cancel; `doubled` if it goes on or has ended, and another one is started if the run does so
    /// again.
    pub becomes: String,
}

/// What lies in an inbox again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestBack {
    /// The number of the webhook of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<u32>,
    /// The id of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// The name of an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// How many there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackTotals {
    /// Calls that are sent again.
    pub again: u64,
    /// Runs that were started since.
    pub children: u64,
    /// Requests and events that lie in the inboxes again.
    pub requests: u64,
}

/// The settings of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSettings {
    /// What becomes of a run that breaks: that traps, panics, hits a limit, is stuck, or misuses an import. `block` keeps it
    /// until it is retried, `fail` fails it. As the host says if absent or null.
    #[serde(default)]
    #[schema(schema_with = when_broken_schema)]
    pub when_broken: Option<WhenBroken>,
    /// How long runs are kept that have ended, such as `30d`. As the host says if absent or null.
    #[serde(default)]
    #[schema(example = "30d")]
    pub retention: Option<String>,
    /// The workflows whose runs its runs may start, wait for and cancel, beside those of its own. If absent or null, its runs
    /// may start all, and wait for and cancel those that they have started. The names need not exist yet.
    #[serde(default)]
    pub may_use: Option<Vec<String>>,
    /// The workflow that is started when one of its runs fails, with `{"run", "workflow", "version", "failure", "labels",
    /// "try"}`. It is nobody's child, and its own failure starts nothing. If it cannot be started, as when it does not exist,
    /// the run's log says so. None if absent or null.
    #[serde(default)]
    #[schema(example = "alert")]
    pub on_failure: Option<String>,
}

fn when_broken_schema() -> Schema {
    let schema = ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([
            Type::String,
            Type::Null,
        ]))
        .enum_values(Some([Some("block"), Some("fail"), None]));
    schema.examples(["block"]).into()
}
