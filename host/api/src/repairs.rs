//! Repairs of runs: retrying one that broke, moving one or many to another version.

use dormouse_journal::{RunId, Status, WhenBroken};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

use super::Difference;
use super::few::few;
use super::runs::status_schema;

/// How a run is to be retried.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRun {
    /// The version of the workflow to go on with. If absent, it is the current version if that repeats the run's journal, and
    /// otherwise the run's own.
    #[serde(default)]
    pub version: Option<String>,
    /// If true, the run is retried even if it would break or fail again, or if the run that started it was told of the failure.
    #[serde(default)]
    pub anyway: bool,
    /// The step to which the run is taken back: the step and everything after it is done again. It is the name of a step, which
    /// means the last of that name, or the number of an operation of this generation.
    #[serde(default)]
    pub from: Option<String>,
    /// If true, nothing is done, and the answer says what would be.
    #[serde(default)]
    pub dry_run: bool,
}

/// The version to which a run is to be moved.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRun {
    /// The version of the workflow that the run is to go on with.
    pub version: String,
    /// If true, nothing is done, and the answer says whether the run could be moved.
    #[serde(default)]
    pub dry_run: bool,
}

/// The version to which the runs of a workflow are to be moved.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRuns {
    /// The version that the runs are to go on with.
    pub version: String,
    /// If present, only runs that are on this version are moved.
    #[serde(default)]
    pub from_version: Option<String>,
    /// If true, nothing is done, and the answer says which runs could be moved.
    #[serde(default)]
    pub dry_run: bool,
}

/// A line of the answer to a move of many runs: a run, or the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MoveLine {
    /// What became of the move of a run.
    Run(Box<MovedRun>),
    /// The last line.
    Last(MovedRuns),
}

/// What became of the move of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MovedRun {
    /// The id of the run, a UUID.
    pub id: String,
    /// The status of the run.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// The result.
    pub result: MoveResult,
    /// Why the run was not moved, for programs. Absent if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why the run was not moved, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where the version does not repeat the run's journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
}

/// The result of the move of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MoveResult {
    /// The run goes on with the version.
    Moved,
    /// The run could be moved, and was not because this was a dry run.
    Agrees,
    /// The version does not repeat the run's journal.
    Differs,
    /// The run was not moved for another reason.
    Skipped,
}

/// The last line of the answer to a move of many runs. An answer without this line is incomplete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MovedRuns {
    /// How many runs were moved.
    pub moved: u64,
    /// In a dry run: how many runs could be moved.
    pub agree: u64,
    /// The number of runs whose journal the version does not repeat.
    pub differ: u64,
    /// How many runs were not moved for another reason.
    pub skipped: u64,
    /// Why the host stopped early, so that some runs are left, for programs. Absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why the host stopped early, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl MovedRun {
    /// The result of a move without a reason.
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

/// A run that was repaired, or that could be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepairedRun {
    /// The id of the run, a UUID.
    pub id: String,
    /// The status of the run.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// The version that the run goes on with.
    pub version: String,
    /// What is still paused, so that the run does not go on: `run`, `workflow` or `host`. Absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// Where the current version of the workflow does not repeat the run's journal, if it was not used for that reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<Difference>,
    /// If the run is taken back: what that means.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub back: Option<TakenBack>,
}

/// What it means that a run is taken back. Each list has at most 100 elements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TakenBack {
    /// The step that is done again.
    pub step: String,
    /// The number of the operation.
    pub operation: u32,
    /// How many activations of the journal stay.
    pub activations: u32,
    /// The answered calls that are sent again.
    pub again: Vec<CallAgain>,
    /// The runs that were started after that point.
    pub children: Vec<ChildBack>,
    /// The requests and events that are put back into inboxes.
    pub requests: Vec<RequestBack>,
    /// The full numbers of these.
    pub totals: BackTotals,
}

/// A call that is sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallAgain {
    /// The number of the operation.
    pub operation: u32,
    /// The step name, which the author chose.
    pub step: String,
    /// The request: its method, and its URL without the query.
    pub request: String,
}

/// A run that was started by an activation that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChildBack {
    /// The id of the run.
    pub id: String,
    /// `cancelled` if the run is asked to cancel; `doubled` if it goes on or has ended, so that a second one exists if the code
    /// starts it again.
    pub becomes: String,
}

/// A request or an event that is put back into an inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestBack {
    /// For a request: the number of its webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<u32>,
    /// For a request: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// For an event: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// The full numbers of what is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackTotals {
    /// The number of calls that are sent again.
    pub again: u64,
    /// The number of runs that were started after that point.
    pub children: u64,
    /// The number of requests and events that are put back into inboxes.
    pub requests: u64,
}

/// The largest number of workflows that a workflow may list as usable by its runs.
const MOST_NAMES: usize = 1_000;

/// The settings of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkflowSettings {
    /// What becomes of a run that breaks: that traps, panics, hits a limit, is stuck, or misuses an import. `block` keeps it
    /// until it is retried, `fail` fails it. If absent or null, the host's setting counts.
    #[serde(default)]
    #[schema(schema_with = when_broken_schema)]
    pub when_broken: Option<WhenBroken>,
    /// How long runs are kept after they have ended, such as `30d`. If absent or null, the host's setting counts.
    #[serde(default)]
    #[schema(example = "30d")]
    pub retention: Option<String>,
    /// The workflows whose runs the runs of this workflow may start, wait for and cancel, besides their own workflow. If absent
    /// or null, its runs may start runs of all workflows, and wait for and cancel those that they have started. The names need
    /// not exist yet.
    #[serde(default, deserialize_with = "few::<_, MOST_NAMES>")]
    pub may_use: Option<Vec<String>>,
    /// The workflow that is started when a run of this workflow fails, with the input `{"run", "workflow", "version",
    /// "failure", "labels", "try", "input", "content_type"}`. `input` is the failed run's input as text; it is absent if that is
    /// not UTF-8, or too large. The run also sees the headers that the failed run saw. The run that is started has no parent, and its own failure starts nothing. If it cannot be
    /// started, for example because there is no such workflow, the log of the failed run says so. If absent or null, nothing
    /// is started.
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
