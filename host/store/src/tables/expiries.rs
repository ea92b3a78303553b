//! `expiries`: what is to be removed, and when.
//!
//! Key: when, then an encoded [`Expiring`]. No row. One queue for all of it, so that one task empties it.

use dormouse_journal::{OperationNumber, RunId, Time, TriggerId, WebhookNumber, decode, encode};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(Time, Vec<u8>)> = Index::new(TableId::Expiries);

/// What expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expiring {
    /// The key of an accepted request.
    Duplicate {
        run: RunId,
        webhook: WebhookNumber,
        key: [u8; 32],
    },
    /// The key of a start.
    Start { workflow: String, key: [u8; 32] },
    /// An ended run, with all it owns.
    Run(RunId),
    /// What an ended run had open, by which it would have gone on.
    Open(RunId),
    /// What is left of a run that was removed.
    Rest {
        run: RunId,
        /// The workflow that it counts for.
        workflow: String,
    },
    /// What a run that was asked to cancel has left to end by itself.
    Grace(RunId),
    /// The time that a run was given at its start.
    Timeout(RunId),
    /// The time to repair a run that broke or failed in this try.
    Broken { run: RunId, tries: u32 },
    /// What is left of earlier generations of a run.
    Old {
        run: RunId,
        /// The records of activations before this one.
        activations: u32,
        /// The log lines of activations before this one.
        logs: u32,
    },
    /// What a run had open that failed in this try, from this operation on: it is set aside.
    Freeze {
        run: RunId,
        tries: u32,
        from: OperationNumber,
    },
    /// The key of a request to a trigger.
    Triggered { trigger: TriggerId, key: [u8; 32] },
    /// What was prepared to take a run back in this try, and was not used.
    Restores { run: RunId, tries: u32 },
}

impl Expiring {
    pub(crate) fn from_key(bytes: &[u8]) -> Result<Self, ReadError> {
        decode(bytes).map_err(|source| ReadError::Row {
            table: TableId::Expiries.name(),
            source,
        })
    }

    /// Takes back that this is removed at a time.
    pub(crate) fn remove(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        time: Time,
    ) -> Result<(), ReadError> {
        TABLE.remove(rows, (time, encode(self))).map(drop)
    }

    /// Has this removed at a time.
    pub(crate) fn add(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        time: Time,
    ) -> Result<(), ReadError> {
        TABLE.add(rows, (time, encode(self)))
    }
}
