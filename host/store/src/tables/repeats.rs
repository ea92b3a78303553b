//! `repeats`: how often a call was done again after a definite answer or with other arguments.
//!
//! Key: run, operation. Row: [`Repeats`]. The `Idempotency-Key` that the host makes for the call names it, so that whoever
//! has refused a call does not take the next for a repeat of it.
//!
//! Version 1 was the number alone.

use dormouse_journal::{DecodeError, Digest, OperationNumber, RunId, decode_body};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Repeats> = Table::new(TableId::Repeats);

/// How often a call was done again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repeats {
    /// So often.
    pub(crate) count: u32,
    /// Of the arguments of a call that was set aside without a definite answer. With others it is another call.
    pub(crate) digest: Option<Digest>,
    /// True if the call that is about to be set aside has a definite answer.
    pub(crate) is_answered: bool,
}

impl Repeats {
    /// Of a call that was done again so often.
    pub(crate) fn new(count: u32) -> Self {
        Repeats {
            count,
            ..Repeats::default()
        }
    }

    /// Returns the count of a call that is made now with these arguments.
    pub(crate) fn of(self, digest: Digest) -> u32 {
        let differs = self.digest.is_some_and(|before| before != digest);
        self.count.saturating_add(differs.into())
    }

    /// Returns what is to be known of a call when one with these arguments is set aside.
    pub(crate) fn set_aside(self, digest: Digest) -> Self {
        let count = self.of(digest);
        Repeats {
            count: count.saturating_add(self.is_answered.into()),
            digest: (!self.is_answered).then_some(digest),
            is_answered: false,
        }
    }
}

impl Row for Repeats {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => Ok(Repeats::new(decode_body(body)?)),
            found => Err(DecodeError::Version { found }),
        }
    }
}
