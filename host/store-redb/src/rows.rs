//! Rows in redb. Each table is a table of redb, whose keys are tuples of the key's parts.

use std::cell::OnceCell;
use std::ops::{Bound, ControlFlow};

use dormouse_store::rows::{EachRow, Part, Range, Rows, RowsMut};
use dormouse_store::{StorageError, TableId, for_each_table};
use redb::{
    Key, ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, TableError, Value,
    WriteTransaction,
};

use crate::cost::Cost;
use crate::errors::storage;

/// A type of redb that is one part of a key.
pub(crate) trait KeyPart: Key + 'static {
    fn of(part: Part<'_>) -> Self::SelfType<'_>;

    fn part<'v>(value: &'v Self::SelfType<'_>) -> Part<'v>;
}

macro_rules! key_parts {
    ($($type:ty, $variant:ident, $value:ident => $of:expr, $part:expr;)*) => {
        $(impl KeyPart for $type {
            fn of(part: Part<'_>) -> Self::SelfType<'_> {
                match part {
                    Part::$variant($value) => $of,
                    other => unreachable!("the list of tables says what parts a key has: {other:?}"),
                }
            }

            fn part<'v>($value: &'v Self::SelfType<'_>) -> Part<'v> {
                Part::$variant($part)
            }
        })*
    };
}

key_parts! {
    u8, U8, value => value, *value;
    u32, U32, value => value, *value;
    u64, U64, value => value, *value;
    [u8; 16], Run, value => *value, value;
    [u8; 32], Digest, value => *value, value;
    &'static str, Text, value => value, value;
    &'static [u8], Bytes, value => value, value;
}

/// A type of redb that is a key.
pub(crate) trait KeyParts: Key + 'static {
    fn of<'p>(parts: &[Part<'p>]) -> Self::SelfType<'p>;

    fn parts<R>(key: &Self::SelfType<'_>, f: impl FnOnce(&[Part<'_>]) -> R) -> R;
}

macro_rules! single_keys {
    ($($type:ty,)*) => {
        $(impl KeyParts for $type {
            fn of<'p>(parts: &[Part<'p>]) -> Self::SelfType<'p> {
                <$type as KeyPart>::of(parts[0])
            }

            fn parts<R>(key: &Self::SelfType<'_>, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
                f(&[<$type as KeyPart>::part(key)])
            }
        })*
    };
}

single_keys! { u64, [u8; 16], [u8; 32], &'static str, }

impl<A: KeyPart, B: KeyPart> KeyParts for (A, B) {
    fn of<'p>(parts: &[Part<'p>]) -> Self::SelfType<'p> {
        (A::of(parts[0]), B::of(parts[1]))
    }

    fn parts<R>(key: &Self::SelfType<'_>, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
        f(&[A::part(&key.0), B::part(&key.1)])
    }
}

impl<A: KeyPart, B: KeyPart, C: KeyPart> KeyParts for (A, B, C) {
    fn of<'p>(parts: &[Part<'p>]) -> Self::SelfType<'p> {
        (A::of(parts[0]), B::of(parts[1]), C::of(parts[2]))
    }

    fn parts<R>(key: &Self::SelfType<'_>, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
        f(&[A::part(&key.0), B::part(&key.1), C::part(&key.2)])
    }
}

/// A type of redb that is a row.
pub(crate) trait RowBytes: Value + 'static {
    fn of(bytes: &[u8]) -> Self::SelfType<'_>;

    fn bytes<'v>(row: &'v Self::SelfType<'_>) -> &'v [u8];
}

impl RowBytes for &'static [u8] {
    fn of(bytes: &[u8]) -> &[u8] {
        bytes
    }

    fn bytes<'v>(row: &'v Self::SelfType<'_>) -> &'v [u8] {
        row
    }
}

impl RowBytes for () {
    fn of(_: &[u8]) {}

    fn bytes<'v>((): &'v Self::SelfType<'_>) -> &'v [u8] {
        &[]
    }
}

