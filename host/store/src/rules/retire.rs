//! Removes what has expired, in small pieces: keys of requests, open operations of ended runs, and ended runs with all
//! their rows.
//!
//! The removal of a run is decided at once: from then on its id is unknown. Its rows are removed afterwards.

use std::ops::Bound;

use dormouse_journal::{LABELS, RunId, Status};

use super::clearing::END;
use super::run::next;
use super::{Lane, RUN, SMALL_ROW, Transaction, Write, forget, generation, held};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::counted::WriteLimit;
use crate::tables::expiries::{self, Expiring};
use crate::tables::orders::{self, Order};
use crate::tables::set_aside::Aside;
use crate::tables::{
    State, call_bodies, call_requests, children, deferred, duplicates, failed_tries,
    generation_inputs, generations, handled, held_calls, inbox, inbox_requests, inputs, journal,
    logs, mail, mail_payloads, mailboxes, open, repeats, replies, restores, result_outcomes,
    results, routed, runs, starts, tries, webhooks,
};

/// The number of rows that a piece changes, besides those of the runs that it touches. A piece takes about as long as a
/// few disk syncs, and other writes wait no longer for it.
const ROWS: u64 = 512;

/// The number of bytes of rows that a piece removes. A single row may be larger. A row is read to be removed.
const BYTES: u64 = 8 << 20;

/// The number of expired things that a piece looks at. Each may change a run.
const EXPIRING: u64 = 64;

/// The size of the runs' rows that a piece touches, in bytes. A single row may be larger.
const MOST_ROW_BYTES: u64 = 1 << 20;

/// How much later a run with orders that are not carried out yet is removed, in milliseconds.
const POSTPONED: u64 = 1_000;

/// How long a failed run that is being deleted is kept, in milliseconds, in case the deletion is not continued.
const RETENTION_OF_DELETED: u64 = 60_000;

/// The number of rows that one step may change beyond its limit. A run that is forgotten has an index row for each of
/// its labels.
const STEP: u64 = 24 + LABELS as u64;

/// Removes some of what has expired.
pub(crate) struct Retire;

impl Transaction for Retire {
    /// True if there is more to remove.
    type Output = bool;

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    fn cost(&self) -> Extent {
        let rows = ROWS + STEP + EXPIRING * RUN.rows;
        Extent::new(rows, MOST_ROW_BYTES + EXPIRING * SMALL_ROW)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let limit = WriteLimit::of(&write.rows, ROWS, BYTES);
        let touched = write.loaded_bytes().saturating_add(MOST_ROW_BYTES);
        for _ in 0..EXPIRING {
            if !limit.allows_more(&write.rows) || write.loaded_bytes() > touched {
                return Ok(true);
            }
            let first = expiries::TABLE
                .keys(&write.rows, expiries::TABLE.all(), false, 1)?
                .pop();
            let Some((expires, expiring)) = first else {
                return Ok(false);
            };
            if expires > write.now {
                return Ok(false);
            }
            match remove(write, &Expiring::from_key(&expiring)?, limit)? {
                Removed::All => {}
                // It stays in the queue until all of it is removed.
                Removed::Some => return Ok(true),
                Removed::AllBut(rest) => rest.add(&mut write.rows, expires)?,
                Removed::Later => {
                    let later = write.now.after(POSTPONED);
                    Expiring::from_key(&expiring)?.add(&mut write.rows, later)?;
                }
            }
            expiries::TABLE.remove(&mut write.rows, (expires, expiring))?;
        }
        Ok(true)
    }
}

/// Removes an ended run before its retention is over.
pub(crate) struct Delete(pub(crate) RunId);

/// The result of deleting a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// The run, which had this status, is unknown now. Its rows are removed afterwards.
    Now(Status),
    /// A part of its open operations was cleared. Deleting it again continues.
    InPart,
    /// The run has not ended.
    Alive(Status),
    /// There is no such run.
    Unknown,
}

impl Transaction for Delete {
    type Output = Deleted;

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn lane(&self) -> Lane {
        Lane::Run(self.0)
    }

