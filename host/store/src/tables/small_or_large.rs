//! Values that are in a row if they are small, and otherwise in a table of their own under the same key.
//!
//! This has three reasons. A body is not written again when something beside it changes. Rows that are scanned or change often
//! stay small, and so do the leaves of the B-tree, which are rewritten as a whole. An id or a time can be read without the
//! body.

use bytes::Bytes;
use dormouse_journal::encode_as;
use serde::{Deserialize, Serialize};

use crate::ReadError;
use crate::rows::keys::{Key, KeyOf};
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

/// The largest size in bytes of a value in a row. A page of redb has 4 KiB, and several rows share one.
const SMALL: usize = 1_024;

/// A value that is to be stored. A large value is encoded already, so that the writer need not do it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum SmallOrLarge<V> {
    /// A small value, which is stored in the row.
    Small(V),
    /// A large value, encoded as a row of its own table.
    Large(Bytes),
}

/// The most bytes that a value adds to the row that it is stored in.
pub(crate) const MOST_IN_ROW: u64 = 2 * SMALL as u64;

/// Returns true if a value of this many bytes is stored in the row.
pub(crate) fn is_small(size: usize) -> bool {
    size <= SMALL
}

impl<V: Row + Clone> SmallOrLarge<V> {
    /// Returns a value of this many bytes as it is going to be stored.
    pub(crate) fn new(size: usize, value: V) -> Self {
        if is_small(size) {
            SmallOrLarge::Small(value)
        } else {
            SmallOrLarge::Large(encode_as(V::VERSION, &value).into())
        }
    }

    /// Returns the largest number of bytes that the value takes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            SmallOrLarge::Small(_) => MOST_IN_ROW,
            SmallOrLarge::Large(row) => row.len() as u64,
        }
    }

    pub(crate) fn is_large(&self) -> bool {
        matches!(self, SmallOrLarge::Large(_))
    }

    /// Returns a small value, for its row. Writes a large value to its own table.
    pub(crate) fn put<K: Key>(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        table: &Table<K, V>,
        key: impl KeyOf<K>,
    ) -> Result<Option<V>, ReadError> {
        match self {
            SmallOrLarge::Small(value) => Ok(Some(value.clone())),
            SmallOrLarge::Large(row) => {
                table.put_encoded(rows, key, row)?;
                Ok(None)
            }
        }
    }
}

/// Returns a value from its row, or from its own table.
pub(crate) fn get<K: Key, V: Row>(
    rows: &(impl Rows + ?Sized),
    table: &Table<K, V>,
    key: impl KeyOf<K>,
    in_row: Option<V>,
) -> Result<Option<V>, ReadError> {
    match in_row {
        Some(value) => Ok(Some(value)),
        None => table.get(rows, key),
    }
}
