//! What a transaction takes of the disk, judged before it is written.
//!
//! redb keeps a row that does not fit into a page with others in pages of its own, as many as the next power of two. Each
//! row that changes has the page that it lies in, and those above it, written anew.

use std::fmt;

use dormouse_store::StorageError;
use dormouse_store::rows::Part;

/// The size of redb's pages.
pub(crate) const PAGE: u64 = 4_096;

/// What every transaction takes: the roots of what it changes, and redb's own tables.
const BASE: u64 = 32 * PAGE;

/// What a row takes that lies in a page with others: the page, and one more if it is split.
const SMALL: u64 = 2 * PAGE;

/// What a transaction takes so far, and what it may take.
#[derive(Debug)]
pub(crate) struct Cost {
    bytes: u64,
    allowed: u64,
}

/// There is too little space for what was to be written.
#[derive(Debug)]
struct NoRoom {
    needed: u64,
    room: u64,
}

impl Cost {
    /// Returns the cost of nothing, in a transaction that may take this much.
    pub(crate) fn new(allowed: u64) -> Self {
        Cost {
            bytes: BASE,
            allowed,
        }
    }

    /// Returns how many bytes it is so far.
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

    /// Adds rows that are removed: the pages that they lie in are written anew.
    pub(crate) fn remove(&mut self, rows: u64) {
        self.bytes = self.bytes.saturating_add(SMALL.saturating_mul(rows));
    }
}

/// Returns what a row of this size takes at most.
fn of_row(size: usize) -> u64 {
    let size = size as u64;
    if size <= PAGE / 2 {
        return SMALL;
    }
    // Its neighbours in the page may stay with it.
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
    fn what_goes_beyond_is_refused_and_removing_is_not() {
        let mut cost = Cost::new(BASE + 3 * SMALL);
        let key = [Part::U64(1)];
        cost.add(&key, b"one").unwrap();
        cost.add(&key, b"two").unwrap();
        cost.remove(100);
        let error = cost.add(&key, b"three").unwrap_err();
        assert!(error.is_full() && error.is_judged(), "{error}");
    }
}
