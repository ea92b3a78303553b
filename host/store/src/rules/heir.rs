//! The next run of a key: it is started with the first request that the run before was sent and never took before it
//! completed, and takes over the others, in the commit in which that run completes. So no request is lost to a run that has
//! done its last work and has not ended yet.
//!
//! How many requests wait for a run with a key is bounded by what one commit may move. More may lie there when the run was taken
//! back to before it took many, and never took them again: these are said to be lost in its log.

use dormouse_journal::{GuestLimits, Payload, RunId, Status, TriggerId, Unread};

use super::handler::say;
use super::start::StartRun;
use super::storage::StorageLimits;
use super::trigger::{self, WAITING};
use super::{RUN, SMALL_ROW, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::apart::Apart;
use crate::tables::broadcasts::payload_size;
use crate::tables::routed::{self, Routed};
use crate::tables::triggers::{self, Trigger};
use crate::tables::{Triggered, mail, runs};

/// How many rows a request moves: itself, its body and what else is known of it, each removed and written.
const MOVED: u64 = 6;

/// How many requests and bytes are usually left to move, at most. A full inbox has more: `WAITING` requests, and as many bytes
/// as one large body. It is rare, and each run that completes would have a group of its own if it were counted as that.
const USUAL: u64 = 32;
const USUAL_BYTES: u64 = 512 << 10;

/// The run that may be started when one with a key completes.
#[derive(Debug, Clone)]
pub struct NewHeir {
    /// Its id.
    pub run: RunId,
    /// The key of its randomness.
    pub random: [u8; 32],
    /// The limits that it can feel.
    pub guest: GuestLimits,
    /// What it and its workflow may own on the disk.
    pub storage: StorageLimits,
}

impl NewHeir {
    /// Returns what starting it usually writes at most.
    pub(super) fn cost(&self) -> Extent {
        let rows = MOVED * USUAL + 16;
        let bytes = USUAL_BYTES + 16 * SMALL_ROW;
        RUN.and(RUN).and(Extent::new(rows, bytes))
    }
}

/// Starts the next run for the key of a run that has just completed, if a request is left for it. Returns its id.
pub(super) fn start(
    write: &mut Write<'_>,
    completed: RunId,
    heir: &NewHeir,
) -> Result<Option<RunId>, ReadError> {
    let Some(run) = write.run(completed)? else {
        return Ok(None);
    };
    let has_completed = run.state().status == Status::Completed;
    let stored = runs::TABLE.get(run.rows, completed)?;
    let triggered = stored.and_then(|stored| stored.run.trigger);
    let Some(triggered) = triggered.filter(|triggered| has_completed && triggered.key.is_some())
    else {
        return Ok(None);
    };
    let id = triggered.id;
    let trigger = triggers::TABLE.get(run.rows, id)?;
    let Some(trigger) = trigger.filter(|trigger| trigger.options.unread == Unread::Start) else {
        return Ok(None);
    };
    let event = trigger.name.as_str();
    let all = between((completed, event, 0), (completed, event, u64::MAX));
    let lying = routed::TABLE.list(run.rows, all, WAITING as usize)?;
    let mut lying = lying.into_iter().map(|((_, _, place), row)| (place, row));
    let Some((place, first)) = lying.next() else {
        return Ok(None);
    };
    let Some(input) = mail::get(&write.rows, (completed, event, place))? else {
        return Ok(None);
    };
    if let Err(refused) = begin(write, (id, &trigger), &triggered, heir, (first, input))? {
        let message = format!(
            "requests that this run has not taken start no other run, since that is refused ({refused:?}); they are lost"
        );
        say(write, completed, message)?;
        return Ok(None);
    }
    forget(write, completed, event, place)?;
    for (place, row) in lying {
        hand_over(write, (completed, heir.run), event, place, &row)?;
    }
    if !routed::TABLE.keys(&write.rows, all, false, 1)?.is_empty() {
        let message = format!(
            "the next run takes over {WAITING} requests that this run has not taken; others are lost"
        );
        say(write, completed, message)?;
    }
    Ok(Some(heir.run))
}

/// Starts the run with a request.
fn begin(
    write: &mut Write<'_>,
    (id, trigger): (TriggerId, &Trigger),
    before: &Triggered,
    heir: &NewHeir,
    (request, input): (Routed, Payload),
) -> Result<Result<(), trigger::TripRefused>, ReadError> {
    let start = StartRun {
        run: heir.run,
        workflow: trigger.options.workflow.clone(),
        version: trigger.options.version,
        input,
        headers: request.headers,
        key: heir.random,
        limits: heir.guest,
        idempotency_key: None,
        earlier_key: None,
        remember: 0,
        storage: heir.storage,
        restarted: None,
        parent: None,
        labels: request.labels,
        trigger: Some(Triggered {
            id,
            name: trigger.name.clone(),
            key: before.key,
            method: request.method,
            url: request.url,
        }),
    };
    Ok(trigger::begin(write, start)?.map(drop))
}

/// Takes a request out of the inbox of the run that has completed.
fn forget(
    write: &mut Write<'_>,
    completed: RunId,
    event: &str,
    place: u64,
) -> Result<(), ReadError> {
    let Some(mut run) = write.run(completed)? else {
        return Ok(());
    };
    let size = mail::remove(run.rows, (completed, event, place))?;
    let size = size.unwrap_or_default();
    run.change_mailbox(event, |mailbox| {
        mailbox.queued = mailbox.queued.saturating_sub(1);
        mailbox.queued_bytes = mailbox.queued_bytes.saturating_sub(size);
    })?;
    let state = run.state_mut();
    state.untaken = state.untaken.saturating_sub(1);
    Ok(())
}

/// Moves a request from the inbox of one run to the end of that of another.
fn hand_over(
    write: &mut Write<'_>,
    (from, to): (RunId, RunId),
    event: &str,
    place: u64,
    row: &Routed,
) -> Result<(), ReadError> {
    let Some(payload) = mail::get(&write.rows, (from, event, place))? else {
        return Ok(());
    };
    let accepted = mail::accepted(&write.rows, (from, event, place))?;
    forget(write, from, event, place)?;
    let size = payload.body.len() as u64;
    let payload = Apart::new(payload_size(&payload), payload);
    let Some(mut run) = write.run(to)? else {
        return Ok(());
    };
    let accepted = accepted.unwrap_or(run.now);
    let place = run.mailbox(event)?.next_place;
    mail::put(run.rows, (to, event, place), accepted, size, &payload)?;
    routed::TABLE.put(run.rows, (to, event, place), row)?;
    run.change_mailbox(event, |mailbox| {
        mailbox.next_place += 1;
        mailbox.queued += 1;
        mailbox.queued_bytes += size;
    })
}
