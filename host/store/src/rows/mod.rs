//! The inner interface of the store: rows.
//!
//! The rules are written once, over tables of rows. A backend keeps the rows: it implements [`Rows`] for reads and
//! [`RowsMut`] for the changes of a transaction. It knows tables by their [`TableId`], keys by their [`Part`]s, and
//! rows as bytes.

pub(crate) mod counted;
pub(crate) mod here;
pub(crate) mod keys;
pub(crate) mod table;
mod table_id;

use std::ops::{Bound, ControlFlow};

pub use counted::Extent;
pub use keys::Part;
pub use table_id::TableId;

use crate::StorageError;

/// A range of keys of one table.
#[derive(Debug, Clone, Copy)]
pub struct Range<'a> {
    /// The beginning of the range.
    pub start: Bound<&'a [Part<'a>]>,
    /// The end of the range.
    pub end: Bound<&'a [Part<'a>]>,
    /// True if the keys are visited from the last to the first.
    pub backwards: bool,
}

/// A function that a scan calls with each key and row. It breaks to end the scan.
pub type EachRow<'f> = &'f mut dyn FnMut(&[Part<'_>], &[u8]) -> ControlFlow<()>;

/// Rows that can be read, as of one moment.
pub trait Rows {
    /// Calls `found` with the row at `key`, if there is one. Returns true if there is one.
    ///
    /// # Errors
    /// When the disk fails.
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError>;

    /// Calls `each` with the keys and rows of a range, in the order of the keys.
    ///
    /// # Errors
    /// When the disk fails.
    fn scan(&self, table: TableId, range: Range<'_>, each: EachRow<'_>)
    -> Result<(), StorageError>;

    /// Asks whether rows of this many bytes may be read, before any of them is.
    ///
    /// # Errors
    /// When they are too long to be read on this thread.
    fn is_short(&self, _bytes: u64) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Rows that can be changed, by one transaction.
pub trait RowsMut: Rows {
    /// Writes a row, and replaces a row with the same key. Returns the size of the replaced row, if there was one.
    ///
    /// # Errors
    /// When the disk fails.
    fn write(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        row: &[u8],
    ) -> Result<Option<usize>, StorageError>;

    /// Removes the row at `key`, and calls `removed` with it. Returns true if there was one.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        removed: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError>;

    /// Removes the rows of a range in the order of their keys, and calls `removed` with each. It ends at the end of the
    /// range, or when `removed` breaks. If the range has rows, at least one is removed.
    ///
    /// # Errors
    /// When the disk fails.
    fn remove_range(
        &mut self,
        table: TableId,
        range: Range<'_>,
        removed: EachRow<'_>,
    ) -> Result<(), StorageError>;
}
