//! `repeats`: the number of times that a call was made again after a definite answer or with other arguments.
//!
//! Key: run, operation. Row: [`Repeats`]. The `Idempotency-Key` that the host makes for a call contains this number, so
//! that a service which has refused a call does not take the next call for a repeat of it.
//!
//! Version 1 was the number alone.

use dormouse_journal::{DecodeError, Digest, OperationNumber, RunId, decode_body};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, OperationNumber), Repeats> = Table::new(TableId::Repeats);

/// The repeats of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Repeats {
    /// The number of times that the call was made again.
    pub(crate) count: u32,
    /// The digest of the arguments of a call that was set aside without a definite answer. With other arguments, the
    /// call is another one.
    pub(crate) digest: Option<Digest>,
    /// True if the call that is about to be set aside has a definite answer.
    pub(crate) is_answered: bool,
}

impl Repeats {
    /// Creates the row of a call that was made again this many times.
    pub(crate) fn new(count: u32) -> Self {
        Repeats {
            count,
            ..Repeats::default()
        }
    }

    /// Returns the number for a call that is made now with these arguments.
    pub(crate) fn of(self, digest: Digest) -> u32 {
        let differs = self.digest.is_some_and(|before| before != digest);
        self.count.saturating_add(differs.into())
    }

    /// Returns the row after a call with these arguments was set aside.
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
