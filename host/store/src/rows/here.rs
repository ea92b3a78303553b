//! Rows as a thread reads them on which other tasks wait: a few small ones, and no more.
//!
//! A read of a few rows is faster than moving to another thread. But guests and senders choose how large a request or a result
//! is, how many operations a run waits for, and how long its journal is. Reading a body of 15 MiB takes milliseconds, and longer
//! if the disk is asked. So such a read is refused here, and is begun anew on a thread for blocking work.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{EachRow, Part, Range, Rows, TableId};
use crate::StorageError;

/// The most rows and the most bytes of rows that one question reads on the thread that asks it.
const ROWS: usize = 256;
const BYTES: usize = 256 << 10;

/// Rows of which one question may read a few here, or all.
pub(crate) struct Here<R> {
    rows: R,
    /// What may still be read. None if nothing is refused.
    left: Option<(Cell<usize>, Cell<usize>)>,
    refused: Cell<bool>,
}

/// A row that is not read on this thread.
#[derive(Debug, thiserror::Error)]
#[error("the read is too long for this thread")]
struct TooLong;

impl<R> Here<R> {
    /// Returns rows of which a few small ones can be read.
    pub(crate) fn a_few(rows: R) -> Self {
        Here {
            rows,
            left: Some((Cell::new(ROWS), Cell::new(BYTES))),
            refused: Cell::new(false),
        }
    }

    /// Returns rows all of which can be read.
    pub(crate) fn all(rows: R) -> Self {
        Here {
            rows,
            left: None,
            refused: Cell::new(false),
        }
    }

    /// Returns true if a row was not read because of the thread.
    pub(crate) fn has_refused(&self) -> bool {
        self.refused.get()
    }

    fn refuse(&self) -> StorageError {
        self.refused.set(true);
        StorageError::new(TooLong)
    }

    /// Counts what is read. Returns false if it is too much.
    fn count(&self, more_rows: usize, more_bytes: usize) -> bool {
        let Some((rows, bytes)) = &self.left else {
            return true;
        };
        match (
            rows.get().checked_sub(more_rows),
            bytes.get().checked_sub(more_bytes),
        ) {
            (Some(fewer), Some(less)) => {
                rows.set(fewer);
                bytes.set(less);
                true
            }
            _ => false,
        }
    }

    /// Checks a table before it is read, and counts the search for a row, which takes as long if there is none. A row of some tables may
    /// be as large as a body, and nobody knows before it was read.
    fn check(&self, table: TableId) -> Result<(), StorageError> {
        match self.left.is_some() && has_large_rows(table) || !self.count(1, 0) {
            true => Err(self.refuse()),
            false => Ok(()),
        }
    }
}

/// Returns true for the tables whose rows are there because they are too large for others.
fn has_large_rows(table: TableId) -> bool {
    matches!(
        table,
        TableId::CallBodies
            | TableId::CallRequests
            | TableId::Code
            | TableId::Components
            | TableId::EventPayloads
            | TableId::GenerationInputs
            | TableId::InboxRequests
            | TableId::Inputs
            | TableId::MailPayloads
            | TableId::ResultOutcomes
    )
}

