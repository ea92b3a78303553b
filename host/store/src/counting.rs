//! Counting for migrations: the disk space of each run, and the runs by status, for the schemas that introduced these
//! counts.

use std::collections::BTreeMap;
use std::ops::Bound;

use dormouse_journal::{RunId, Status, decode, encode};

use crate::ReadError;
use crate::for_each_table;
use crate::rows::counted::{counted, is_received, owner};
use crate::rows::table::after;
use crate::rows::{Part, Range, RowsMut};
use crate::rules::run::next;
use crate::tables::states::{self, StateRow};
use crate::tables::{TableId, broadcasts, counts, mailboxes, meta, runs, underway, webhooks};

/// The number of bytes of rows that one commit of the migration reads, except that a run is always finished.
const BATCH_BYTES: u64 = 64 << 20;

/// The number of runs whose space one commit of the migration counts.
const BATCH_RUNS: usize = 500;

/// Migrates to schema 3: counts the space of each run, writes it into the run's row, and adds it to the sum of the
/// run's workflow. A pending run without a row gets none. First, events that are under way are put in the order of
/// their names.
pub(crate) fn count_storage(
    rows: &mut dyn RowsMut,
    cursor: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, ReadError> {
    let last = reached_by(cursor)?;
    if last.is_none() {
        sort_events(rows)?;
    }
    let mut bytes = 0;
    let batch = runs::TABLE.list_prefixes::<_, _, String>(rows, after(last), BATCH_RUNS)?;
    let is_end = batch.len() < BATCH_RUNS;
    let mut reached = None;
    for (run, workflow) in batch {
        if bytes > BATCH_BYTES {
            return Ok(reached.map(|run: RunId| encode(&run)));
        }
        let owned = owned(rows, run)?;
        bytes += owned.all;
        if let Some(mut state_row) = states::TABLE.get(rows, run)? {
            let mut queued = Queued::default();
            queued.count(rows, run, &state_row)?;
            let state = &mut state_row.state;
            state.workflow.clone_from(&workflow);
            state.storage_bytes = owned.all;
            state.received_bytes = owned.received;
            state.queued = queued.items;
            state.queued_bytes = queued.bytes;
            states::TABLE.put(rows, run, &state_row)?;
        }
        let name = format!("{}{workflow}", meta::STORAGE_OF);
        let sum: u64 = meta::get(rows, &name)?.unwrap_or_default();
        meta::put(rows, &name, &sum.saturating_add(owned.all))?;
        reached = Some(run);
    }
    Ok(reached.filter(|_| !is_end).map(|run| encode(&run)))
}

/// Returns the run that a migration has reached.
fn reached_by(cursor: Option<Vec<u8>>) -> Result<Option<RunId>, ReadError> {
    let run = cursor.map(|cursor| decode(&cursor)).transpose();
    run.map_err(|source| ReadError::Row {
        table: "meta",
        source,
    })
}

/// The number of runs that one commit of the migration counts by status. The commit writes one row for each workflow,
/// whatever the number of runs.
const BATCH_STATUSES: usize = 10_000;

/// Migrates to schema 5: counts the runs of each workflow by status. A run without a row in `states` is pending.
pub(crate) fn count_runs(
    rows: &mut dyn RowsMut,
    cursor: Option<Vec<u8>>,
) -> Result<Option<Vec<u8>>, ReadError> {
    let last = reached_by(cursor)?;
    let batch = runs::TABLE.list_prefixes::<_, _, String>(rows, after(last), BATCH_STATUSES)?;
    let is_end = batch.len() < BATCH_STATUSES;
    let reached = batch.last().map(|(run, _)| encode(run));
    let mut found: BTreeMap<String, BTreeMap<Status, i64>> = BTreeMap::new();
    for (run, workflow) in batch {
        let status = states::TABLE.get_prefix(rows, run)?;
        let counts = found.entry(workflow).or_default();
        *counts.entry(status.unwrap_or(Status::Pending)).or_default() += 1;
    }
    for (workflow, changes) in &found {
        counts::change(rows, workflow, changes)?;
    }
    Ok(reached.filter(|_| !is_end))
}

/// The bytes that the rows of a run count for.
struct Owned {
    all: u64,
    received: u64,
}

/// Counts the rows of a run.
fn owned(rows: &dyn RowsMut, run: RunId) -> Result<Owned, ReadError> {
    let mut owned = Owned {
        all: 0,
        received: 0,
    };
    let behind = next(run);
    for table in TableId::ALL {
        let (first, next) = (first_key(*table, &run.0), first_key(*table, &behind.0));
        if owner(*table, &first).is_none() {
            continue;
        }
        let range = Range {
            start: Bound::Included(&first),
            end: Bound::Excluded(&next),
            backwards: false,
        };
        rows.scan(*table, range, &mut |_, row| {
            let bytes = counted(row.len());
            owned.all += bytes;
            if is_received(*table, row.len()) {
                owned.received += bytes;
            }
            std::ops::ControlFlow::Continue(())
        })?;
    }
    Ok(owned)
}

/// The contents of a run's inboxes.
#[derive(Default)]
struct Queued {
    /// The number of requests and aimed events.
    items: u64,
    /// The size of the requests in bytes.
    bytes: u64,
}

impl Queued {
    fn count(
        &mut self,
        rows: &dyn RowsMut,
        run: RunId,
        state_row: &StateRow,
    ) -> Result<(), ReadError> {
        let all = state_row
            .webhooks
            .all(&webhooks::TABLE, rows, run, usize::MAX)?;
        for (_, webhook) in all {
            self.items += u64::from(webhook.queued);
            self.bytes += webhook.queued_bytes;
        }
        let names = (Bound::Included((run, "")), Bound::Excluded((next(run), "")));
        mailboxes::TABLE.scan(rows, names, |_, mailbox| {
            self.items += u64::from(mailbox.queued);
            true
        })
    }
}

/// Puts the events that are under way in the order of their names. There are few: the earlier schema kept at most one
/// event of each name that had many waits.
fn sort_events(rows: &mut dyn RowsMut) -> Result<(), ReadError> {
    for (sequence, row) in broadcasts::TABLE.list(rows, broadcasts::TABLE.all(), usize::MAX)? {
        underway::TABLE.add(rows, (row.event.as_str(), sequence))?;
    }
    Ok(())
}

macro_rules! least {
    (U8, $run:ident) => {
        Part::U8(0)
    };
    (U32, $run:ident) => {
        Part::U32(0)
    };
    (U64, $run:ident) => {
        Part::U64(0)
    };
    (Run, $run:ident) => {
        Part::Run($run)
    };
    (Digest, $run:ident) => {
        Part::Digest(&[0; 32])
    };
    (Text, $run:ident) => {
        Part::Text("")
    };
    (Bytes, $run:ident) => {
        Part::Bytes(&[])
    };
}

macro_rules! first_keys {
    ($($table:ident $name:literal ($($part:ident),*) $row:ident,)*) => {
        /// Returns the smallest key of a table, with this run in the place of a run's id.
        fn first_key(table: TableId, run: &[u8; 16]) -> Vec<Part<'_>> {
            match table {
                $(TableId::$table => vec![$(least!($part, run)),*],)*
            }
        }
    };
}

for_each_table!(first_keys);
