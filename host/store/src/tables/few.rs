//! Numbered rows of which most runs have few: the first ones lie in the run's own row, which is read and written anyhow,
//! and the others in a table.

use redb::{ReadableTable, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};
use crate::ReadError;

/// How many lie in the run's row. All of it is written whenever any of it changes.
const ROOM: usize = 8;

/// How large one of them may be when it is put there. A page is 4 KiB, and is shared with other runs.
const SMALL: usize = 256;

/// The rows that lie in the run's own row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Few<T>(Vec<(u32, T)>);

/// The table that has the others. Key: run, number.
pub(crate) type Rest<T> = Rows<(RunKey, u32), T>;

impl<T> Default for Few<T> {
    fn default() -> Self {
        Few(Vec::new())
    }
}

impl<T: Clone + Serialize + DeserializeOwned> Few<T> {
    pub(crate) fn get(
        &self,
        rest: &Rest<T>,
        table: &impl ReadableTable<(RunKey, u32), &'static [u8]>,
        (run, number): (RunKey, u32),
    ) -> Result<Option<T>, ReadError> {
        match self.0.iter().find(|(known, _)| *known == number) {
            Some((_, row)) => Ok(Some(row.clone())),
            None => rest.get(table, (run, number)),
        }
    }

    /// All of them, in the order of their numbers, and at most so many.
    pub(crate) fn all(
        &self,
        rest: &Rest<T>,
        table: &impl ReadableTable<(RunKey, u32), &'static [u8]>,
        run: RunKey,
        limit: usize,
    ) -> Result<Vec<(u32, T)>, ReadError> {
        let mut all = self.0.clone();
        for item in table.range((run, 0)..=(run, u32::MAX))?.take(limit) {
            let (key, value) = item?;
            all.push((key.value().1, rest.decode(value.value())?));
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        all.truncate(limit);
        Ok(all)
    }

    /// Adds one that is not there.
    pub(crate) fn add(
        &mut self,
        table: &mut Table<'_, (RunKey, u32), &'static [u8]>,
        (run, number): (RunKey, u32),
        row: T,
    ) -> Result<(), ReadError> {
        let encoded = dormouse_journal::encode(&row);
        if self.0.len() < ROOM && encoded.len() <= SMALL {
            self.0.push((number, row));
        } else {
            table.insert((run, number), encoded.as_slice())?;
        }
        Ok(())
    }

    /// Writes one that is there.
    pub(crate) fn replace(
        &mut self,
        rest: &Rest<T>,
        table: &mut Table<'_, (RunKey, u32), &'static [u8]>,
        (run, number): (RunKey, u32),
        row: T,
    ) -> Result<(), ReadError> {
        match self.0.iter_mut().find(|(known, _)| *known == number) {
            Some((_, known)) => {
                *known = row;
                Ok(())
            }
            None => rest.put(table, (run, number), &row),
        }
    }

    /// Removes one, and gives it.
    pub(crate) fn take(
        &mut self,
        rest: &Rest<T>,
        table: &mut Table<'_, (RunKey, u32), &'static [u8]>,
        (run, number): (RunKey, u32),
    ) -> Result<Option<T>, ReadError> {
        if let Some(at) = self.0.iter().position(|(known, _)| *known == number) {
            return Ok(Some(self.0.remove(at).1));
        }
        let removed = table.remove((run, number))?;
        removed.map(|row| rest.decode(row.value())).transpose()
    }

    /// Removes those that lie in the run's row.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.0.drain(..).map(|(_, row)| row)
    }
}
