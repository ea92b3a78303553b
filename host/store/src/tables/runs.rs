//! `runs`: what never changes about a run.
//!
//! Key: run. Row: [`Row`]. What changes is in `states`, so that an activation does not write this again.

use dormouse_journal::{GuestLimits, Header, Payload, Time, VersionId};
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<RunKey, Row> = Rows::new("runs");

/// How large an input may be that lies in this table: lists read it for nothing.
const SMALL: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) run: Run,
    /// What it was started with. None if that lies in `inputs`.
    pub(crate) input: Option<Payload>,
}

impl Row {
    /// Whether an input lies here.
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
