//! Numbered rows, for things that most runs have few of. The first rows are in the run's own row, which is read
//! and written anyway, and the others are in a table.

use dormouse_journal::RunId;
use serde::{Deserialize, Serialize};

use crate::ReadError;
use crate::rows::keys::{FromPart, MinMax, PartOf};
use crate::rows::table::{Row, Table};
use crate::rows::{Rows, RowsMut};

/// The largest number of rows in the run's own row, which is written as a whole whenever any of it changes.
const ROOM: usize = 8;

/// The largest size of a row in the run's own row, in bytes. A page has 4 KiB, and several runs share one.
const SMALL: usize = 256;

/// The rows that are in the run's own row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct InlineRows<N, R>(Vec<(N, R)>);

/// The table that has the other rows. Key: run, number.
pub(crate) type OverflowTable<N, R> = Table<(RunId, N), R>;

impl<N, R> Default for InlineRows<N, R> {
    fn default() -> Self {
        InlineRows(Vec::new())
    }
}

/// The requirements for the number of such a row.
pub(crate) trait RowNumber: Copy + Ord + FromPart + PartOf<Self> + MinMax {}

impl<N: Copy + Ord + FromPart + PartOf<N> + MinMax> RowNumber for N {}

impl<N: RowNumber, R: Row + Clone> InlineRows<N, R> {
    /// Returns the row with a number.
    pub(crate) fn get(
        &self,
        rest: &OverflowTable<N, R>,
        rows: &(impl Rows + ?Sized),
        (run, number): (RunId, N),
    ) -> Result<Option<R>, ReadError> {
        match self.0.iter().find(|(known, _)| *known == number) {
            Some((_, row)) => Ok(Some(row.clone())),
            None => rest.get(rows, (run, number)),
        }
    }

    /// Returns the rows that are in the run's own row.
    pub(crate) fn own(&self) -> impl Iterator<Item = &R> {
        self.0.iter().map(|(_, row)| row)
    }

    /// Returns at most `limit` rows, in the order of their numbers.
    pub(crate) fn all(
        &self,
        rest: &OverflowTable<N, R>,
        rows: &(impl Rows + ?Sized),
        run: RunId,
        limit: usize,
    ) -> Result<Vec<(N, R)>, ReadError> {
        let mut all = self.0.clone();
        let others = rest.list(rows, rest.of(run), limit)?.into_iter();
        all.extend(others.map(|((_, number), row)| (number, row)));
        all.sort_unstable_by_key(|(number, _)| *number);
        all.truncate(limit);
        Ok(all)
    }

    /// Adds a row that does not exist.
    pub(crate) fn add(
        &mut self,
        rest: &OverflowTable<N, R>,
        rows: &mut (impl RowsMut + ?Sized),
        (run, number): (RunId, N),
        row: R,
    ) -> Result<(), ReadError> {
        let is_small = dormouse_journal::encode(&row).len() <= SMALL;
        if self.0.len() < ROOM && is_small {
            self.0.push((number, row));
            return Ok(());
        }
        rest.put(rows, (run, number), &row)
    }

    /// Replaces a row that exists.
    pub(crate) fn replace(
        &mut self,
        rest: &OverflowTable<N, R>,
        rows: &mut (impl RowsMut + ?Sized),
        (run, number): (RunId, N),
        row: R,
    ) -> Result<(), ReadError> {
        match self.0.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) => {
                *known = row;
                Ok(())
            }
            None => rest.put(rows, (run, number), &row),
        }
    }

    /// Removes a row, and returns it.
    pub(crate) fn take(
        &mut self,
        rest: &OverflowTable<N, R>,
        rows: &mut (impl RowsMut + ?Sized),
        (run, number): (RunId, N),
    ) -> Result<Option<R>, ReadError> {
        match self.0.iter().position(|(known, _)| *known == number) {
            Some(at) => Ok(Some(self.0.remove(at).1)),
            None => rest.take(rows, (run, number)),
        }
    }

    /// Returns the numbers of the rows that are in the run's own row.
    pub(crate) fn numbers(&self) -> Vec<N> {
        self.0.iter().map(|(number, _)| *number).collect()
    }
}
