//! `runs`: what never changes about a run.
//!
//! Key: run. Row: [`StoredRun`]. What changes is in `states`, so that an activation does not write this again.

use dormouse_journal::{GuestLimits, Header, Payload, RunId, Time, VersionId};
use serde::{Deserialize, Serialize};

use super::TableId;
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
}

impl Row for StoredRun {}

impl StoredRun {
    /// Returns true if an input lies here.
    pub(crate) fn has(input: &Payload) -> bool {
        input.body.len() + input.content_type.len() <= SMALL
    }
}

/// What never changes about a run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its workflow.
    pub workflow: String,
    /// The version that it stays on.
    pub version: VersionId,
    /// When it was started.
    pub created: Time,
    /// The key of its randomness: not to be derived from its id, which URLs show.
    pub key: [u8; 32],
    /// The limits that it can feel.
    pub limits: GuestLimits,
    /// The headers of the request that started it, credentials left out.
    pub headers: Vec<Header>,
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