    fn cost(&self) -> Extent {
        RUN.and(END).and(Extent::new(ROWS + STEP, SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Deleted, ReadError> {
        let run = self.0;
        let status = match write.run(run)? {
            Some(run) => run.state().status,
            None => return Ok(Deleted::Unknown),
        };
        if !status.has_ended() {
            return Ok(Deleted::Alive(status));
        }
        if let Some(mut run) = write.run(run)? {
            // Its retention is over when the rest of the deletion is done.
            run.give_up(RETENTION_OF_DELETED)?;
        }
        let limit = WriteLimit::of(&write.rows, ROWS, BYTES);
        if !clear(write, run, limit)? || !is_alone(write, run)? {
            return Ok(Deleted::InPart);
        }
        if let Some(workflow) = write.forget_run(run)? {
            let now = write.now;
            Expiring::Rest { run, workflow }.add(&mut write.rows, now)?;
        }
        Ok(Deleted::Now(status))
    }
}

/// How much of an expired thing was removed.
enum Removed {
    All,
    Some,
    AllBut(Expiring),
    /// Nothing was removed yet.
    Later,
}

impl Removed {
    fn of(is_all: bool) -> Self {
        if is_all { Removed::All } else { Removed::Some }
    }
}

/// Removes an expired thing, as far as the limit allows.
fn remove(
    write: &mut Write<'_>,
    expiring: &Expiring,
    limit: WriteLimit,
) -> Result<Removed, ReadError> {
    match expiring {
        Expiring::Duplicate { run, webhook, key } => {
            forget::expire(write, (*run, *webhook, *key))?;
            Ok(Removed::All)
        }
        Expiring::Start { workflow, key } => {
            starts::TABLE.remove(&mut write.rows, (workflow.as_str(), *key))?;
            Ok(Removed::All)
        }
        Expiring::Triggered { trigger, key } => {
            forget::expire_triggered(write, (*trigger, *key))?;
            Ok(Removed::All)
        }
        Expiring::Open(run) => clear(write, *run, limit).map(Removed::of),
        Expiring::Run(run) => {
            if !clear(write, *run, limit)? {
                return Ok(Removed::Some);
            }
            if !is_alone(write, *run)? {
                return Ok(Removed::Later);
            }
            let workflow = write.forget_run(*run)?;
            Ok(workflow.map_or(Removed::All, |workflow| {
                let run = *run;
                Removed::AllBut(Expiring::Rest { run, workflow })
            }))
        }
        Expiring::Grace(run) => {
            let grace = (orders::GRACE, Order::Grace);
            carry_out(write, *run, grace, &Aside::Grace)
        }
        Expiring::Timeout(run) => {
            if !is_timed_out(write, *run)? {
                return Ok(Removed::All);
            }
            let timeout = (orders::TIMEOUT, Order::Timeout);
            carry_out(write, *run, timeout, &Aside::Timeout)
        }
        Expiring::Broken { run, tries } => {
            let is_of_now =
                |state: &State| (state.is_broken || state.is_frozen()) && state.tries == *tries;
            match write.run(*run)?.filter(|run| is_of_now(run.state())) {
                None => Ok(Removed::All),
                Some(run) if run.state().is_frozen() => {
                    orders::put(run.rows, run.id, orders::GIVE_UP, &Order::GiveUp)?;
                    Ok(Removed::All)
                }
                Some(_) => {
                    let give_up = (orders::GIVE_UP, Order::GiveUp);
                    carry_out(write, *run, give_up, &Aside::Broken { tries: *tries })
                }
            }
        }
        Expiring::Freeze { run, tries, from } => {
            let (id, tries, from) = (*run, *tries, *from);
            let Some(mut run) = write.run(id)? else {
                return Ok(Removed::All);
            };
            // Since then the run was retried or given up.
            if !run.state().is_frozen() || run.state().tries != tries {
                return Ok(Removed::All);
            }
            let rest = run.freeze_some(from, limit)?;
            Ok(rest.map_or(Removed::All, |from| {
                let run = id;
                Removed::AllBut(Expiring::Freeze { run, tries, from })
            }))
        }
        Expiring::Restores { run, tries } => {
            let (id, tries) = (*run, *tries);
            match write.run(id)? {
                // The prepared rows were used, or belong to another try.
                Some(run) if run.state().tries == tries && !run.state().is_restoring => {
                    let all = restores::TABLE.of(id);
                    let removed = restores::TABLE.remove_range(run.rows, all, limit)?;
                    Ok(Removed::of(removed))
                }
                _ => Ok(Removed::All),
            }
        }
        Expiring::Old {
            run,
            activations,
            logs,
        } => generation::remove_old(write, *run, (*activations, *logs), limit).map(Removed::of),
        Expiring::Rest { run, workflow } => {
            let all = remove_rows(write, *run, limit)?;
            write.settle_removed(*run, workflow)?;
            Ok(Removed::of(all))
        }
    }
}

/// Returns true if the timeout of a run has passed. A retry gives the run the same time again, and notes the new end.
fn is_timed_out(write: &mut Write<'_>, id: RunId) -> Result<bool, ReadError> {
    let now = write.now;
    let Some(run) = write.run(id)? else {
        return Ok(false);
    };
    let Some(stored) = runs::TABLE.get(run.rows, id)? else {
        return Ok(false);
    };
    let from = run.state().timed_from.unwrap_or(stored.run.created);
    let timeout = stored.run.parent.and_then(|parent| parent.timeout);
    Ok(timeout.is_some_and(|timeout| from.after(timeout) <= now))
}

/// Orders something for a run that has not ended. For a paused run, it is set aside.
fn carry_out(
    write: &mut Write<'_>,
    run: RunId,
    (place, order): (u64, Order),
    aside: &Aside,
) -> Result<Removed, ReadError> {
    let alive = write.run(run)?.map(|run| run.state().clone());
    let alive = alive.filter(|state| !state.status.has_ended());
    if let Some(State { workflow, .. }) = alive {
        if held::is_paused_or_held(write, run, &workflow)?.is_some() {
            aside.add(&mut write.rows, &workflow, run)?;
        } else {
            orders::put(&mut write.rows, run, place, &order)?;
        }
    }
    Ok(Removed::All)
}

/// Returns true if nothing is left to be carried out for an ended run. A failed run leaves the runs that it started
/// alone until it is removed, and then orders that they are asked to cancel.
fn is_alone(write: &mut Write<'_>, run: RunId) -> Result<bool, ReadError> {
    let Some(mut run) = write.run(run)? else {
        return Ok(true);
    };
    if run.has_orders()? {
        return Ok(false);
    }
    if run.state().status == Status::Failed && run.state().children > 0 {
        // The runs that are left go on. They are asked only once.
        run.state_mut().children = 0;
        run.end_family()?;
        return Ok(false);
    }
    Ok(true)
}

/// Clears the open operations of an ended run.
fn clear(write: &mut Write<'_>, run: RunId, limit: WriteLimit) -> Result<bool, ReadError> {
    match write.run(run)? {
        Some(mut run) => run.clear_some(limit),
        None => Ok(true),
    }
}

/// Removes the rows of a run that is unknown already. Data in a separate row is removed before the row that refers to
/// it.
fn remove_rows(write: &mut Write<'_>, id: RunId, limit: WriteLimit) -> Result<bool, ReadError> {
    let rows = &mut write.rows;
    Ok(
        inbox_requests::TABLE.remove_range(rows, inbox_requests::TABLE.of(id), limit)?
            && inbox::TABLE.remove_range(rows, inbox::TABLE.of(id), limit)?
            && call_bodies::TABLE.remove_range(rows, call_bodies::TABLE.of(id), limit)?
            && call_requests::TABLE.remove_range(rows, call_requests::TABLE.of(id), limit)?
            && held_calls::TABLE.remove_range(rows, held_calls::TABLE.of(id), limit)?
            && repeats::TABLE.remove_range(rows, repeats::TABLE.of(id), limit)?
            && failed_tries::TABLE.remove_range(rows, failed_tries::TABLE.of(id), limit)?
            && result_outcomes::TABLE.remove_range(rows, result_outcomes::TABLE.of(id), limit)?
            && results::TABLE.remove_range(rows, results::TABLE.of(id), limit)?
            && webhooks::TABLE.remove_range(rows, webhooks::TABLE.of(id), limit)?
            && open::TABLE.remove_range(rows, open::TABLE.of(id), limit)?
            && journal::TABLE.remove_range(rows, journal::TABLE.of(id), limit)?
            && routed::TAKEN.remove_range(rows, routed::TAKEN.of(id), limit)?
            && logs::TABLE.remove_range(rows, logs::TABLE.of(id), limit)?
            && children::TABLE.remove_range(rows, children::TABLE.of(id), limit)?
            && duplicates::TABLE.remove_range(rows, duplicates::TABLE.of(id), limit)?
            && restores::TABLE.remove_range(rows, restores::TABLE.of(id), limit)?
            && deferred::TABLE.remove_range(rows, deferred::TABLE.of(id), limit)?
            && tries::TABLE.remove_range(rows, tries::TABLE.of(id), limit)?
            && handled::TABLE.remove_range(rows, one(id), limit)?
            && inputs::TABLE.remove_range(rows, one(id), limit)?
            && generation_inputs::TABLE.remove_range(rows, one(id), limit)?
            && generations::TABLE.remove_range(rows, one(id), limit)?
            && remove_named(write, id, limit)?,
    )
}

/// Returns the range of the one row whose key is this run.
fn one(id: RunId) -> (Bound<RunId>, Bound<RunId>) {
    (Bound::Included(id), Bound::Included(id))
}

/// Removes the rows whose keys have a text after the run. The range of such keys has no last key to name.
fn remove_named(write: &mut Write<'_>, run: RunId, limit: WriteLimit) -> Result<bool, ReadError> {
    use Bound::{Excluded, Included};
    let (rows, next) = (&mut write.rows, next(run));
    let places = || (Included((run, "", 0)), Excluded((next, "", 0)));
    let names = || (Included((run, "")), Excluded((next, "")));
    Ok(mail_payloads::TABLE.remove_range(rows, places(), limit)?
        && routed::TABLE.remove_range(rows, places(), limit)?
        && mail::TABLE.remove_range(rows, places(), limit)?
        && mailboxes::TABLE.remove_range(rows, names(), limit)?
        && replies::TABLE.remove_range(rows, names(), limit)?)
}