impl<R: Rows> Rows for Here<R> {
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        self.check(table)?;
        let mut is_counted = true;
        let mut count = |row: &[u8]| {
            is_counted = self.count(0, row.len());
            if is_counted {
                found(row);
            }
        };
        let is_found = self.rows.read(table, key, &mut count)?;
        if is_counted {
            Ok(is_found)
        } else {
            Err(self.refuse())
        }
    }

    fn scan(
        &self,
        table: TableId,
        range: Range<'_>,
        each: EachRow<'_>,
    ) -> Result<(), StorageError> {
        self.check(table)?;
        let mut is_counted = true;
        let mut count = |key: &[Part<'_>], row: &[u8]| {
            is_counted = self.count(1, row.len());
            match is_counted {
                true => each(key, row),
                false => ControlFlow::Break(()),
            }
        };
        self.rows.scan(table, range, &mut count)?;
        if is_counted {
            Ok(())
        } else {
            Err(self.refuse())
        }
    }

    fn is_short(&self, bytes: u64) -> Result<(), StorageError> {
        match &self.left {
            Some((_, left)) if bytes > left.get() as u64 => Err(self.refuse()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use super::*;

    /// Many rows of one size.
    struct Alike(usize);

    impl Rows for Alike {
        fn read(
            &self,
            _: TableId,
            _: &[Part<'_>],
            found: &mut dyn FnMut(&[u8]),
        ) -> Result<bool, StorageError> {
            found(&vec![0; self.0]);
            Ok(true)
        }

        fn scan(&self, _: TableId, _: Range<'_>, each: EachRow<'_>) -> Result<(), StorageError> {
            let row = vec![0; self.0];
            while each(&[], &row).is_continue() {}
            Ok(())
        }
    }

    /// No rows.
    struct Empty;

    impl Rows for Empty {
        fn read(
            &self,
            _: TableId,
            _: &[Part<'_>],
            _: &mut dyn FnMut(&[u8]),
        ) -> Result<bool, StorageError> {
            Ok(false)
        }

        fn scan(&self, _: TableId, _: Range<'_>, _: EachRow<'_>) -> Result<(), StorageError> {
            Ok(())
        }
    }

    const ALL: Range<'_> = Range {
        start: Bound::Unbounded,
        end: Bound::Unbounded,
        backwards: false,
    };

    /// Reads rows of this size one by one, at most as many as a scan would. Returns how many were read before one was refused.
    fn read(rows: &Here<Alike>, table: TableId) -> usize {
        let mut count = 0;
        while count < 2 * ROWS && rows.read(table, &[], &mut |_| count += 1).is_ok() {}
        count
    }

    /// Scans rows until `most` were found. Returns how many were, and whether the scan was refused.
    fn scan(rows: &Here<Alike>, most: usize) -> (usize, bool) {
        let mut count = 0;
        let scanned = rows.scan(TableId::Open, ALL, &mut |_, _| {
            count += 1;
            match count < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        (count, scanned.is_err())
    }

    #[test]
    fn a_few_small_rows_are_read_here() {
        let rows = Here::a_few(Alike(10));
        // The search for the first row counts, too.
        assert_eq!(scan(&rows, ROWS - 1), (ROWS - 1, false));
        assert!(!rows.has_refused());
        let rows = Here::a_few(Alike(10));
        assert_eq!(scan(&rows, ROWS), (ROWS - 1, true));
        assert!(rows.has_refused());
        let rows = Here::a_few(Alike(10));
        assert_eq!(read(&rows, TableId::States), ROWS);
        assert!(rows.has_refused());
    }

    /// A run that waits for 10,000 results is asked for each, and mostly there is none.
    #[test]
    fn searches_that_find_nothing_are_counted() {
        let rows = Here::a_few(Empty);
        let search = || rows.read(TableId::Results, &[], &mut |_| {});
        assert_eq!((0..2 * ROWS).filter(|_| search().is_ok()).count(), ROWS);
        let rows = Here::a_few(Empty);
        let scan = || rows.scan(TableId::Inbox, ALL, &mut |_, _| ControlFlow::Continue(()));
        assert_eq!((0..2 * ROWS).filter(|_| scan().is_ok()).count(), ROWS);
    }

    #[test]
    fn the_bytes_of_the_rows_are_counted() {
        let rows = Here::a_few(Alike(BYTES / 4));
        assert_eq!(read(&rows, TableId::States), 4);
        assert!(rows.has_refused());
        let rows = Here::a_few(Alike(BYTES / 4));
        assert_eq!(scan(&rows, 9), (4, true));
    }

    #[test]
    fn rows_of_unknown_size_are_not_read_here() {
        let rows = Here::a_few(Alike(1));
        assert_eq!(read(&rows, TableId::InboxRequests), 0);
        assert!(rows.has_refused());
        let rows = Here::a_few(Alike(1));
        assert!(rows.is_short(BYTES as u64).is_ok());
        assert!(!rows.has_refused());
        assert!(rows.is_short(BYTES as u64 + 1).is_err());
        assert!(rows.has_refused());
    }

    #[test]
    fn on_another_thread_everything_is_read() {
        let rows = Here::all(Alike(BYTES));
        assert_eq!(read(&rows, TableId::InboxRequests), 2 * ROWS);
        assert_eq!(scan(&rows, 2 * ROWS), (2 * ROWS, false));
        assert!(rows.is_short(u64::MAX).is_ok());
        assert!(!rows.has_refused());
    }
}
