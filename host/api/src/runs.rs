//! Runs: the short form of lists, and the whole.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dormouse_journal::{Open, OperationNumber, Payload, RunId, Status};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

use super::{Dates, LogLine, Timestamp, Webhook};

/// A page of runs, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunSummary>,
    /// Where the next page begins. Absent on the last page.
    pub next: Option<String>,
}

/// How many runs have each status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"pending": 0, "running": 2, "suspended": 40, "blocked": 0, "completed": 7, "failed": 1, "cancelled": 0}))]
#[serde(transparent)]
pub struct RunCounts(pub BTreeMap<String, u64>);

impl RunCounts {
    /// The counts of every status, also of those that no run has.
    #[must_use]
    pub fn of(counts: &BTreeMap<Status, u64>) -> Self {
        let all = Status::ALL.into_iter().map(|status| {
            let count = counts.get(&status).copied().unwrap_or_default();
            (status.as_str().to_owned(), count)
        });
        RunCounts(all.collect())
    }
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunStatus {
    /// Its id, a UUID.
    pub id: String,
    /// Where it stands.
    #[schema(schema_with = status_schema)]
    pub status: Status,
}

/// A run that was just started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedRun {
    /// Its id, a UUID.
    pub id: String,
    /// Where it stands.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// Its webhooks in the order in which they were created. There if the caller asked, by `Prefer: wait` with
    /// `until=suspended`, to be answered when the run sleeps, and it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhooks: Option<Vec<Webhook>>,
}

/// What is to be different when a run is started anew.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartRun {
    /// The input of the new run, any JSON value. That of the run that is restarted if absent.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub input: Option<Box<RawValue>>,
}

/// Reads a value that is there, `null` too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

/// A run in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    /// Its id, a UUID.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// The version that it runs on: the SHA-256 of the component.
    pub version: String,
    /// Where it stands. A run is `suspended` while all that it waits for is a webhook, an event or a timer, and
    /// `blocked` while the host cannot go on with it, which is not an end.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// When it was started.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed, or why it is blocked. Lists cut a message after 1,024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Of a blocked run: `run` if its own code broke, so that it can be retried; `host` if the host cannot go on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// By what it is paused: `run` if it was paused itself, `workflow` if its workflow is, `host` if the host is. Absent if
    /// it is not paused. Nothing of a paused run is executed or sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// The run above it that holds it: one with which it ends, and which has failed and may be retried, or is paused by
    /// itself. Nothing of a held run is executed or sent. Absent if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
    /// How often it was retried or moved to another version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tries: u32,
    /// Requests and events that were accepted for it and that no wait had taken when it ended.
    pub untaken: u64,
    /// Its labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"customer": "42"}))]
    pub labels: BTreeMap<String, String>,
}

/// A run as a whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// What lists show of it too.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// What it gave, once it has completed. Output with a JSON media type stands here as that JSON; any other as an
    /// object of `content_type` and `base64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub output: Option<Box<RawValue>>,
    /// What is kept of the tries in which it broke or failed, and of which nothing has happened: the last 10, oldest first. A
    /// failure that was not retried is in its journal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_tries: Vec<FailedTry>,
    /// What it waits for, oldest first.
    pub waiting: Vec<Waiting>,
    /// Whether it waits for more than `waiting` has.
    pub waiting_truncated: bool,
    /// Whether it has failed and can still be retried.
    #[serde(default)]
    pub retryable: bool,
    /// Of a run that can be retried: the steps that were answered badly. Those that a retry does again come first, then at
    /// most 10 of its last 512 activations, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bad_answers: Vec<BadAnswer>,
    /// How often it has continued as new.
    #[serde(default)]
    pub generation: u32,
    /// Activations in its journal, which begins anew with each generation.
    pub activations: u32,
    /// Operations in its journal.
    pub operations: u32,
    /// The size of its journal in bytes.
    pub journal_bytes: u64,
    /// What it takes of the disk, in bytes: input, journal and log, requests and events that it has not taken, calls and
    /// results.
    #[serde(default)]
    pub storage_bytes: u64,
    /// The time of its last activation.
    pub last_activation: Timestamp,
    /// The run that it repeats, if it was started by restarting that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted: Option<String>,
    /// The trigger that started it, if one did. It may have been deleted since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// The run that started it, if one did. It may have been removed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How many runs that it started have not ended.
    #[serde(default)]
    pub children: u32,
    /// What was set aside of its journal when it was taken back, the newest first, at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
    /// That it was asked to cancel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<CancelAsked>,
}

