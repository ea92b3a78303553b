//! `expiries`: the times at which things are removed or ended.
//!
//! Key: time, then an encoded [`Expiring`]. No row. It is one queue for everything, so that one task
//! empties it.

use dormouse_journal::{OperationNumber, RunId, Time, TriggerId, WebhookNumber, decode, encode};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(Time, Vec<u8>)> = Index::new(TableId::Expiries);

/// Something that expires.
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
    /// An ended run, with all its rows.
    Run(RunId),
    /// The open operations of an ended run.
    Open(RunId),
    /// The rows that are left of a run that was removed.
    Rest {
        run: RunId,
        /// The workflow that the rows count for.
        workflow: String,
    },
    /// The grace period of a run that was asked to cancel.
    Grace(RunId),
    /// The timeout of a run.
    Timeout(RunId),
    /// The time to repair a run that broke or failed in this try.
    Broken { run: RunId, tries: u32 },
    /// The rows that are left of earlier generations of a run.
    Old {
        run: RunId,
        /// The records of activations before this one.
        activations: u32,
        /// The log lines of activations before this one.
        logs: u32,
    },
    /// The open operations of a run that failed in this try, from this operation on: they are frozen.
    Freeze {
        run: RunId,
        tries: u32,
        from: OperationNumber,
    },
    /// The key of a request to a trigger.
    Triggered { trigger: TriggerId, key: [u8; 32] },
    /// The rows that were prepared to take a run back in this try, if they were not used.
    Restores { run: RunId, tries: u32 },
}

impl Expiring {
    pub(crate) fn from_key(bytes: &[u8]) -> Result<Self, ReadError> {
        decode(bytes).map_err(|source| ReadError::Row {
            table: TableId::Expiries.name(),
            source,
        })
    }

    /// Removes an entry from the queue.
    pub(crate) fn remove(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        time: Time,
    ) -> Result<(), ReadError> {
        TABLE.remove(rows, (time, encode(self))).map(drop)
    }

    /// Adds an entry to the queue.
    pub(crate) fn add(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        time: Time,
    ) -> Result<(), ReadError> {
        TABLE.add(rows, (time, encode(self)))
    }
}
