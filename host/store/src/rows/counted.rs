//! Rows whose changes are counted: how much a transaction writes, and how much each run gains or loses on the disk.
//!
//! There is one such layer, between the rules and the backend, so that nothing is written that is not counted, whatever
//! rule writes it and whatever backend keeps it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use dormouse_journal::RunId;

use super::{EachRow, Part, Range, Rows, RowsMut, TableId};
use crate::StorageError;

/// How many bytes count for a row beside its own: its key, and its share of the tree above it and of the indexes that
/// name it. Without them a run could own any number of empty rows for nothing.
pub(crate) const ROW: u64 = 64;

/// Up to which size a row of `replies` is what a sender added: one that the workflow has not filled yet.
const UNDECIDED: u64 = 8;

/// A number of rows, and of bytes in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Rows.
    pub rows: u64,
    /// Bytes of rows, without their keys.
    pub bytes: u64,
}

impl Extent {
    /// Returns so many rows with so many bytes in all.
    pub(crate) fn new(rows: u64, bytes: u64) -> Self {
        Extent { rows, bytes }
    }

    /// Returns both together.
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

/// By how much what a run owns on the disk has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    /// All of it.
    pub(crate) all: i64,
    /// What others sent to the run.
    pub(crate) received: i64,
}

/// Rows that can be changed, and what was changed so far.
pub(crate) trait Ledger: RowsMut {
    /// Returns what was written and removed so far. The bytes are those that were written.
    fn written(&self) -> Extent;

    /// Returns how many bytes the rows had that were removed so far.
    fn removed_bytes(&self) -> u64;

    /// Returns by how much a run has grown since [`Ledger::settle`] was last called for it.
    fn growth(&self, run: RunId) -> Growth;

    /// Returns by how much a run has grown, and counts it anew from here.
    fn settle(&mut self, run: RunId) -> Growth;
}

/// Rows of a backend, counted.
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

    /// Returns the runs that have grown or shrunk and are not settled.
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

/// Notes that a row of a run has another size than before.
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

/// Returns how many bytes a row counts for that has so many.
pub(crate) fn counted(size: usize) -> u64 {
    (size as u64).saturating_add(ROW)
}

/// Returns whose a row is. None if it is not counted for a run: it belongs to nobody alone, it is the run's row of
/// `states`, which has the count itself and is small, or it is a wait of another run, whose operation counts for that.
pub(crate) fn owner(table: TableId, key: &[Part<'_>]) -> Option<RunId> {
    match (table, key.first()) {
        (TableId::States | TableId::Due | TableId::RunWaits, _) => None,
        // These are led by triggers, whose rows are bounded by their number and by the rate of requests.
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

/// Returns true if a row is there because of what somebody sent to the run, which the run does not answer for.
pub(crate) fn is_received(table: TableId, size: usize) -> bool {
    match table {
        TableId::Inbox
        | TableId::InboxRequests
        | TableId::Duplicates
        | TableId::Mail
        | TableId::MailPayloads
        | TableId::Mailboxes
        | TableId::Routed => true,
        TableId::Replies => size as u64 <= UNDECIDED,
        _ => false,
    }
}

/// Removes the rows of a range, as many as there is room for. Returns whether those were all.
pub(crate) fn remove_some(
    rows: &mut (impl Ledger + ?Sized),
    table: TableId,
    range: Range<'_>,
    until: Room,
) -> Result<bool, StorageError> {
    let (mut written, mut bytes) = (rows.written(), rows.removed_bytes());
    if until.is_used_up(written, bytes) {
        return Ok(false);
    }
    let mut all = true;
    rows.remove_range(table, range, &mut |_, row| {
        written.rows += 1;
        bytes += row.len() as u64;
        all = !until.is_used_up(written, bytes);
        if all {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    Ok(all)
}

/// How far a transaction may go that works in pieces, as totals of its group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    rows: u64,
    removed_bytes: u64,
}

impl Room {
    /// Returns room for so many more rows, and so many bytes of removed ones beyond one larger row.
    pub(crate) fn of(rows: &(impl Ledger + ?Sized), more: u64, removed_bytes: u64) -> Self {
        Room {
            rows: rows.written().rows + more,
            removed_bytes: rows.removed_bytes() + removed_bytes,
        }
    }

    /// Returns true if no more rows may be changed.
    pub(crate) fn is_left_by(self, rows: &(impl Ledger + ?Sized)) -> bool {
        !self.is_used_up(rows.written(), rows.removed_bytes())
    }

    fn is_used_up(self, written: Extent, removed_bytes: u64) -> bool {
        written.rows >= self.rows || removed_bytes >= self.removed_bytes
    }
}
