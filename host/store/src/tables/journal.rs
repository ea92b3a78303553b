//! `journal`: the journals of all runs.
//!
//! Key: run, branch, number of the activation from 0. Row: an activation, of which version 1 did not say how far wall time was
//! ahead, and version 2 where its completion came from. A run that continues as new numbers its activations on, and its
//! earlier ones are removed. The branch is 0 until the run is taken back: from the activation on that was the first to be set
//! aside, the journal goes on in another branch (`tries.rs`).

use dormouse_journal::{Activation, DecodeError, RunId};

use super::TableId;
use super::tries::{Branch, branch_of};
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32, u32), Activation> = Table::new(TableId::Journal);

/// Returns the key of an activation of a run whose journal has these branches.
pub(crate) fn key(run: RunId, branches: &[Branch], activation: u32) -> (RunId, u32, u32) {
    (run, branch_of(branches, activation), activation)
}

impl Row for Activation {
    const VERSION: u8 = Activation::VERSION;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        Activation::decode_earlier(version, body)
    }
}
