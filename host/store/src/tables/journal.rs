//! `journal`: the journals of all runs.
//!
//! Key: run, generation, number of the activation from 0. Row: an activation, of which
//! version 1 did not say how far wall time was ahead. The generation is 0 for now; it is there
//! so that a run can one day start over with a new input and a journal of its own, keeping its id and its webhooks.

use dormouse_journal::{Activation, DecodeError, RunId};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32, u32), Activation> = Table::new(TableId::Journal);

/// The generation of every run, until runs can start over.
pub(crate) const GENERATION: u32 = 0;

impl Row for Activation {
    const VERSION: u8 = Activation::VERSION;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        Activation::decode_earlier(version, body)
    }
}
