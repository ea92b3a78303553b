//! Estimates the disk space of a transaction before it is written.
//!
//! redb keeps a row that does not fit into a page with others in pages of its own, whose number is the next power of
//! two. For each changed row, the page that it is in and the pages above it are written again.

use std::fmt;

use dormouse_store::StorageError;
use dormouse_store::rows::Part;

/// The size of redb's pages.
pub(crate) const PAGE: u64 = 4_096;

/// The space of every transaction: the roots of what it changes, and redb's own tables.
const BASE: u64 = 32 * PAGE;

/// The space of a row that is in a page with others: the page, and another one if it is split.
const SMALL: u64 = 2 * PAGE;

/// The space that a transaction needs so far, and that it may use.
#[derive(Debug)]
pub(crate) struct Cost {
    bytes: u64,
    allowed: u64,
}

/// The error for too little space.
#[derive(Debug)]
struct NoRoom {
    needed: u64,
    room: u64,
}

impl Cost {
    /// Creates the cost of nothing, in a transaction that may use this much space.
    pub(crate) fn new(allowed: u64) -> Self {
        Cost {
            bytes: BASE,
            allowed,
        }
    }

    /// Returns the space so far, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a row that is written.
    ///
    /// # Errors
    /// When there is too little space for it.
    pub(crate) fn add(&mut self, key: &[Part<'_>], row: &[u8]) -> Result<(), StorageError> {
        self.bytes = self.bytes.saturating_add(of_row(key_size(key) + row.len()));
        if self.bytes > self.allowed {
            return Err(StorageError::no_room(NoRoom {
                needed: self.bytes,
                room: self.allowed,
            }));
        }
        Ok(())
    }

    /// Adds rows that are removed: their pages are written again.
    pub(crate) fn remove(&mut self, rows: u64) {
        self.bytes = self.bytes.saturating_add(SMALL.saturating_mul(rows));
    }
}

/// Returns the most space that a row of this size needs.
fn of_row(size: usize) -> u64 {
    let size = size as u64;
    if size <= PAGE / 2 {
        return SMALL;
    }
    // Its neighbours may stay in the same page.
    let pages = size.saturating_add(PAGE).div_ceil(PAGE);
    pages
        .checked_next_power_of_two()
        .unwrap_or(u64::MAX)
        .saturating_mul(PAGE)
        .saturating_add(SMALL)
}

fn key_size(key: &[Part<'_>]) -> usize {
    let sizes = key.iter().map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Bytes(bytes) => bytes.len(),
        _ => 32,
    });
    sizes.sum()
}

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NoRoom { needed, room } = self;
        write!(
            f,
            "it takes {needed} bytes of the disk, and {room} are left beside what is kept for housekeeping"
        )
    }
}

impl std::error::Error for NoRoom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_row_counts_as_the_power_of_two_that_redb_makes_of_it() {
        let mib = 1 << 20;
        assert_eq!(of_row(8 * mib), 16 * (1 << 20) + SMALL);
        assert_eq!(of_row(8 * mib - 8_192), 8 * (1 << 20) + SMALL);
        assert_eq!(of_row(100), SMALL);
    }

    #[test]
    fn a_write_beyond_the_space_is_refused_and_a_removal_is_not() {
        let mut cost = Cost::new(BASE + 3 * SMALL);
        let key = [Part::U64(1)];
        cost.add(&key, b"one").unwrap();
        cost.add(&key, b"two").unwrap();
        cost.remove(100);
        let error = cost.add(&key, b"three").unwrap_err();
        assert!(
            error.is_full() && error.is_refused_before_write(),
            "{error}"
        );
    }
}
