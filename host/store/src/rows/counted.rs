//! Counts the changes of rows: how much a transaction writes, and how much disk space each run gains or loses.
//!
//! This is one layer between the rules and the backend. So every write is counted, whichever rule writes it and
//! whichever backend keeps it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use dormouse_journal::RunId;

use super::{EachRow, Part, Range, Rows, RowsMut, TableId};
use crate::StorageError;

/// The number of bytes that each row counts for in addition to its own: for its key, and its share of the tree above it
/// and of the indexes that name it. Otherwise a run could have any number of empty rows for nothing.
pub(crate) const ROW: u64 = 64;

/// The largest size of a row of `replies` that counts as added by a sender, because the workflow has not filled it yet.
const UNANSWERED_REPLY_SIZE: u64 = 8;

/// A number of rows, and of bytes in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Rows.
    pub rows: u64,
    /// The bytes of the rows, without their keys.
    pub bytes: u64,
}

impl Extent {
    /// Returns this many rows with this many bytes in all.
    pub(crate) fn new(rows: u64, bytes: u64) -> Self {
        Extent { rows, bytes }
    }

    /// Returns the sum of both.
    pub(crate) fn and(self, other: Extent) -> Self {
        Extent {
            rows: self.rows.saturating_add(other.rows),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    /// Returns true if neither number is above that of `most`.
    pub(crate) fn is_within(self, most: Extent) -> bool {
        self.rows <= most.rows && self.bytes <= most.bytes
    }
}

/// The change of a run's disk space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    /// The whole change.
    pub(crate) all: i64,
    /// The part of the change that comes from what others sent to the run.
    pub(crate) received: i64,
}

/// Rows that can be changed, with a count of the changes so far.
pub(crate) trait Ledger: RowsMut {
    /// Returns how much was written and removed so far. The bytes are those that were written.
    fn written(&self) -> Extent;

    /// Returns the number of bytes of the rows that were removed so far.
    fn removed_bytes(&self) -> u64;

    /// Returns the growth of a run since [`Ledger::settle`] was last called for it.
    fn growth(&self, run: RunId) -> Growth;

    /// Returns the growth of a run, and begins to count from zero again.
    fn settle(&mut self, run: RunId) -> Growth;
}

/// The rows of a backend, with a count of the changes.
pub(crate) struct Counted<'r> {
    rows: &'r mut (dyn RowsMut + Send + 'r),
    written: Extent,
    removed_bytes: u64,
    growth: BTreeMap<RunId, Growth>,
}

impl<'r> Counted<'r> {
    pub(crate) fn new(rows: &'r mut (dyn RowsMut + Send + 'r)) -> Self {
        Counted {
            rows,
            written: Extent::default(),
            removed_bytes: 0,
            growth: BTreeMap::new(),
        }
    }

    /// Returns the runs that have grown or shrunk since they were last settled.
    pub(crate) fn unsettled(&self) -> Vec<RunId> {
        self.growth.keys().copied().collect()
    }

    fn wrote(&mut self, table: TableId, key: &[Part<'_>], size: usize, replaced: Option<usize>) {
        self.written = self.written.and(Extent::new(1, size as u64));
        note(&mut self.growth, table, key, replaced, Some(size));
    }
}

impl Rows for Counted<'_> {
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        self.rows.read(table, key, found)
    }

    fn scan(
        &self,
        table: TableId,
        range: Range<'_>,
        each: EachRow<'_>,
    ) -> Result<(), StorageError> {
        self.rows.scan(table, range, each)
    }
}

impl RowsMut for Counted<'_> {
    fn write(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        row: &[u8],
    ) -> Result<Option<usize>, StorageError> {
        let replaced = self.rows.write(table, key, row)?;
        self.wrote(table, key, row.len(), replaced);
        Ok(replaced)
    }

    fn remove(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        removed: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        let mut size = 0;
        let existed = self.rows.remove(table, key, &mut |row| {
            size = row.len();
            removed(row);
        })?;
        if existed {
            self.written.rows += 1;
            self.removed_bytes += size as u64;
            note(&mut self.growth, table, key, Some(size), None);
        }
        Ok(existed)
    }

    fn remove_range(
        &mut self,
        table: TableId,
        range: Range<'_>,
        removed: EachRow<'_>,
    ) -> Result<(), StorageError> {
        let (written, bytes) = (&mut self.written, &mut self.removed_bytes);
        let growth = &mut self.growth;
        self.rows.remove_range(table, range, &mut |key, row| {
            written.rows += 1;
            *bytes += row.len() as u64;
            note(growth, table, key, Some(row.len()), None);
            removed(key, row)
        })
    }
}

