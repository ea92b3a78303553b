//! `expiries`: what is to be removed, and when.
//!
//! Key: when, then an encoded [`Expiring`]. No value. One queue for all of it, so that one task empties it.

use dormouse_journal::{DecodeError, RunId, decode, encode};
use redb::TableDefinition;
use serde::{Deserialize, Serialize};

use crate::ReadError;

pub(crate) const TABLE: TableDefinition<'static, (u64, &'static [u8]), ()> =
    TableDefinition::new("expiries");

/// What expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Expiring {
    /// The key of an accepted request.
    Duplicate {
        run: RunId,
        webhook: u32,
        key: [u8; 32],
    },
    /// The key of a start.
    Start { workflow: String, key: [u8; 32] },
    /// An ended run, with all it owns.
    Run(RunId),
}

impl Expiring {
    pub(crate) fn to_key(&self) -> Vec<u8> {
        encode(self)
    }

    pub(crate) fn from_key(bytes: &[u8]) -> Result<Self, ReadError> {
        decode(bytes).map_err(|source: DecodeError| ReadError::Row {
            table: "expiries",
            source,
        })
    }
}
