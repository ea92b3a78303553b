//! `runs`: the part of a run that never changes.
//!
//! Key: run. Row: [`StoredRun`]. Version 1 did not have the size of the input, version 2 the restarted run, version 3
//! the run that started it and the labels, and version 4 the trigger. The parts that change often are in `states`, so
//! that an activation does not write this row again.

use dormouse_journal::{
    DecodeError, GuestLimits, Header, Labels, OperationNumber, Payload, RunId, Time, TriggerId,
    TriggerRequest, VersionId, WhenParentEnds, decode_body,
};
use serde::{Deserialize, Serialize};

use super::{TableId, runs_by_label};
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, StoredRun> = Table::new(TableId::Runs);

/// The largest size of an input in this table, in bytes. Lists read it without needing it.
const SMALL: usize = 256;

/// A run and its input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub(crate) run: Run,
    /// The input of the run. None if it is in `inputs`.
    pub(crate) input: Option<Payload>,
    /// The number of bytes that its row in `inputs` counts for, 0 if it has none. None in a row of version 1.
    pub(crate) input_row: Option<u64>,
}

impl Row for StoredRun {
    const VERSION: u8 = 5;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => {
                let (run, input) = decode_body::<(RunV2, _)>(body)?;
                Ok(StoredRun {
                    run: run.into(),
                    input,
                    input_row: None,
                })
            }
            2 => {
                let (run, input, input_row) = decode_body::<(RunV2, _, _)>(body)?;
                Ok(StoredRun {
                    run: run.into(),
                    input,
                    input_row,
                })
            }
            3 => {
                let (run, input, input_row) = decode_body::<(RunV3, _, _)>(body)?;
                Ok(StoredRun {
                    run: run.into(),
                    input,
                    input_row,
                })
            }
            4 => {
                let (run, input, input_row) = decode_body::<(RunV4, _, _)>(body)?;
                Ok(StoredRun {
                    run: run.into(),
                    input,
                    input_row,
                })
            }
            found => Err(DecodeError::Version { found }),
        }
    }
}

impl StoredRun {
    /// Returns true if an input of this size is in this table.
    pub(crate) fn has(input: &Payload) -> bool {
        input.body.len() + input.content_type.len() <= SMALL
    }
}

/// Writes a run and updates the index of labels. `before` are the labels that the run had, none if it is new.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    id: RunId,
    run: &StoredRun,
    before: &Labels,
) -> Result<(), ReadError> {
    TABLE.put(rows, id, run)?;
    runs_by_label::change(rows, id, before, &run.run.labels)
}

/// Removes a run, and its labels from the index.
pub(crate) fn remove(rows: &mut (impl RowsMut + ?Sized), id: RunId) -> Result<(), ReadError> {
    match TABLE.take(rows, id)? {
        Some(StoredRun { run, .. }) => {
            runs_by_label::change(rows, id, &run.labels, &Labels::default())
        }
        None => Ok(()),
    }
}

/// The part of a run that never changes, and its version and labels, which seldom change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The name of the workflow.
    pub workflow: String,
    /// The version that the run executes. It changes only when the run is retried, moved or continues as new.
    pub version: VersionId,
    /// The time at which the run was started.
    pub created: Time,
    /// The key of the run's random numbers. It is not derived from the run's id, which URLs contain.
    pub key: [u8; 32],
    /// The limits that the run can notice.
    pub limits: GuestLimits,
    /// The headers of the request that started the run, without credentials.
    pub headers: Vec<Header>,
    /// The run that this one restarts, if there is one.
    pub restarted: Option<RunId>,
    /// The run that started this one, if there is one.
    pub parent: Option<Parent>,
    /// The labels of the run, by which it is found.
    pub labels: Labels,
    /// The trigger that started the run, if there is one.
    pub trigger: Option<Triggered>,
}

/// The trigger that started a run, and the request to it. The headers of the request are those of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    /// The id of the trigger, which may have been deleted since.
    pub id: TriggerId,
    /// The name that the trigger had.
    pub name: String,
    /// SHA-256 of the key of the run, if it got one.
    pub key: Option<[u8; 32]>,
    /// The method of the request.
    pub method: String,
    /// The URL that was called.
    pub url: String,
}

impl Run {
    /// Returns the request by which a trigger started the run, if there was one.
    #[must_use]
    pub fn trigger_request(&self) -> Option<TriggerRequest> {
        let triggered = self.trigger.as_ref()?;
        Some(TriggerRequest {
            trigger: triggered.name.clone(),
            method: triggered.method.clone(),
            url: triggered.url.clone(),
            headers: self.headers.clone(),
        })
    }
}

/// The run that started another run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The id of the parent, which may have been removed since.
    pub run: RunId,
    /// The operation of the parent that started the run.
    pub operation: OperationNumber,
    /// The number of runs above the started run.
    pub depth: u32,
    /// What happens to the started run when the parent ends.
    pub when_parent_ends: WhenParentEnds,
    /// The timeout of the started run in milliseconds, after which it is asked to cancel.
    pub timeout: Option<u64>,
}

/// A run in rows up to version 2.
#[derive(Deserialize)]
struct RunV2 {
    workflow: String,
    version: VersionId,
    created: Time,
    key: [u8; 32],
    limits: GuestLimits,
    headers: Vec<Header>,
}

/// A run in rows of version 3.
#[derive(Deserialize)]
struct RunV3 {
    run: RunV2,
    restarted: Option<RunId>,
}

/// A run in rows of version 4.
#[derive(Deserialize)]
struct RunV4 {
    run: RunV3,
    parent: Option<Parent>,
    labels: Labels,
}

impl From<RunV4> for Run {
    fn from(
        RunV4 {
            run,
            parent,
            labels,
        }: RunV4,
    ) -> Self {
        Run {
            parent,
            labels,
            ..run.into()
        }
    }
}

impl From<RunV3> for Run {
    fn from(RunV3 { run, restarted }: RunV3) -> Self {
        Run {
            restarted,
            ..run.into()
        }
    }
}

impl From<RunV2> for Run {
    fn from(run: RunV2) -> Self {
        Run {
            workflow: run.workflow,
            version: run.version,
            created: run.created,
            key: run.key,
            limits: run.limits,
            headers: run.headers,
            restarted: None,
            parent: None,
            labels: Labels::default(),
            trigger: None,
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("workflow", &self.workflow)
            .field("version", &self.version)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}