impl Ledger for Counted<'_> {
    fn written(&self) -> Extent {
        self.written
    }

    fn removed_bytes(&self) -> u64 {
        self.removed_bytes
    }

    fn growth(&self, run: RunId) -> Growth {
        self.growth.get(&run).copied().unwrap_or_default()
    }

    fn settle(&mut self, run: RunId) -> Growth {
        self.growth.remove(&run).unwrap_or_default()
    }
}

/// Notes that the size of a row of a run has changed.
fn note(
    growth: &mut BTreeMap<RunId, Growth>,
    table: TableId,
    key: &[Part<'_>],
    before: Option<usize>,
    after: Option<usize>,
) {
    let Some(run) = owner(table, key) else { return };
    let growth = growth.entry(run).or_default();
    for (size, sign) in [(before, -1), (after, 1)] {
        let Some(size) = size else { continue };
        let counted = i64::try_from(counted(size))
            .unwrap_or(i64::MAX)
            .saturating_mul(sign);
        growth.all = growth.all.saturating_add(counted);
        if is_received(table, size) {
            growth.received = growth.received.saturating_add(counted);
        }
    }
}

/// Returns the number of bytes that a row of this size counts for.
pub(crate) fn counted(size: usize) -> u64 {
    (size as u64).saturating_add(ROW)
}

/// Returns the run that a row counts for. None if it counts for no run: it belongs to no single run, it is the run's
/// row of `states`, which is small and contains the count itself, or it is a wait of another run, which is counted by
/// that run's operation.
pub(crate) fn owner(table: TableId, key: &[Part<'_>]) -> Option<RunId> {
    match (table, key.first()) {
        (TableId::States | TableId::Due | TableId::RunWaits, _) => None,
        // These keys begin with a trigger. Their rows are bounded by the number of triggers and by the rate of
        // requests.
        (
            TableId::Triggers
            | TableId::TriggerCounts
            | TableId::TriggerKeys
            | TableId::TriggerRequests,
            _,
        ) => None,
        (_, Some(Part::Run(run))) => Some(RunId(**run)),
        _ => None,
    }
}

/// Returns true if a row exists because of something that was sent to the run. The run is not responsible for such a
/// row.
pub(crate) fn is_received(table: TableId, size: usize) -> bool {
    match table {
        TableId::Inbox
        | TableId::InboxRequests
        | TableId::Duplicates
        | TableId::Mail
        | TableId::MailPayloads
        | TableId::Mailboxes
        | TableId::Routed => true,
        TableId::Replies => size as u64 <= UNANSWERED_REPLY_SIZE,
        _ => false,
    }
}

/// Removes the rows of a range, as many as the limit allows. Returns true if the range is empty now.
pub(crate) fn remove_some(
    rows: &mut (impl Ledger + ?Sized),
    table: TableId,
    range: Range<'_>,
    limit: WriteLimit,
) -> Result<bool, StorageError> {
    let (mut written, mut bytes) = (rows.written(), rows.removed_bytes());
    if limit.is_reached(written, bytes) {
        return Ok(false);
    }
    let mut all = true;
    rows.remove_range(table, range, &mut |_, row| {
        written.rows += 1;
        bytes += row.len() as u64;
        all = !limit.is_reached(written, bytes);
        if all {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(all)
}

/// The limit of a transaction that works in pieces, as totals of its group: the rows that the group has written, and the
/// bytes of the rows that it has removed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WriteLimit {
    rows: u64,
    removed_bytes: u64,
}

impl WriteLimit {
    /// Returns the limit that allows this many more rows, and this many more bytes of removed rows. A single row may be
    /// larger.
    pub(crate) fn of(rows: &(impl Ledger + ?Sized), more: u64, removed_bytes: u64) -> Self {
        WriteLimit {
            rows: rows.written().rows + more,
            removed_bytes: rows.removed_bytes() + removed_bytes,
        }
    }

    /// Returns true if more rows may be changed.
    pub(crate) fn allows_more(self, rows: &(impl Ledger + ?Sized)) -> bool {
        !self.is_reached(rows.written(), rows.removed_bytes())
    }

    fn is_reached(self, written: Extent, removed_bytes: u64) -> bool {
        written.rows >= self.rows || removed_bytes >= self.removed_bytes
    }
}
