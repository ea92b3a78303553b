//! Removing what has expired: keys of requests, and ended runs with all they own.

use std::ops::Bound;

use dormouse_journal::RunId;

use super::run::next;
use super::{Transaction, Write};
use crate::ReadError;
use crate::tables::expiries::{self, Expiring};
use crate::tables::{
    call_requests, duplicates, inbox, inbox_requests, inputs, journal, logs, mail, mail_payloads,
    mailboxes, replies, result_outcomes, runs, runs_by_status, runs_by_workflow, starts, states,
};

/// How many rows one transaction removes. A run may own hundreds of thousands; others must not wait for that.
const BATCH: usize = 1_000;

/// Removes some of what has expired.
pub(crate) struct Retire;

impl Transaction for Retire {
    /// True if there is more to remove.
    type Output = bool;

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let mut room = BATCH;
        while room > 0 {
            let first = expiries::TABLE
                .keys(write.rows, expiries::TABLE.all(), false, 1)?
                .pop();
            let Some((expires, expiring)) = first else {
                return Ok(false);
            };
            if expires > write.now {
                return Ok(false);
            }
            room -= 1;
            if !remove(write, &Expiring::from_key(&expiring)?, &mut room)? {
                // It stays in the queue until nothing of it is left.
                return Ok(true);
            }
            expiries::TABLE.remove(write.rows, (expires, expiring))?;
        }
        Ok(true)
    }
}

/// Removes what expires, up to `room` rows. Returns whether that was all.
fn remove(write: &mut Write<'_>, expiring: &Expiring, room: &mut usize) -> Result<bool, ReadError> {
    match expiring {
        Expiring::Duplicate { run, webhook, key } => {
            let removed = duplicates::TABLE.take(write.rows, (*run, *webhook, *key))?;
            if let Some(first) = removed {
                replies::TABLE.remove(write.rows, (*run, first.id.as_str()))?;
            }
            Ok(true)
        }
        Expiring::Start { workflow, key } => {
            starts::TABLE.remove(write.rows, (workflow.as_str(), *key))?;
            Ok(true)
        }
        Expiring::Run(run) => remove_run(write, *run, room),
    }
}

/// The run's own row goes last, so that a run is there until nothing of it is left; and its webhooks go before its journal,
/// which has their URLs.
fn remove_run(write: &mut Write<'_>, id: RunId, room: &mut usize) -> Result<bool, ReadError> {
    if let Some(mut run) = write.run(id)? {
        run.drop_first_webhooks();
    }
    let mut all = inbox::TABLE.remove_range(write.rows, inbox::TABLE.of(id), room)?;
    if all && let Some(mut run) = write.run(id)? {
        all = run.drop_other_webhooks(room)?;
    }
    write.save(id)?;
    let rows = &mut *write.rows;
    let all = all
        && inbox_requests::TABLE.remove_range(rows, inbox_requests::TABLE.of(id), room)?
        && call_requests::TABLE.remove_range(rows, call_requests::TABLE.of(id), room)?
        && result_outcomes::TABLE.remove_range(rows, result_outcomes::TABLE.of(id), room)?
        && journal::TABLE.remove_range(rows, journal::TABLE.of(id), room)?
        && logs::TABLE.remove_range(rows, logs::TABLE.of(id), room)?
        && duplicates::TABLE.remove_range(rows, duplicates::TABLE.of(id), room)?
        && remove_named(write, id, room)?;
    if !all {
        return Ok(false);
    }
    let rows = &mut *write.rows;
    if let Some(stored) = runs::TABLE.get(rows, id)? {
        runs_by_workflow::TABLE.remove(rows, (stored.run.workflow.as_str(), id))?;
    }
    let removed = states::TABLE.take(rows, id)?;
    if let Some(tag) = removed.and_then(|row| runs_by_status::tag(row.state.status)) {
        runs_by_status::TABLE.remove(rows, (tag, id))?;
    }
    inputs::TABLE.remove(rows, id)?;
    runs::TABLE.remove(rows, id)?;
    Ok(true)
}

/// The rows whose keys have a text behind the run, whose range has no last key to name.
fn remove_named(write: &mut Write<'_>, run: RunId, room: &mut usize) -> Result<bool, ReadError> {
    use Bound::{Excluded, Included};
    let (rows, next) = (&mut *write.rows, next(run));
    let places = || (Included((run, "", 0)), Excluded((next, "", 0)));
    let names = || (Included((run, "")), Excluded((next, "")));
    Ok(mail::TABLE.remove_range(rows, places(), room)?
        && mail_payloads::TABLE.remove_range(rows, places(), room)?
        && mailboxes::TABLE.remove_range(rows, names(), room)?
        && replies::TABLE.remove_range(rows, names(), room)?)
}
