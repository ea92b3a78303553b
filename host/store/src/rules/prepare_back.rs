//! Prepares what a run gets back, when it is taken back (`back.rs`) or when a large retry does operations again (`retry.rs`): in
//! small commits, into rows that nobody reads before the commit that decides. If that commit does not come, they expire.

use dormouse_journal::RunId;

use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::expiries::Expiring;
use crate::tables::{Restore, restores};

/// How long prepared rows are kept if they are not used, in milliseconds.
const KEPT: u64 = 600_000;

/// The most that one commit prepares: rows, and bytes (a single row may be larger).
const BATCH: (usize, usize) = (256, 1 << 20);

/// Prepares some of the rows that a run gets back.
pub(crate) struct PrepareBack {
    pub(crate) run: RunId,
    pub(crate) tries: u32,
    /// The number of the first row.
    pub(crate) first: u32,
    pub(crate) rows: Vec<Vec<u8>>,
}

impl PrepareBack {
    pub(crate) fn new(run: RunId, tries: u32, first: u32, rows: &[Restore]) -> Self {
        let rows = rows.iter().map(|row| restores::TABLE.encode(row)).collect();
        PrepareBack {
            run,
            tries,
            first,
            rows,
        }
    }

    /// Returns the preparation of these rows in several commits.
    pub(crate) fn in_batches(
        run: RunId,
        tries: u32,
        rows: Vec<Restore>,
    ) -> impl Iterator<Item = PrepareBack> {
        let (mut rows, mut first) = (rows.into_iter().peekable(), 0);
        std::iter::from_fn(move || {
            rows.peek()?;
            let mut batch = PrepareBack::new(run, tries, first, &[]);
            let mut bytes = 0;
            while batch.rows.len() < BATCH.0 && bytes < BATCH.1 {
                let Some(row) = rows.next() else { break };
                let row = restores::TABLE.encode(&row);
                bytes += row.len();
                batch.rows.push(row);
                first += 1;
            }
            Some(batch)
        })
    }
}

impl Transaction for PrepareBack {
    /// True if the rows were prepared, false if the run has moved on.
    type Output = bool;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        let bytes: usize = self.rows.iter().map(Vec::len).sum();
        RUN.and(Extent::new(
            self.rows.len() as u64 + 1,
            bytes as u64 + SMALL_ROW,
        ))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let now = write.now;
        let Some(run) = write.run(self.run)? else {
            return Ok(false);
        };
        if run.state().tries != self.tries || run.state().is_restoring {
            return Ok(false);
        }
        for (number, row) in (self.first..).zip(&self.rows) {
            restores::TABLE.put_encoded(run.rows, (self.run, number), row)?;
        }
        if self.first == 0 {
            let (id, tries) = (self.run, self.tries);
            let unused = Expiring::Restores { run: id, tries };
            unused.add(run.rows, now.after(KEPT))?;
        }
        Ok(true)
    }
}
