//! Values that lie in a row if they are small, and otherwise in a table of their own under the same key.
//!
//! So a body is not written again because something beside it changes; what is scanned and what changes often stays
//! small, also in the leaves of a B-tree, which are rewritten whole; and an id or a time is read without the body.

use crate::ReadError;
use crate::rows::keys::{Key, KeyOf};
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

/// How many bytes a value may have that lies in its row. A page of redb has 4 KiB, and several rows share one.
const SMALL: usize = 1_024;

/// Puts a value where it belongs: returns it if it is to lie in its row, and otherwise writes it to its own table.
pub(crate) fn put<K: Key, V: Row>(
    rows: &mut (impl RowsMut + ?Sized),
    table: &Table<K, V>,
    key: impl KeyOf<K>,
    size: usize,
    value: V,
) -> Result<Option<V>, ReadError> {
    if size <= SMALL {
        return Ok(Some(value));
    }
    table.put(rows, key, &value)?;
    Ok(None)
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
