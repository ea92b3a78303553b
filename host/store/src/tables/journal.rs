//! `journal`: the journals of all runs.
//!
//! Key: run, 0, number of the activation from 0. Row: an activation, of which version 1 did not say how far wall time was
//! ahead. A run that continues as new numbers its activations on, and its earlier ones are removed; the part of the key
//! that is always 0 was meant for generations, and is of no use.

use dormouse_journal::{Activation, DecodeError, RunId};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32, u32), Activation> = Table::new(TableId::Journal);

/// The part of every key that is always the same.
pub(crate) const UNUSED: u32 = 0;

impl Row for Activation {
    const VERSION: u8 = Activation::VERSION;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        Activation::decode_earlier(version, body)
    }
}
