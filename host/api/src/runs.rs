//! Runs: the summary in lists, and a run with all its details.

use std::collections::BTreeMap;

use dormouse_journal::{RunId, Status};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

use super::{LogLine, Timestamp, Waiting, Webhook};

/// A page of runs, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunSummary>,
    /// Where the next page begins. Absent on the last page.
    pub next: Option<String>,
}

/// The number of runs with each status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"pending": 0, "running": 2, "suspended": 40, "blocked": 0, "completed": 7, "failed": 1, "cancelled": 0}))]
#[serde(transparent)]
pub struct RunCounts(pub BTreeMap<String, u64>);

impl RunCounts {
    /// Returns the counts of all statuses, including those without runs.
    #[must_use]
    pub fn of(counts: &BTreeMap<Status, u64>) -> Self {
        let all = Status::ALL.into_iter().map(|status| {
            let count = counts.get(&status).copied().unwrap_or_default();
            (status.as_str().to_owned(), count)
        });
        RunCounts(all.collect())
    }
}

/// The id and the status of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStatus {
    /// The id of the run, a UUID.
    pub id: String,
    /// The status of the run.
    #[schema(schema_with = status_schema)]
    pub status: Status,
}

/// A run that was just started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedRun {
    /// The id of the run, a UUID.
    pub id: String,
    /// The status of the run.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// The webhooks of the run, in the order in which they were created. Present if the caller asked with `Prefer: wait` and
    /// `until=suspended` to be answered when the run waits for something, and the run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Vec<Webhook>>,
}

/// What is to be different in a run that is started with the input of another.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartRun {
    /// The input of the new run, any JSON value. If absent, the input of the run that is restarted.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<Box<RawValue>>,
}

/// Reads a value that is present, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

/// What lists show about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// The id of the run, a UUID.
    pub id: String,
    /// The name of its workflow.
    pub workflow: String,
    /// The version of the workflow that the run executes: the SHA-256 of the component.
    pub version: String,
    /// The status of the run. A run is `suspended` while it waits only for what the host cannot bring about, such as a webhook,
    /// an event or a timer. It is `blocked` while the host cannot go on with it, which is not an end.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// When the run was started.
    pub created: Timestamp,
    /// When the run ended. Absent if it has not.
    pub ended: Option<Timestamp>,
    /// Why the run failed, or why it is blocked. Lists cut the message after 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// If the run is blocked: `run` if its own code broke, so that it can be retried; `host` if the host cannot go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// What is paused, so that the run does not go on: `run` if the run itself is, `workflow` if its workflow is, `host` if the
    /// host is. Absent if the run is not paused. Nothing of a paused run is executed or sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// The run that holds this one: a run above it with which it ends, and which is paused itself, or has failed and may be
    /// retried. Nothing of a held run is executed or sent. Absent if no run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// How often the run was retried or moved to another version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// The number of requests and events that were accepted for the run, and that no wait had taken when it ended.
    pub untaken: u64,
    /// The labels of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"customer": "42"}))]
    pub labels: BTreeMap<String, String>,
}

/// Everything about a run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// What lists show too.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// The output of the run, once it has completed. Output with a JSON media type is this JSON. Any other output is an object
    /// with `content_type` and `base64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub output: Option<Box<RawValue>>,
    /// What is kept of the last 10 tries in which the run broke or failed, oldest first. Nothing that such a try did has taken
    /// effect. A failure that was not retried is in the journal instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_tries: Vec<FailedTry>,
    /// The operations that the run waits for, oldest first.
    pub waiting: Vec<Waiting>,
    /// True if the run waits for more operations than `waiting` has.
    pub waiting_truncated: bool,
    /// True if the run has failed and can still be retried.
    #[serde(default)]
    pub retryable: bool,
    /// If the run can be retried: its steps that had a bad answer. Those that a retry does again come first, then at most 10
    /// others from the last 512 activations, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad_answers: Vec<BadAnswer>,
    /// How often the run has continued as new.
    #[serde(default)]
    pub generation: u32,
    /// The number of activations in the journal, which begins anew with each generation.
    pub activations: u32,
    /// The number of operations in the journal.
    pub operations: u32,
    /// The size of the journal, in bytes.
    pub journal_bytes: u64,
    /// The disk space of the run, in bytes: input, journal, log, requests and events that it has not taken, calls and results.
    #[serde(default)]
    pub storage_bytes: u64,
    /// The time of the run's last activation.
    pub last_activation: Timestamp,
    /// The run whose input this run got, if it was started by `restart`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted: Option<String>,
    /// The name of the trigger that started the run, if one did. The trigger may have been deleted since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The id of the run that started this one, if one did. That run may have been removed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The number of runs that this run started and that have not ended.
    #[serde(default)]
    pub children: u32,
    /// What was set aside of the journal when the run was taken back: at most 32, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
    /// The request to cancel the run, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelAsked>,
}

