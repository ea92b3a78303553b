//! Typed tables, as the rules see them.

use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};

use dormouse_journal::{
    DecodeError, VERSION, decode_body, decode_prefix, encode_as, split_version,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::counted::{Ledger, WriteLimit, remove_some};
use super::keys::{HasPrefix, Key, KeyOf};
use super::table_id::TableId;
use super::{Range, Rows, RowsMut};
use crate::ReadError;

/// A row that is a record. Its version increases when its layout changes. Rows of earlier versions can always be read,
/// and are rewritten when they are next written.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// The version that is written.
    const VERSION: u8 = VERSION;

    /// Reads the body of a row of an earlier version.
    fn from_earlier(version: u8, _body: &[u8]) -> Result<Self, DecodeError> {
        Err(DecodeError::Version { found: version })
    }
}

/// Decodes a row of any version.
pub(crate) fn decode_row<R: Row>(bytes: &[u8]) -> Result<R, DecodeError> {
    match split_version(bytes)? {
        (version, body) if version == R::VERSION => decode_body(body),
        (version, body) => R::from_earlier(version, body),
    }
}

/// A table whose rows are records of one type.
pub(crate) struct Table<K, R> {
    id: TableId,
    types: PhantomData<(K, R)>,
}

impl<K: Key, R: Row> Table<K, R> {
    pub(crate) const fn new(id: TableId) -> Self {
        Table {
            id,
            types: PhantomData,
        }
    }

    /// Returns the range of all keys.
    pub(crate) fn all(&self) -> (Bound<K>, Bound<K>) {
        (Bound::Unbounded, Bound::Unbounded)
    }

    /// Returns the range of the keys that begin with `lead`.
    pub(crate) fn of<T>(&self, lead: T) -> (Bound<K>, Bound<K>)
    where
        K: HasPrefix<T>,
    {
        K::range_of(lead)
    }

