//! Removing what has expired: keys of requests, and ended runs with all they own.

use dormouse_journal::RunId;
use redb::{Key, ReadableTable, Table, Value};

use crate::group::{Transaction, Write};
use crate::tables::expiries::Expiring;
use crate::tables::{Tables, duplicates, runs, runs_by_status, states, webhooks};
use crate::{ReadError, Store, WriteError};

/// How many rows one transaction removes. A run may own hundreds of thousands; others must not wait for that.
const BATCH: usize = 1_000;

struct Retire;

impl Transaction for Retire {
    /// Whether there is more to remove.
    type Output = bool;

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let mut room = BATCH;
        while room > 0 {
            let first = match write.tables.expiries.pop_first()? {
                Some((key, _)) => (key.value().0, key.value().1.to_vec()),
                None => return Ok(false),
            };
            let (expires, key) = first;
            let finished = expires <= write.now.0 && {
                room -= 1;
                remove(write, &Expiring::from_key(&key)?, &mut room)?
            };
            if !finished {
                // Not yet, or not all of it: it stays in the queue.
                write
                    .tables
                    .expiries
                    .insert((expires, key.as_slice()), ())?;
                return Ok(expires <= write.now.0);
            }
        }
        Ok(true)
    }
}

/// Removes what expires, up to `room` rows. Gives whether that was all.
fn remove(write: &mut Write<'_>, expiring: &Expiring, room: &mut usize) -> Result<bool, ReadError> {
    let tables = &mut write.tables;
    match expiring {
        Expiring::Duplicate { run, webhook, key } => {
            let removed = tables.duplicates.remove((run.0, *webhook, *key))?;
            if let Some(row) = removed {
                let first = duplicates::TABLE.decode(row.value())?;
                tables.replies.remove((run.0, first.id.as_str()))?;
            }
            Ok(true)
        }
        Expiring::Start { workflow, key } => {
            tables.starts.remove((workflow.as_str(), *key))?;
            Ok(true)
        }
        Expiring::Run(run) => remove_run(write, *run, room),
    }
}

/// The run's own row goes last, so that a run is there until nothing of it is left; and its webhooks go before its journal,
/// which has their URLs.
fn remove_run(write: &mut Write<'_>, run: RunId, room: &mut usize) -> Result<bool, ReadError> {
    let id = run.0;
    let tables = &mut write.tables;
    if let Some(edit) = write.edits.load(tables, run)? {
        for webhook in edit.take_first_webhooks() {
            write.inbox_bytes = write.inbox_bytes.saturating_sub(webhook.queued_bytes);
        }
    }
    write.edits.save_one(tables, run)?;
    let all = remove_range(
        &mut tables.inbox,
        (id, 0, 0)..=(id, u32::MAX, u64::MAX),
        room,
    )? && remove_webhooks(tables, &mut write.inbox_bytes, run, room)?
        && remove_range(
            &mut tables.journal,
            (id, 0, 0)..=(id, u32::MAX, u32::MAX),
            room,
        )?
        && remove_range(
            &mut tables.logs,
            (id, 0, 0)..=(id, u32::MAX, u32::MAX),
            room,
        )?
        && remove_range(
            &mut tables.duplicates,
            (id, 0, [0; 32])..=(id, u32::MAX, [0xff; 32]),
            room,
        )?
        && remove_named(tables, run, room)?;
    if !all {
        return Ok(false);
    }
    if let Some(row) = runs::TABLE.get(&tables.runs, id)? {
        tables
            .runs_by_workflow
            .remove((row.run.workflow.as_str(), id))?;
    }
    let removed = match tables.states.remove(id)? {
        Some(row) => Some(states::TABLE.decode(row.value())?),
        None => None,
    };
    if let Some(tag) = removed.and_then(|row| runs_by_status::tag(row.state.status)) {
        tables.runs_by_status.remove((tag, id))?;
    }
    tables.inputs.remove(id)?;
    tables.runs.remove(id)?;
    Ok(true)
}

/// What lay untaken in the inboxes goes with them, and counts no more.
fn remove_webhooks(
    tables: &mut Tables<'_>,
    inbox_bytes: &mut u64,
    run: RunId,
    room: &mut usize,
) -> Result<bool, ReadError> {
    while *room > 0 {
        let first = match tables
            .webhooks
            .range((run.0, 0)..=(run.0, u32::MAX))?
            .next()
        {
            Some(item) => item?.0.value(),
            None => return Ok(true),
        };
        if let Some(removed) = tables.webhooks.remove(first)? {
            let row = webhooks::TABLE.decode(removed.value())?;
            *inbox_bytes = inbox_bytes.saturating_sub(row.queued_bytes);
        }
        *room -= 1;
    }
    Ok(false)
}

/// The rows whose keys have a text behind the run, whose range has no last key to name.
fn remove_named(tables: &mut Tables<'_>, run: RunId, room: &mut usize) -> Result<bool, ReadError> {
    let next = RunId((u128::from_be_bytes(run.0) + 1).to_be_bytes());
    Ok(
        remove_range(&mut tables.mail, (run.0, "", 0)..(next.0, "", 0), room)?
            && remove_range(&mut tables.mailboxes, (run.0, "")..(next.0, ""), room)?
            && remove_range(&mut tables.replies, (run.0, "")..(next.0, ""), room)?,
    )
}

fn remove_range<'k, K: Key + 'static, V: Value + 'static>(
    table: &mut Table<'_, K, V>,
    range: impl std::ops::RangeBounds<K::SelfType<'k>> + 'k,
    room: &mut usize,
) -> Result<bool, ReadError> {
    let mut removed = 0;
    let mut extract = table.extract_from_if(range, |_, _| true)?;
    while removed < *room {
        match extract.next() {
            Some(item) => drop(item?),
            None => {
                *room -= removed;
                return Ok(true);
            }
        }
        removed += 1;
    }
    *room = 0;
    Ok(false)
}

impl Store {
    /// Removes some of what has expired. Gives whether there is more.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn retire(&self) -> Result<bool, WriteError> {
        self.write(Retire).await
    }
}
