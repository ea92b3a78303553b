//! `runs`: what never changes about a run.
//!
//! Key: run. Row: [`StoredRun`]. Version 1 did not have the size of the input, version 2 not the run that is repeated,
//! version 3 not the run that started it and the labels, version 4 not the trigger. What changes often is in `states`, so that an activation does not
//! write this again.

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

/// How large an input may be that lies in this table, in bytes: lists read it for nothing.
const SMALL: usize = 256;

/// A run and its input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredRun {
    pub(crate) run: Run,
    /// Its input. None if that lies in `inputs`.
    pub(crate) input: Option<Payload>,
    /// How much its row in `inputs` counts for, 0 if it has none. None in a row of version 1.
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
    /// Returns true if an input lies here.
    pub(crate) fn has(input: &Payload) -> bool {
        input.body.len() + input.content_type.len() <= SMALL
    }
}

/// Writes a run and keeps the index of labels. `before` are the labels that the run had, none if it is new.
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

/// What never changes about a run, and its version and labels, which seldom do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its workflow.
    pub workflow: String,
    /// The version that it executes, which changes only when it is retried or moved.
    pub version: VersionId,
    /// When it was started.
    pub created: Time,
    /// The key of its randomness: not to be derived from its id, which URLs show.
    pub key: [u8; 32],
    /// The limits that it can feel.
    pub limits: GuestLimits,
    /// The headers of the request that started it, credentials left out.
    pub headers: Vec<Header>,
    /// The run that it repeats, if it was started by restarting that one.
    pub restarted: Option<RunId>,
    /// The run that started it, if one did.
    pub parent: Option<Parent>,
    /// Its labels, by which it is found.
    pub labels: Labels,
    /// The trigger that started it, if one did.
    pub trigger: Option<Triggered>,
}

/// The trigger that started a run, and what came to it. The headers are those of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    /// The trigger. It may have been deleted since.
    pub id: TriggerId,
    /// The name that it had.
    pub name: String,
    /// SHA-256 of the key that the run was given, if it was given one.
    pub key: Option<[u8; 32]>,
    /// The method of the request.
    pub method: String,
    /// The URL that was called.
    pub url: String,
}

impl Run {
    /// Returns the request by which a trigger started the run, if one did.
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

/// The run that started another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its id. It may have been removed since.
    pub run: RunId,
    /// By this operation.
    pub operation: OperationNumber,
    /// How many runs are above the one that was started.
    pub depth: u32,
    /// What becomes of the run that was started when that one ends.
    pub when_parent_ends: WhenParentEnds,
    /// How long the run that was started has until it is asked to cancel, in milliseconds.
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
