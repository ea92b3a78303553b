//! Repairs of runs: retrying one that broke, moving one to another version, and where code does not repeat a journal.

use dormouse_journal::{Mismatch, Status, WhenBroken};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

use super::journal::{Operation, OperationDetails};
use super::runs::status_schema;
use super::{Mask, Showing};

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

/// Where code does not repeat a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The number of the operation.
    pub operation: u32,
    /// What the journal has there.
    pub recorded: Side,
    /// What the code made of it.
    pub made: Side,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// An operation. Two that look the same here differ in what is not kept of their arguments, such as a body: `digest`
    /// tells.
    Operation(Box<Operation>),
    /// No further operation before the next completion.
    Nothing,
    /// The end of the run.
    End,
}

impl Difference {
    /// A difference as replay finds it.
    pub fn of(mismatch: &Mismatch, page: &mut Showing) -> Self {
        let number = mismatch.number.0;
        Difference {
            operation: number,
            recorded: Side::of(number, &mismatch.expected, page),
            made: Side::of(number, &mismatch.found, page),
        }
    }

    /// The same, with nothing masked but what always is.
    #[must_use]
    pub fn plain(mismatch: &Mismatch) -> Self {
        Self::of(mismatch, &mut Showing::new(Mask::default()))
    }
}

impl Side {
    fn of(number: u32, side: &dormouse_journal::Side, page: &mut Showing) -> Self {
        match side {
            dormouse_journal::Side::Operation(operation) => Side::Operation(Box::new(Operation {
                operation: number,
                step: operation.step.clone(),
                digest: operation.digest.to_string(),
                details: OperationDetails::of(&operation.kind, page),
            })),
            dormouse_journal::Side::Quiescence => Side::Nothing,
            dormouse_journal::Side::End => Side::End,
        }
    }
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