/// A failed try: what was set aside of a run's journal when it was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetAside {
    /// Which of its tries followed it.
    #[serde(rename = "try")]
    pub r#try: u32,
    /// When it was set aside.
    pub at: Timestamp,
    /// The step that the run was taken back to.
    pub step: String,
    /// The first activation that was set aside.
    pub from: u32,
    /// How many were.
    pub activations: u32,
    /// Where the run stood.
    #[schema(schema_with = status_schema)]
    pub status: Status,
    /// The code of the failure, if it had failed or was blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A request to a run to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CancelAsked {
    /// Why.
    pub reason: String,
    /// When it was asked.
    pub asked: Timestamp,
    /// When it is cancelled if it has not ended by then.
    pub until: Timestamp,
}

/// A try in which a run broke or failed. At most 100 of its operations are kept, and 16 KiB in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedTry {
    /// How often the run had been retried or moved before.
    pub tries: u32,
    /// When it was.
    pub time: Timestamp,
    /// The number that the activation would have had.
    pub activation: u32,
    /// The version that was executed.
    pub version: String,
    /// Why it failed.
    pub failure: Failure,
    /// The operations that it made, in order. None of them has happened, but answers to callers if it failed.
    pub operations: Vec<TriedOperation>,
    /// How many more it made.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_operations: u32,
    /// What it logged.
    pub logs: Vec<LogLine>,
    /// How many more lines it logged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_lines: u32,
}

/// An operation of a failed try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TriedOperation {
    /// The number that it would have had.
    pub operation: u32,
    /// The import that was called.
    #[schema(example = "call")]
    pub kind: String,
    /// What the author calls it.
    pub step: String,
}

/// A step of a failed run that was answered badly: a call that ended in an error or in a status of 400 or more, or a run that
/// did not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadAnswer {
    /// Its number in the run.
    pub operation: u32,
    /// The import that was called.
    #[schema(example = "call")]
    pub kind: String,
    /// What the author calls it.
    pub step: String,
    /// What the answer was, for people, cut after 256 bytes.
    #[schema(example = "status 503")]
    pub answer: String,
    /// Whether a retry of the run does it again. If not, a retry does so that is told to go back to it.
    pub again: bool,
    /// The command that does it again.
    #[schema(example = "dormouse retry 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
    pub command: String,
}

/// How a run is cancelled.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRun {
    /// How long the run may take to end by itself, such as `30s`. It is cancelled at once if absent.
    #[serde(default)]
    #[schema(example = "30s")]
    pub grace: Option<String>,
    /// Why, in at most 1,024 bytes. `cancelled` if absent.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Why a run failed, or why it is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// Where in the workflow's code it happened, if it trapped. Lists leave this out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
}

/// An operation that has not completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Its number in the run.
    pub operation: u32,
    /// The import that was called.
    #[schema(example = "wait-for-webhook")]
    pub kind: String,
    /// What the author calls it.
    pub step: String,
    /// When it was made.
    pub since: Timestamp,
    /// When it ends by itself.
    pub deadline: Option<Timestamp>,
    /// Of a call: how many attempts were made, one under way included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Of a call that is tried again: why the last attempt did not succeed, cut after 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Of a call that is tried again: when the next attempt is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
    /// Of a call: when it is given up, after which no attempt begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives_up: Option<Timestamp>,
}

impl Waiting {
    /// The kind of a call.
    pub const CALL: &'static str = "call";
}