    /// Returns the row at `key`.
    pub(crate) fn get(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<Option<R>, ReadError> {
        self.get_as(rows, key, decode_row)
    }

    /// Returns the beginning of the row at `key`, without decoding the rest.
    pub(crate) fn get_prefix<P: DeserializeOwned>(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<Option<P>, ReadError> {
        self.get_as(rows, key, decode_row_prefix::<R, P>)
    }

    fn get_as<T>(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, ReadError> {
        let mut found = None;
        key.with(|key| rows.read(self.id, key, &mut |row| found = Some(decode(row))))?;
        found.transpose().map_err(|source| self.damaged(source))
    }

    /// Returns the row at `key`, and its bytes.
    pub(crate) fn get_encoded(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<Option<(R, Vec<u8>)>, ReadError> {
        self.get_as(rows, key, |row| Ok((decode_row(row)?, row.to_vec())))
    }

    /// Returns true if there is a row at `key`.
    pub(crate) fn has(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<bool, ReadError> {
        Ok(key.with(|key| rows.read(self.id, key, &mut |_| {}))?)
    }

    /// Returns the size of the row at `key` in bytes, if there is one.
    pub(crate) fn size(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<Option<usize>, ReadError> {
        self.get_as(rows, key, |row| Ok(row.len()))
    }

    /// Returns the bytes of a row.
    pub(crate) fn encode(&self, row: &R) -> Vec<u8> {
        encode_as(R::VERSION, row)
    }

    /// Writes a row, and replaces a row with the same key.
    pub(crate) fn put(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
        row: &R,
    ) -> Result<(), ReadError> {
        self.put_encoded(rows, key, &self.encode(row))
    }

    /// Writes the bytes of a row, and replaces a row with the same key.
    pub(crate) fn put_encoded(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
        row: &[u8],
    ) -> Result<(), ReadError> {
        key.with(|key| rows.write(self.id, key, row))?;
        Ok(())
    }

    /// Removes the row at `key`. Returns true if there was one.
    pub(crate) fn remove(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<bool, ReadError> {
        Ok(key.with(|key| rows.remove(self.id, key, &mut |_| {}))?)
    }

    /// Removes the row at `key`, and returns it.
    pub(crate) fn take(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<Option<R>, ReadError> {
        let mut removed = None;
        key.with(|key| rows.remove(self.id, key, &mut |row| removed = Some(decode_row(row))))?;
        removed.transpose().map_err(|source| self.damaged(source))
    }

    /// Returns the rows of a range in the order of their keys, at most `limit` of them.
    pub(crate) fn list<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        limit: usize,
    ) -> Result<Vec<(K, R)>, ReadError> {
        self.list_as(rows, range, limit, decode_row)
    }

    /// Returns the beginnings of the rows of a range, without decoding the rest of each.
    pub(crate) fn list_prefixes<A: KeyOf<K>, B: KeyOf<K>, P: DeserializeOwned>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        limit: usize,
    ) -> Result<Vec<(K, P)>, ReadError> {
        self.list_as(rows, range, limit, decode_row_prefix::<R, P>)
    }

    fn list_as<A: KeyOf<K>, B: KeyOf<K>, T>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        limit: usize,
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<Vec<(K, T)>, ReadError> {
        let mut found = Vec::new();
        self.scan_as(rows, range, decode, |key, row| {
            if found.len() < limit {
                found.push((key, row));
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    /// Calls `each` with the rows of a range in the order of their keys, as long as it returns true.
    pub(crate) fn scan<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        each: impl FnMut(K, R) -> bool,
    ) -> Result<(), ReadError> {
        self.scan_as(rows, range, decode_row, each)
    }

    /// Calls `each` as [`Table::scan`] does, and also passes each row's size in bytes.
    pub(crate) fn scan_sized<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        mut each: impl FnMut(K, R, usize) -> bool,
    ) -> Result<(), ReadError> {
        let decode = |row: &[u8]| Ok((decode_row(row)?, row.len()));
        self.scan_as(rows, range, decode, |key, (row, size)| each(key, row, size))
    }

    /// Adds the rows of a range to `all`, in the order of their keys, as long as `has_room` returns true for the size of the
    /// next row in bytes. The row at which it ends is not decoded, because it may be large.
    pub(crate) fn collect<A: KeyOf<K>, B: KeyOf<K>, T>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        all: &mut T,
        mut has_room: impl FnMut(&mut T, usize) -> bool,
        mut add: impl FnMut(&mut T, R),
    ) -> Result<(), ReadError> {
        let mut damage = None;
        scan(self.id, rows, range, false, |_: K, row| {
            if !has_room(all, row.len()) {
                return false;
            }
            match decode_row(row) {
                Ok(row) => add(all, row),
                Err(source) => damage = Some(self.damaged(source)),
            }
            damage.is_none()
        })?;
        damage.map_or(Ok(()), Err)
    }

    fn scan_as<A: KeyOf<K>, B: KeyOf<K>, T>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
        mut each: impl FnMut(K, T) -> bool,
    ) -> Result<(), ReadError> {
        let mut damage = None;
        scan(self.id, rows, range, false, |key, row| match decode(row) {
            Ok(row) => each(key, row),
            Err(source) => {
                damage = Some(self.damaged(source));
                false
            }
        })?;
        damage.map_or(Ok(()), Err)
    }

    /// Returns the keys of a range, at most `limit` of them, the last ones first if `backwards`. Rows are not decoded.
    pub(crate) fn keys<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<K>, ReadError> {
        keys(self.id, rows, range, backwards, limit)
    }

    /// Returns the key of the first row of a range, and what the row begins with.
    pub(crate) fn first_prefix<A: KeyOf<K>, B: KeyOf<K>, P: DeserializeOwned>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
    ) -> Result<Option<(K, P)>, ReadError> {
        Ok(self.list_prefixes(rows, range, 1)?.pop())
    }

    /// Removes the first rows of a range, as many as the limit allows. Returns true if the range is empty now.
    pub(crate) fn remove_range<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &mut (impl Ledger + ?Sized),
        range: (Bound<A>, Bound<B>),
        limit: WriteLimit,
    ) -> Result<bool, ReadError> {
        Ok(with_range(range, false, |range| {
            remove_some(rows, self.id, range, limit)
        })?)
    }

    fn damaged(&self, source: DecodeError) -> ReadError {
        ReadError::Row {
            table: self.id.name(),
            source,
        }
    }
}

/// A table that has keys and no rows.
pub(crate) struct Index<K> {
    id: TableId,
    types: PhantomData<K>,
}

impl<K: Key> Index<K> {
    pub(crate) const fn new(id: TableId) -> Self {
        Index {
            id,
            types: PhantomData,
        }
    }

    /// Returns the range of all keys.
    pub(crate) fn all(&self) -> (Bound<K>, Bound<K>) {
        (Bound::Unbounded, Bound::Unbounded)
    }

    /// Returns the range of the keys that begin with `lead`.
    pub(crate) fn of<T>(&self, lead: T) -> (Bound<K>, Bound<K>)
    where
        K: HasPrefix<T>,
    {
        K::range_of(lead)
    }

    /// Adds a key, if it does not exist yet.
    pub(crate) fn add(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<(), ReadError> {
        key.with(|key| rows.write(self.id, key, &[]))?;
        Ok(())
    }

    /// Removes a key. Returns true if it existed.
    pub(crate) fn remove(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<bool, ReadError> {
        Ok(key.with(|key| rows.remove(self.id, key, &mut |_| {}))?)
    }

    /// Returns the keys of a range, at most `limit` of them, the last ones first if `backwards`.
    pub(crate) fn keys<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &(impl Rows + ?Sized),
        range: (Bound<A>, Bound<B>),
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<K>, ReadError> {
        keys(self.id, rows, range, backwards, limit)
    }
}

/// A table whose rows are bytes, not records.
pub(crate) struct Raw<K> {
    id: TableId,
    types: PhantomData<K>,
}

impl<K: Key> Raw<K> {
    pub(crate) const fn new(id: TableId) -> Self {
        Raw {
            id,
            types: PhantomData,
        }
    }

    /// Returns the row at `key`.
    pub(crate) fn get(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<Option<Vec<u8>>, ReadError> {
        let mut found = None;
        key.with(|key| rows.read(self.id, key, &mut |row| found = Some(row.to_vec())))?;
        Ok(found)
    }

    /// Writes a row, and replaces a row with the same key.
    pub(crate) fn put(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
        row: &[u8],
    ) -> Result<(), ReadError> {
        key.with(|key| rows.write(self.id, key, row))?;
        Ok(())
    }

    /// Returns the range of the keys that begin with `lead`.
    pub(crate) fn of<T>(&self, lead: T) -> (Bound<K>, Bound<K>)
    where
        K: HasPrefix<T>,
    {
        K::range_of(lead)
    }

    /// Removes the first rows of a range, as many as the limit allows. Returns true if the range is empty now.
    pub(crate) fn remove_range<A: KeyOf<K>, B: KeyOf<K>>(
        &self,
        rows: &mut (impl Ledger + ?Sized),
        range: (Bound<A>, Bound<B>),
        limit: WriteLimit,
    ) -> Result<bool, ReadError> {
        Ok(with_range(range, false, |range| {
            remove_some(rows, self.id, range, limit)
        })?)
    }

    /// Removes a row.
    pub(crate) fn remove(
        &self,
        rows: &mut (impl RowsMut + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<(), ReadError> {
        key.with(|key| rows.remove(self.id, key, &mut |_| {}))?;
        Ok(())
    }

    /// Returns true if there is a row at `key`.
    pub(crate) fn has(
        &self,
        rows: &(impl Rows + ?Sized),
        key: impl KeyOf<K>,
    ) -> Result<bool, ReadError> {
        Ok(key.with(|key| rows.read(self.id, key, &mut |_| {}))?)
    }
}

/// Returns the range of the keys after this one, or of all keys.
pub(crate) fn after<K>(key: Option<K>) -> (Bound<K>, Bound<K>) {
    (
        key.map_or(Bound::Unbounded, Bound::Excluded),
        Bound::Unbounded,
    )
}

/// Returns the range of the keys from `first` to `last`, both included.
pub(crate) fn between<A, B>(first: A, last: B) -> (Bound<A>, Bound<B>) {
    (Bound::Included(first), Bound::Included(last))
}

/// Decodes the beginning of a row of any version. All versions of such a row must begin in the same way.
fn decode_row_prefix<R: Row, P: DeserializeOwned>(row: &[u8]) -> Result<P, DecodeError> {
    match split_version(row)? {
        (version, body) if version <= R::VERSION => decode_prefix(body),
        (version, _) => Err(DecodeError::Version { found: version }),
    }
}

fn keys<K: Key, A: KeyOf<K>, B: KeyOf<K>>(
    table: TableId,
    rows: &(impl Rows + ?Sized),
    range: (Bound<A>, Bound<B>),
    backwards: bool,
    limit: usize,
) -> Result<Vec<K>, ReadError> {
    let mut found = Vec::new();
    scan(table, rows, range, backwards, |key, _| {
        if found.len() < limit {
            found.push(key);
        }
        found.len() < limit
    })?;
    Ok(found)
}

fn scan<K: Key, A: KeyOf<K>, B: KeyOf<K>>(
    table: TableId,
    rows: &(impl Rows + ?Sized),
    range: (Bound<A>, Bound<B>),
    backwards: bool,
    mut each: impl FnMut(K, &[u8]) -> bool,
) -> Result<(), ReadError> {
    let mut damaged = false;
    with_range(range, backwards, |range| {
        rows.scan(table, range, &mut |key, row| {
            let go_on = match K::from_parts(key) {
                Some(key) => each(key, row),
                None => {
                    damaged = true;
                    false
                }
            };
            match go_on {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })
    })?;
    match damaged {
        false => Ok(()),
        true => Err(ReadError::Key {
            table: table.name(),
        }),
    }
}

fn with_range<K, A: KeyOf<K>, B: KeyOf<K>, T>(
    (start, end): (Bound<A>, Bound<B>),
    backwards: bool,
    f: impl FnOnce(Range<'_>) -> T,
) -> T {
    with_bound(start, |start| {
        with_bound(end, |end| {
            f(Range {
                start,
                end,
                backwards,
            })
        })
    })
}

fn with_bound<K, A: KeyOf<K>, T>(
    bound: Bound<A>,
    f: impl FnOnce(Bound<&[super::Part<'_>]>) -> T,
) -> T {
    match bound {
        Bound::Included(key) => key.with(|key| f(Bound::Included(key))),
        Bound::Excluded(key) => key.with(|key| f(Bound::Excluded(key))),
        Bound::Unbounded => f(Bound::Unbounded),
    }
}
