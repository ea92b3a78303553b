//! `trigger_keys`: the runs that have keys of triggers. Requests with such a key belong to its run. `keyed_runs`: the
//! keys, by their runs.
//!
//! Key of `trigger_keys`: trigger, SHA-256 of the key. Its row is the run. Key of `keyed_runs`: run. A run has its key
//! until it has ended for good.

use dormouse_journal::{RunId, TriggerId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(TriggerId, [u8; 32]), KeyHeld> = Table::new(TableId::TriggerKeys);
pub(crate) const RUNS: Table<RunId, KeyOfRun> = Table::new(TableId::KeyedRuns);

/// The run that has a key.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct KeyHeld(pub(crate) RunId);

impl Row for KeyHeld {}

/// The key that a run has.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct KeyOfRun {
    pub(crate) trigger: TriggerId,
    pub(crate) key: [u8; 32],
}

impl Row for KeyOfRun {}

/// Gives a key to a run.
pub(crate) fn hold(
    rows: &mut (impl RowsMut + ?Sized),
    trigger: TriggerId,
    key: [u8; 32],
    run: RunId,
) -> Result<(), ReadError> {
    TABLE.put(rows, (trigger, key), &KeyHeld(run))?;
    RUNS.put(rows, run, &KeyOfRun { trigger, key })
}

/// Takes its key from a run, if it has one. The next request with that key starts another run.
pub(crate) fn release(rows: &mut (impl RowsMut + ?Sized), run: RunId) -> Result<(), ReadError> {
    if let Some(KeyOfRun { trigger, key }) = RUNS.take(rows, run)? {
        TABLE.remove(rows, (trigger, key))?;
    }
    Ok(())
}
