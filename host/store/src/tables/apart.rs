//! Values that lie in a row if they are small, and otherwise in a table of their own under the same key.
//!
//! So a body is not written again because something beside it changes; what is scanned and what changes often stays
//! small, also in the leaves of a B-tree, which are rewritten whole; and an id or a time is read without the body.

use dormouse_journal::encode_as;

use crate::ReadError;
use crate::rows::keys::{Key, KeyOf};
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

/// How many bytes a value may have that lies in its row. A page of redb has 4 KiB, and several rows share one.
const SMALL: usize = 1_024;

/// A value on its way into the store: encoded already if it is large, so that the writer need not do it.
#[derive(Debug, Clone)]
pub(crate) enum Apart<V> {
    /// A small value, which goes into the row.
    Small(V),
    /// The row of its own table that a large value is.
    Large(Vec<u8>),
}

/// Returns true if a value of so many bytes lies in its row.
pub(crate) fn is_small(size: usize) -> bool {
    size <= SMALL
}

impl<V: Row + Clone> Apart<V> {
    /// Returns a value of so many bytes as it will lie in the store.
    pub(crate) fn new(size: usize, value: V) -> Self {
        if is_small(size) {
            Apart::Small(value)
        } else {
            Apart::Large(encode_as(V::VERSION, &value))
        }
    }

    /// Returns how many bytes it takes at most.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Apart::Small(_) => 2 * SMALL as u64,
            Apart::Large(row) => row.len() as u64,
        }
    }

    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Apart::Large(_))
    }

    /// Puts the value where it belongs: returns it if it is to lie in its row, and otherwise writes it to its own table.
    pub(crate) fn put<K: Key>(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        table: &Table<K, V>,
        key: impl KeyOf<K>,
    ) -> Result<Option<V>, ReadError> {
        match self {
            Apart::Small(value) => Ok(Some(value.clone())),
            Apart::Large(row) => {
                table.put_encoded(rows, key, row)?;
                Ok(None)
            }
        }
    }
}

/// Returns a value: what its row has, else what its own table has.
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