macro_rules! part_type {
    (U8) => { u8 };
    (U32) => { u32 };
    (U64) => { u64 };
    (Run) => { [u8; 16] };
    (Digest) => { [u8; 32] };
    (Text) => { &'static str };
    (Bytes) => { &'static [u8] };
}

macro_rules! key_type {
    ($part:ident) => { part_type!($part) };
    ($($part:ident),*) => { ($(part_type!($part)),*) };
}

macro_rules! row_type {
    (bytes) => { &'static [u8] };
    (nothing) => { () };
}

/// An operation on every table, whatever the types of its keys and rows.
pub(crate) trait Visitor {
    /// The error with which the visit ends.
    type Error;

    /// Visits one table.
    fn table<K: KeyParts, V: RowBytes>(
        &mut self,
        table: TableId,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<(), Self::Error>;
}

macro_rules! redb_tables {
    ($($table:ident $name:literal ($($part:ident),*) $row:ident,)*) => {
        /// The definitions of the tables for redb.
        #[allow(non_upper_case_globals, reason = "they are named as the tables are")]
        mod definitions {
            use redb::TableDefinition;

            $(pub(super) const $table: TableDefinition<'static, key_type!($($part),*), row_type!($row)> =
                TableDefinition::new($name);)*
        }

        /// The tables of a transaction. Each is opened when it is first used, because a group uses a few of them, and
        /// opening all of them took a fifth of the processor time of a small commit.
        #[allow(non_snake_case, reason = "they are named as the tables are")]
        pub(crate) struct OpenTables<'t> {
            transaction: &'t WriteTransaction,
            $($table: OnceCell<Table<'t, key_type!($($part),*), row_type!($row)>>,)*
        }

        impl<'t> OpenTables<'t> {
            pub(crate) fn new(transaction: &'t WriteTransaction) -> Self {
                OpenTables {
                    transaction,
                    $($table: OnceCell::new(),)*
                }
            }
        }

        impl Rows for OpenTables<'_> {
            fn read(
                &self,
                table: TableId,
                key: &[Part<'_>],
                found: &mut dyn FnMut(&[u8]),
            ) -> Result<bool, StorageError> {
                match table {
                    $(TableId::$table => {
                        read(opened(&self.$table, self.transaction, definitions::$table)?, key, found)
                    })*
                }
            }

            fn scan(
                &self,
                table: TableId,
                range: Range<'_>,
                each: EachRow<'_>,
            ) -> Result<(), StorageError> {
                match table {
                    $(TableId::$table => {
                        scan(opened(&self.$table, self.transaction, definitions::$table)?, range, each)
                    })*
                }
            }
        }

        impl RowsMut for OpenTables<'_> {
            fn write(
                &mut self,
                table: TableId,
                key: &[Part<'_>],
                row: &[u8],
            ) -> Result<Option<usize>, StorageError> {
                match table {
                    $(TableId::$table => {
                        write(opened_mut(&mut self.$table, self.transaction, definitions::$table)?, key, row)
                    })*
                }
            }

            fn remove(
                &mut self,
                table: TableId,
                key: &[Part<'_>],
                removed: &mut dyn FnMut(&[u8]),
            ) -> Result<bool, StorageError> {
                match table {
                    $(TableId::$table => {
                        remove(opened_mut(&mut self.$table, self.transaction, definitions::$table)?, key, removed)
                    })*
                }
            }

            fn remove_range(
                &mut self,
                table: TableId,
                range: Range<'_>,
                removed: EachRow<'_>,
            ) -> Result<(), StorageError> {
                match table {
                    $(TableId::$table => {
                        remove_range(opened_mut(&mut self.$table, self.transaction, definitions::$table)?, range, removed)
                    })*
                }
            }
        }

        impl Rows for Snapshot {
            fn read(
                &self,
                table: TableId,
                key: &[Part<'_>],
                found: &mut dyn FnMut(&[u8]),
            ) -> Result<bool, StorageError> {
                match table {
                    $(TableId::$table => match self.table(definitions::$table)? {
                        Some(table) => read(&table, key, found),
                        None => Ok(false),
                    },)*
                }
            }

            fn scan(
                &self,
                table: TableId,
                range: Range<'_>,
                each: EachRow<'_>,
            ) -> Result<(), StorageError> {
                match table {
                    $(TableId::$table => match self.table(definitions::$table)? {
                        Some(table) => scan(&table, range, each),
                        None => Ok(()),
                    },)*
                }
            }
        }

        /// Visits every table, one after the other.
        pub(crate) fn visit<V: Visitor>(visitor: &mut V) -> Result<(), V::Error> {
            $(visitor.table(TableId::$table, definitions::$table)?;)*
            Ok(())
        }
    };
}

for_each_table!(redb_tables);

/// Returns a table of a transaction. It is opened, and made if it does not exist yet, when it is first used.
fn opened<'c, 't, K: KeyParts, V: RowBytes>(
    cell: &'c OnceCell<Table<'t, K, V>>,
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
) -> Result<&'c Table<'t, K, V>, StorageError> {
    if let Some(table) = cell.get() {
        return Ok(table);
    }
    let table = transaction.open_table(definition).map_err(storage)?;
    Ok(cell.get_or_init(|| table))
}

fn opened_mut<'c, 't, K: KeyParts, V: RowBytes>(
    cell: &'c mut OnceCell<Table<'t, K, V>>,
    transaction: &'t WriteTransaction,
    definition: TableDefinition<'static, K, V>,
) -> Result<&'c mut Table<'t, K, V>, StorageError> {
    opened(cell, transaction, definition)?;
    match cell.get_mut() {
        Some(table) => Ok(table),
        None => unreachable!("the table was opened one line above"),
    }
}

/// The tables of a transaction, with the disk space that the changes need.
pub(crate) struct MeteredRows<'t> {
    pub(crate) tables: OpenTables<'t>,
    pub(crate) cost: &'t mut Cost,
}

impl Rows for MeteredRows<'_> {
    fn read(
        &self,
        table: TableId,
        key: &[Part<'_>],
        found: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        self.tables.read(table, key, found)
    }

    fn scan(
        &self,
        table: TableId,
        range: Range<'_>,
        each: EachRow<'_>,
    ) -> Result<(), StorageError> {
        self.tables.scan(table, range, each)
    }
}

impl RowsMut for MeteredRows<'_> {
    fn write(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        row: &[u8],
    ) -> Result<Option<usize>, StorageError> {
        self.cost.add(key, row)?;
        self.tables.write(table, key, row)
    }

    fn remove(
        &mut self,
        table: TableId,
        key: &[Part<'_>],
        removed: &mut dyn FnMut(&[u8]),
    ) -> Result<bool, StorageError> {
        self.cost.remove(1);
        self.tables.remove(table, key, removed)
    }

    fn remove_range(
        &mut self,
        table: TableId,
        range: Range<'_>,
        removed: EachRow<'_>,
    ) -> Result<(), StorageError> {
        let mut count = 0;
        self.tables.remove_range(table, range, &mut |key, row| {
            count += 1;
            removed(key, row)
        })?;
        self.cost.remove(count);
        Ok(())
    }
}

/// The rows as they were at one moment.
pub(crate) struct Snapshot(pub(crate) ReadTransaction);

impl Snapshot {
    /// Opens a table. None if it does not exist, because nothing used it yet.
    pub(crate) fn table<K: KeyParts, V: RowBytes>(
        &self,
        definition: TableDefinition<'static, K, V>,
    ) -> Result<Option<ReadOnlyTable<K, V>>, StorageError> {
        match self.0.open_table(definition) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(storage(error)),
        }
    }
}

fn read<K: KeyParts, V: RowBytes>(
    table: &impl ReadableTable<K, V>,
    key: &[Part<'_>],
    found: &mut dyn FnMut(&[u8]),
) -> Result<bool, StorageError> {
    let row = table.get(K::of(key)).map_err(storage)?;
    if let Some(row) = &row {
        found(V::bytes(&row.value()));
    }
    Ok(row.is_some())
}

fn scan<K: KeyParts, V: RowBytes>(
    table: &impl ReadableTable<K, V>,
    range: Range<'_>,
    each: EachRow<'_>,
) -> Result<(), StorageError> {
    let mut rows = table
        .range::<K::SelfType<'_>>(bounds::<K>(range))
        .map_err(storage)?;
    loop {
        let row = match range.backwards {
            false => rows.next(),
            true => rows.next_back(),
        };
        let Some(row) = row else { return Ok(()) };
        let (key, row) = row.map_err(storage)?;
        let next = K::parts(&key.value(), |key| each(key, V::bytes(&row.value())));
        if next == ControlFlow::Break(()) {
            return Ok(());
        }
    }
}

fn bounds<'a, K: KeyParts>(range: Range<'a>) -> (Bound<K::SelfType<'a>>, Bound<K::SelfType<'a>>) {
    let bound = |bound: Bound<&'a [Part<'a>]>| bound.map(|parts| K::of(parts));
    (bound(range.start), bound(range.end))
}

fn write<K: KeyParts, V: RowBytes>(
    table: &mut Table<'_, K, V>,
    key: &[Part<'_>],
    row: &[u8],
) -> Result<Option<usize>, StorageError> {
    let replaced = table.insert(K::of(key), V::of(row)).map_err(storage)?;
    Ok(replaced.map(|row| V::bytes(&row.value()).len()))
}

fn remove<K: KeyParts, V: RowBytes>(
    table: &mut Table<'_, K, V>,
    key: &[Part<'_>],
    removed: &mut dyn FnMut(&[u8]),
) -> Result<bool, StorageError> {
    let row = table.remove(K::of(key)).map_err(storage)?;
    if let Some(row) = &row {
        removed(V::bytes(&row.value()));
    }
    Ok(row.is_some())
}

fn remove_range<K: KeyParts, V: RowBytes>(
    table: &mut Table<'_, K, V>,
    range: Range<'_>,
    removed: EachRow<'_>,
) -> Result<(), StorageError> {
    let rows = table
        .extract_from_if::<K::SelfType<'_>, _>(bounds::<K>(range), |_, _| true)
        .map_err(storage)?;
    for row in rows {
        let (key, row) = row.map_err(storage)?;
        let next = K::parts(&key.value(), |key| removed(key, V::bytes(&row.value())));
        if next == ControlFlow::Break(()) {
            break;
        }
    }
    Ok(())
}
