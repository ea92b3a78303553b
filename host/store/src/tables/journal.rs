//! `journal`: the journals of all runs.
//!
//! Key: run, branch, number of the activation from 0. Row: an activation. Version 1 did not have how far wall time was
//! ahead, and version 2 did not have where the completion came from. If a run continues as new, its activations are
//! numbered on, and the earlier ones are removed. The branch is 0 until the run is taken back. From the first
//! activation that is set aside on, the journal then continues in another branch (`tries.rs`).

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
