//! Starts, for a failed run, the workflow that the run's own workflow names for failures.
//!
//! An order in the commit in which the run fails decides the start, so it happens exactly once. The id and the random
//! key of the new run are derived from the failed run's random key, which no URL contains.

use dormouse_journal::{Failure, Labels, Level, LogLine, RunId, json_payload};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Transaction as _;
use super::Write;
use super::child_start::OrderLimits;
use super::run::RunWrite;
use super::start::{BeginRun, StartRun, Started};
use crate::ReadError;
use crate::rows::table::between;
use crate::tables::handled::{self, Handled};
use crate::tables::handlers::{self, Handles};
use crate::tables::orders::{self, Order};
use crate::tables::{inputs, logs, runs, workflows};

/// The input of the workflow that is started.
#[derive(Serialize)]
struct Input<'a> {
    run: String,
    workflow: &'a str,
    version: String,
    failure: FailureInput<'a>,
    labels: &'a Labels,
    r#try: u32,
    /// The input of the failed run, if it is text and there is room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
}

#[derive(Serialize)]
struct FailureInput<'a> {
    code: &'a str,
    message: &'a str,
}

impl RunWrite<'_> {
    /// Orders the start of a workflow for a run that has just failed, if the run's own workflow names one.
    pub(super) fn order_handler(&mut self, on_failure: Option<String>) -> Result<(), ReadError> {
        let Some(workflow) = on_failure else {
            return Ok(());
        };
        if handlers::TABLE.has(self.rows, self.id)? {
            return Ok(());
        }
        let state = self.state();
        let order = Order::Handle {
            workflow,
            failure: state.failure.clone().unwrap_or_default(),
            tries: state.tries,
        };
        orders::put(self.rows, self.id, orders::HANDLE, &order)
    }
}

/// Starts the workflow for a failed run. Returns the new run and the size of its input, or none if it was not started;
/// then the log of the failed run has the reason.
pub(super) fn start(
    write: &mut Write<'_>,
    failed: RunId,
    handler: &str,
    (failure, tries): (&Failure, u32),
    limits: &OrderLimits,
) -> Result<Option<(RunId, u64)>, ReadError> {
    let now = write.now;
    let Some(run) = write.run(failed)? else {
        return Ok(None);
    };
    let Some(stored) = runs::TABLE.get(run.rows, failed)? else {
        return Ok(None);
    };
    let (own, given) = (stored.run, stored.input);
    let given = match given {
        Some(given) => given,
        None => inputs::TABLE.get(&write.rows, failed)?.unwrap_or_default(),
    };
    let given_text = std::str::from_utf8(&given.body).ok();
    let mut input = Input {
        run: failed.to_string(),
        workflow: &own.workflow,
        version: own.version.to_string(),
        failure: FailureInput {
            code: &failure.code,
            message: &failure.message,
        },
        labels: &own.labels,
        r#try: tries,
        input: given_text,
        content_type: given_text.map(|_| given.content_type.as_str()),
    };
    // A record of texts and numbers can always be encoded as JSON.
    let mut body = serde_json::to_vec(&input).unwrap_or_default();
    if body.len() as u64 > limits.body {
        (input.input, input.content_type) = (None, None);
        body = serde_json::to_vec(&input).unwrap_or_default();
    }
    let size = body.len() as u64;
    let derived = |what: &str| -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(what);
        digest.update(own.key);
        digest.update(tries.to_be_bytes());
        digest.finalize().into()
    };
    let mut random = [0; 10];
    random.copy_from_slice(&derived("id of a handler")[..10]);
    let id = RunId::new(now, random);
    let start = StartRun {
        run: id,
        workflow: handler.to_owned(),
        version: None,
        input: json_payload(body),
        headers: own.headers.clone(),
        key: derived("key of a handler"),
        limits: limits.guest,
        idempotency_key: None,
        earlier_key: None,
        remember: 0,
        storage: limits.storage,
        restarted: None,
        parent: None,
        labels: Labels::default(),
        trigger: None,
    };
    let why = match BeginRun::new(start).apply(write)? {
        Started::New { .. } => {
            handlers::TABLE.put(&mut write.rows, id, &Handles(failed))?;
            handled::TABLE.put(&mut write.rows, failed, &Handled(id))?;
            return Ok(Some((id, size)));
        }
        Started::UnknownWorkflow => "there is no such workflow",
        Started::Deleted => "it was deleted",
        Started::TooLarge | Started::WorkflowFull => "there is no room for it on the disk",
        Started::UnknownVersion | Started::Existing(_) | Started::OtherInput(_) => {
            "its current version is missing"
        }
    };
    let message = format!("the workflow {handler:?} was not started for this failure: {why}");
    append_log(write, failed, message)?;
    Ok(None)
}

/// Returns the run that was started for the failure of a run and has not ended. The inner value is none if that run is
/// about to be started.
pub(super) fn running(
    write: &mut Write<'_>,
    failed: RunId,
) -> Result<Option<Option<RunId>>, ReadError> {
    if orders::TABLE.has(&write.rows, (failed, orders::HANDLE))? {
        return Ok(Some(None));
    }
    let Some(Handled(id)) = handled::TABLE.get(&write.rows, failed)? else {
        return Ok(None);
    };
    let run = write.run(id)?;
    Ok(run
        .is_some_and(|run| !run.state().status.has_ended())
        .then_some(Some(id)))
}

/// Adds a line to the end of a run's log.
pub(super) fn append_log(
    write: &mut Write<'_>,
    id: RunId,
    message: String,
) -> Result<(), ReadError> {
    let now = write.now;
    let Some(run) = write.run(id)? else {
        return Ok(());
    };
    let activation = run.state().activations;
    let of_it = between((id, activation, 0), (id, activation, u32::MAX));
    let last = logs::TABLE.keys(run.rows, of_it, true, 1)?;
    let place = last
        .first()
        .map_or(0, |(_, _, place)| place.saturating_add(1));
    let line = LogLine {
        time: now,
        level: Level::Error,
        message,
    };
    logs::TABLE.put(run.rows, (id, activation, place), &line)
}

/// Returns the settings of a workflow for runs that end: the retention, and the workflow for failures.
pub(super) fn settings_of(run: &RunWrite<'_>) -> Result<(Option<u64>, Option<String>), ReadError> {
    let workflow = workflows::TABLE.get(run.rows, run.state().workflow.as_str())?;
    Ok(workflow.map_or((None, None), |workflow| {
        (workflow.retention, workflow.on_failure)
    }))
}