/// A failed try: what was set aside of a run's journal when it was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetAside {
    /// The number of the try that followed.
    #[serde(rename = "try")]
    pub r#try: u32,
    /// When this was set aside.
    pub at: Timestamp,
    /// The step that the run was taken back to.
    pub step: String,
    /// The first activation that was set aside.
    pub from: u32,
    /// How many activations were set aside.
    pub activations: u32,
    /// The status of the run at that time.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// The code of the failure, if the run had failed or was blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A request to a run to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelAsked {
    /// The reason that was given.
    pub reason: String,
    /// When the run was asked to cancel.
    pub asked: Timestamp,
    /// When the run is cancelled, if it has not ended by then.
    pub until: Timestamp,
}

/// A try in which a run broke or failed. At most 100 of its operations are kept, and 16 KiB in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedTry {
    /// How often the run had been retried or moved before.
    pub tries: u32,
    /// When the try was made.
    pub time: Timestamp,
    /// The number that the activation would have had.
    pub activation: u32,
    /// The version that was executed.
    pub version: String,
    /// Why the try failed.
    pub failure: Failure,
    /// The operations that the try made, in order. None of them has taken effect, except answers to callers if the run failed.
    pub operations: Vec<TriedOperation>,
    /// How many more operations the try made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_operations: u32,
    /// The lines that the try logged.
    pub logs: Vec<LogLine>,
    /// How many more lines the try logged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_lines: u32,
}

/// An operation of a failed try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedOperation {
    /// The number that the operation would have had.
    pub operation: u32,
    /// The import that was called.
    #[schema(example = "call")]
    pub kind: String,
    /// The step name, which the author chose.
    pub step: String,
}

/// A step of a failed run that had a bad answer: a call that ended with an error or with a status of 400 or more, or a run
/// that did not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadAnswer {
    /// The number of the operation in its run.
    pub operation: u32,
    /// The import that was called.
    #[schema(example = "call")]
    pub kind: String,
    /// The step name, which the author chose.
    pub step: String,
    /// The bad answer, for people, cut after 256 bytes.
    #[schema(example = "status 503")]
    pub answer: String,
    /// True if a retry of the run does the step again. Otherwise a retry with `from` does.
    pub again: bool,
    /// The command that does the step again.
    #[schema(example = "dormouse retry 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
    pub command: String,
}

/// How a run is cancelled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRun {
    /// How long the run may take to end by itself, such as `30s`. If absent, it is cancelled at once.
    #[serde(default)]
    #[schema(example = "30s")]
    pub grace: Option<String>,
    /// The reason, in at most 1,024 bytes. If absent, it is `cancelled`.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Why a run failed, or why it is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The code of the failure, for programs.
    pub code: String,
    /// The message of the failure, for people.
    pub message: String,
    /// Where in the workflow's code it trapped, if it did. Lists leave this out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

impl RunSummary {
    /// Shows a run as running while it is executing, although its last commit left it asleep, or nothing of it is
    /// committed yet.
    #[must_use]
    pub fn active(mut self, active: bool) -> Self {
        self.status = shown(self.status, active);
        self
    }
}

impl RunStatus {
    /// Creates an answer with a run's id and status.
    #[must_use]
    pub fn of(id: RunId, status: Status) -> Self {
        RunStatus {
            id: id.to_string(),
            status,
        }
    }
}

impl Run {
    /// The largest number of operations that are shown as waited for.
    pub const WAITING: usize = 1_000;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde passes")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn shown(status: Status, active: bool) -> Status {
    match status {
        Status::Pending | Status::Suspended if active => Status::Running,
        status => status,
    }
}

pub(super) fn status_schema() -> Schema {
    let names = Status::ALL.map(Status::as_str);
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names));
    schema.examples(["suspended"]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_slept_or_had_not_begun_changes_its_status_by_being_active() {
        assert_eq!(shown(Status::Suspended, true), Status::Running);
        assert_eq!(shown(Status::Suspended, false), Status::Suspended);
        assert_eq!(shown(Status::Pending, true), Status::Running);
        assert_eq!(shown(Status::Pending, false), Status::Pending);
        assert_eq!(shown(Status::Blocked, true), Status::Blocked);
        assert_eq!(shown(Status::Completed, true), Status::Completed);
    }
}
