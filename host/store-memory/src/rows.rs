//! The rows of the store, in maps.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dormouse_store::rows::{EachRow, Part, Range, Rows, RowsMut};
use dormouse_store::{StorageError, TableId};

/// Every row of a store: the name of its table, its key as text, and its bytes.
pub type Dump = Vec<(&'static str, String, Vec<u8>)>;

/// One part of a key, owned. The order of the variants has no effect, since the keys of a table have parts of
/// the same kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum OwnedPart {
    U8(u8),
    U32(u32),
    U64(u64),
    Run([u8; 16]),
    Digest([u8; 32]),
    Text(String),
    Bytes(Vec<u8>),
}

type OwnedKey = Vec<OwnedPart>;

/// The rows of one table.
type Map = BTreeMap<OwnedKey, Arc<[u8]>>;

/// The rows of all tables at one moment.
#[derive(Debug, Clone, Default)]
pub struct MemoryRows(BTreeMap<TableId, Arc<Map>>);

impl MemoryRows {
    pub(crate) fn dump(&self) -> Dump {
        let mut dump = Dump::new();
        for (table, rows) in &self.0 {
            let rows = rows.iter();
            dump.extend(rows.map(|(key, row)| (table.name(), shown(key), row.to_vec())));
        }
        dump
    }
}

/// Returns a key as text, which is the same for every backend.
fn shown(key: &OwnedKey) -> String {
    with_parts(key, |parts| format!("{parts:?}"))
}

fn owned(parts: &[Part<'_>]) -> OwnedKey {
    parts
        .iter()
        .map(|part| match part {
            Part::U8(value) => OwnedPart::U8(*value),
            Part::U32(value) => OwnedPart::U32(*value),
            Part::U64(value) => OwnedPart::U64(*value),
            Part::Run(value) => OwnedPart::Run(**value),
            Part::Digest(value) => OwnedPart::Digest(**value),
            Part::Text(value) => OwnedPart::Text((*value).to_owned()),
            Part::Bytes(value) => OwnedPart::Bytes((*value).to_owned()),
        })
        .collect()
}

fn with_parts<R>(key: &OwnedKey, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
    let parts: Vec<Part<'_>> = key
        .iter()
        .map(|part| match part {
            OwnedPart::U8(value) => Part::U8(*value),
            OwnedPart::U32(value) => Part::U32(*value),
            OwnedPart::U64(value) => Part::U64(*value),
            OwnedPart::Run(value) => Part::Run(value),
            OwnedPart::Digest(value) => Part::Digest(value),
            OwnedPart::Text(value) => Part::Text(value),
            OwnedPart::Bytes(value) => Part::Bytes(value),
        })
        .collect();
    f(&parts)
}

fn bounds(range: Range<'_>) -> Option<(Bound<OwnedKey>, Bound<OwnedKey>)> {
    let (start, end) = (range.start.map(owned), range.end.map(owned));
    // A map does not accept a range that ends before it begins.
    let is_empty = match (&start, &end) {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
        _ => false,
    };
    (!is_empty).then_some((start, end))
}

impl Rows for MemoryRows {
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        let row = self.0.get(&table).and_then(|rows| rows.get(&owned(key)));
        if let Some(row) = row {
            found(row);
        }
        Ok(row.is_some())
    }

    fn scan(
        &self,
        table: TableId,
        range: Range<'_>,
        each: EachRow<'_>,
    ) -> Result<(), StorageError> {
        let (Some(rows), Some(bounds)) = (self.0.get(&table), bounds(range)) else {
            return Ok(());
        };
        let mut rows = rows.range(bounds);
        loop {
            let row = match range.backwards {
                false => rows.next(),
                true => rows.next_back(),
            };
            let Some((key, row)) = row else { return Ok(()) };
            if with_parts(key, |key| each(key, row)) == ControlFlow::Break(()) {
                return Ok(());
            }
        }
    }
}

/// The rows at one moment, which cost nothing to keep. Reads of them are counted.
pub struct Snapshot {
    pub(crate) rows: Arc<MemoryRows>,
    pub(crate) reads: Arc<AtomicU64>,
}

impl Snapshot {
    fn count(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }
}

impl Rows for Snapshot {
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        self.count();
        self.rows.read(table, key, found)
    }

    fn scan(
        &self,
        table: TableId,
        range: Range<'_>,
        each: EachRow<'_>,
    ) -> Result<(), StorageError> {
        self.rows.scan(table, range, &mut |key, row| {
            self.count();
            each(key, row)
        })
    }
}

/// Rows with changes that are not durable yet. A table is copied at its first change.
pub(crate) struct Changes(MemoryRows);

impl Changes {
    pub(crate) fn over(rows: &MemoryRows) -> Self {
        Changes(rows.clone())
    }

    pub(crate) fn into_rows(self) -> MemoryRows {
        self.0
    }

    fn table(&mut self, table: TableId) -> &mut Map {
        Arc::make_mut(self.0.0.entry(table).or_default())
    }
}

/// The rows of a transaction while they are being changed.
pub struct Changing<'t>(pub(crate) &'t mut Changes);

impl Rows for Changing<'_> {
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        self.0.0.read(table, key, found)
    }

    fn scan(
        &self,
        table: TableId,
        range: Range<'_>,
        each: EachRow<'_>,
    ) -> Result<(), StorageError> {
        self.0.0.scan(table, range, each)
    }
}

impl RowsMut for Changing<'_> {
    fn write(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        row: &[u8],
    ) -> Result<Option<usize>, StorageError> {
        let replaced = self.0.table(table).insert(owned(key), row.into());
        Ok(replaced.map(|row| row.len()))
    }

    fn remove(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        removed: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        match self.0.table(table).entry(owned(key)) {
            Entry::Vacant(_) => Ok(false),
            Entry::Occupied(entry) => {
                removed(&entry.remove());
                Ok(true)
            }
        }
    }

    fn remove_range(
        &mut self,
        table: TableId,
        range: Range<'_>,
        removed: EachRow<'_>,
    ) -> Result<(), StorageError> {
        let Some(bounds) = bounds(range) else {
            return Ok(());
        };
        let rows = self.0.table(table);
        loop {
            let first = rows.range(bounds.clone()).next();
            let Some(key) = first.map(|(key, _)| key.clone()) else {
                return Ok(());
            };
            let Some(row) = rows.remove(&key) else {
                return Ok(());
            };
            if with_parts(&key, |key| removed(key, &row)) == ControlFlow::Break(()) {
                return Ok(());
            }
        }
    }
}