impl RunSummary {
    /// A run that is known to be executing right now is shown as running, although its last commit left it asleep, or nothing
    /// of it is committed yet.
    #[must_use]
    pub fn active(mut self, active: bool) -> Self {
        self.status = shown(self.status, active);
        self
    }
}

impl RunStatus {
    /// A run's id and status.
    #[must_use]
    pub fn of(id: RunId, status: Status) -> Self {
        RunStatus {
            id: id.to_string(),
            status,
        }
    }
}

impl Run {
    /// How many operations are shown as waited for.
    pub const WAITING: usize = 1_000;
}

impl Waiting {
    /// An operation as it is recorded, with these dates.
    #[must_use]
    pub fn of((number, open): &(OperationNumber, Open), dates: Dates) -> Self {
        // A date that the workflow named is one already.
        let named = open.kind.date().map(Timestamp);
        let passes = || open.kind.deadline(open.issued).map(|at| dates.of(at));
        Waiting {
            operation: number.0,
            kind: open.kind.name().into(),
            step: open.step.clone(),
            since: dates.of(open.issued),
            deadline: named.or_else(passes),
            attempts: None,
            last_error: None,
            next_attempt: None,
            gives_up: None,
        }
    }
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

/// A run's output as a value of JSON: itself if it is JSON, digit for digit, else wrapped.
#[must_use]
pub fn output(payload: &Payload) -> Option<Box<RawValue>> {
    if is_json(&payload.content_type)
        && let Ok(value) = serde_json::from_slice(&payload.body)
    {
        return Some(value);
    }
    let wrapped = serde_json::json!({
        "content_type": payload.content_type,
        "base64": STANDARD.encode(&payload.body),
    });
    serde_json::value::to_raw_value(&wrapped).ok()
}

/// Whether a media type is JSON's, or one built on it (`application/problem+json`).
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
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
    use dormouse_journal::{Kind, Moment, Time};
    use serde_json::json;

    use super::*;

    fn output(content_type: &str, body: &'static [u8]) -> String {
        let payload = Payload {
            content_type: content_type.into(),
            body: body.into(),
        };
        super::output(&payload).unwrap().to_string()
    }

    #[test]
    fn json_output_stands_as_it_is() {
        let digits = b"{\"n\": 12345678901234567890123, \"f\": 1.10}";
        assert_eq!(
            output("application/json", digits),
            String::from_utf8_lossy(digits)
        );
        assert_eq!(output("Application/JSON; charset=utf-8", b"null"), "null");
        assert_eq!(output("application/problem+json", b" [1]"), "[1]");
    }

    /// Which field stands first means nothing.
    fn wrapped(content_type: &str, body: &'static [u8]) -> serde_json::Value {
        serde_json::from_str(&output(content_type, body)).unwrap()
    }

    #[test]
    fn other_output_is_wrapped() {
        assert_eq!(
            wrapped("text/plain", b"1"),
            json!({"base64": "MQ==", "content_type": "text/plain"})
        );
        assert_eq!(wrapped("", b""), json!({"base64": "", "content_type": ""}));
    }

    #[test]
    fn output_that_only_says_it_is_json_is_wrapped() {
        assert_eq!(
            wrapped("application/json", b"{]"),
            json!({"base64": "e10=", "content_type": "application/json"})
        );
    }

    fn waits(kind: Kind) -> (u64, Option<u64>) {
        let issued = Time(10_000);
        let step = String::new();
        let moment = Moment {
            time: Time(20_000),
            shift: -3_000,
        };
        let abandoned = false;
        let open = Open {
            kind,
            step,
            issued,
            abandoned,
        };
        let open = (OperationNumber(1), open);
        let shown = Waiting::of(&open, Dates::at(moment));
        (shown.since.0.0, shown.deadline.map(|deadline| deadline.0.0))
    }

    #[test]
    fn waits_are_shown_with_dates_and_dates_that_were_named_as_they_are() {
        assert_eq!(waits(Kind::Sleep { duration: 500 }), (7_000, Some(7_500)));
        let instant = Time(12_345);
        assert_eq!(waits(Kind::SleepUntil { instant }), (7_000, Some(12_345)));
    }

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
