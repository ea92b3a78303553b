//! Starts the next run of a key. When a run with a key completes and has not taken all its requests, the first of these
//! starts the next run, in the same commit, and the next run takes over the others. So no request is lost because it
//! reached a run that was about to end.
//!
//! The commit moves a few requests. If there are more, it reserves places for them in the inbox of the next run, and
//! orders that they are moved in pieces. Nothing of the next run is executed before the last piece, so that it takes
//! these requests before those that arrive meanwhile. After a crash, the pieces are continued. If the next run ends
//! earlier, the rest stays where it is, as untaken requests of the completed run.

use dormouse_journal::{GuestLimits, Payload, RunId, Status, TriggerId, Unread};

use super::handler::append_log;
use super::start::StartRun;
use super::storage::StorageLimits;
use super::trigger;
use super::{RUN, SMALL_ROW, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::broadcasts::payload_size;
use crate::tables::mailboxes::Mailbox;
use crate::tables::orders::{self, HandOver, Order};
use crate::tables::routed::{self, Routed};
use crate::tables::small_or_large::SmallOrLarge;
use crate::tables::triggers::{self, Trigger};
use crate::tables::{Triggered, mail, runs};

/// The number of rows that moving a request changes: the request, its body and its other data, each removed and
/// written.
const MOVED: u64 = 6;

/// The number of requests, and of bytes beyond one larger body, that the commit in which a run completes moves.
const AT_ONCE: usize = 32;
const AT_ONCE_BYTES: u64 = 512 << 10;

/// The run that may be started when a run with a key completes.
#[derive(Debug, Clone)]
pub struct NextRun {
    /// The id of the run.
    pub run: RunId,
    /// The key of the run's random numbers.
    pub random: [u8; 32],
    /// The limits that the run can notice.
    pub guest: GuestLimits,
    /// The disk space that the run and its workflow may use.
    pub storage: StorageLimits,
}

impl NextRun {
    /// Returns the most that starting the run writes. A single body may be larger.
    pub(super) fn cost(&self) -> Extent {
        let rows = MOVED * AT_ONCE as u64 + 17;
        let bytes = AT_ONCE_BYTES + 17 * SMALL_ROW;
        RUN.and(RUN).and(Extent::new(rows, bytes))
    }
}

/// Starts the next run for the key of a run that has just completed, if it has left a request. Returns the id of the
/// next run.
pub(super) fn start(
    write: &mut Write<'_>,
    completed: RunId,
    next_run: &NextRun,
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
    let requests = routed::TABLE.list(run.rows, all, AT_ONCE + 1)?;
    let mut requests = requests
        .into_iter()
        .map(|((_, _, place), row)| (place, row));
    let Some((place, first)) = requests.next() else {
        return Ok(None);
    };
    let Some(input) = mail::get(&write.rows, (completed, event, place))? else {
        return Ok(None);
    };
    if let Err(refused) = begin(write, (id, &trigger), &triggered, next_run, (first, input))? {
        let message = format!(
            "requests that this run has not taken start no other run, since that is refused ({refused:?}); they are lost"
        );
        append_log(write, completed, message)?;
        return Ok(None);
    }
    forget(write, completed, event, place)?;
    let mut handing = HandOver {
        to: next_run.run,
        event: event.to_owned(),
        next: mailbox(write, next_run.run, event)?.next_place,
    };
    let mut bytes = 0;
    for (place, row) in requests {
        bytes += hand_over(write, completed, &mut handing, place, &row)?;
        if bytes >= AT_ONCE_BYTES {
            break;
        }
    }
    let is_left = !routed::TABLE.keys(&write.rows, all, false, 1)?.is_empty();
    let left = mailbox(write, completed, event)?.queued;
    if let Some(mut run) = write.run(next_run.run)? {
        let next = handing.next + if is_left { u64::from(left) } else { 0 };
        run.change_mailbox(event, |mailbox| mailbox.next_place = next)?;
        run.state_mut().is_restoring = is_left;
    }
    if is_left {
        let order = Order::HandOver(handing);
        orders::put(&mut write.rows, completed, orders::HAND_OVER, &order)?;
    }
    Ok(Some(next_run.run))
}

/// The result of one step of moving requests.
pub(super) enum HandedOver {
    /// A request was moved whose body has this many bytes.
    One(u64),
    /// No request is left, and the next run can begin.
    All,
    /// The next run has ended.
    Ended,
}

/// Moves the next request that a completed run has not taken.
pub(super) fn hand_over_next(
    write: &mut Write<'_>,
    completed: RunId,
    handing: &mut HandOver,
) -> Result<HandedOver, ReadError> {
    let to = handing.to;
    let has_ended = match write.run(to)? {
        Some(run) => run.state().status.has_ended(),
        None => true,
    };
    if has_ended {
        return Ok(HandedOver::Ended);
    }
    let event = handing.event.as_str();
    let all = between((completed, event, 0), (completed, event, u64::MAX));
    let first = routed::TABLE.list(&write.rows, all, 1)?;
    let Some(((_, _, place), row)) = first.into_iter().next() else {
        if let Some(mut run) = write.run(to)? {
            run.state_mut().is_restoring = false;
        }
        return Ok(HandedOver::All);
    };
    hand_over(write, completed, handing, place, &row).map(HandedOver::One)
}

fn mailbox(write: &mut Write<'_>, run: RunId, event: &str) -> Result<Mailbox, ReadError> {
    let run = write.run(run)?;
    Ok(run
        .map(|run| run.mailbox(event))
        .transpose()?
        .unwrap_or_default())
}

/// Starts the run with a request.
fn begin(
    write: &mut Write<'_>,
    (id, trigger): (TriggerId, &Trigger),
    before: &Triggered,
    next_run: &NextRun,
    (request, input): (Routed, Payload),
) -> Result<Result<(), trigger::TriggerRefused>, ReadError> {
    let start = StartRun {
        run: next_run.run,
        workflow: trigger.options.workflow.clone(),
        version: trigger.options.version,
        input,
        headers: request.headers,
        key: next_run.random,
        limits: next_run.guest,
        idempotency_key: None,
        earlier_key: None,
        remember: 0,
        storage: next_run.storage,
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

/// Removes a request from the inbox of the completed run.
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

/// Moves a request to its place in the inbox of the next run. Returns the size of its body.
fn hand_over(
    write: &mut Write<'_>,
    from: RunId,
    handing: &mut HandOver,
    place: u64,
    row: &Routed,
) -> Result<u64, ReadError> {
    let (to, event) = (handing.to, handing.event.as_str());
    let Some(payload) = mail::get(&write.rows, (from, event, place))? else {
        routed::TABLE.remove(&mut write.rows, (from, event, place))?;
        return Ok(0);
    };
    let accepted = mail::accepted(&write.rows, (from, event, place))?;
    forget(write, from, event, place)?;
    let size = payload.body.len() as u64;
    let payload = SmallOrLarge::new(payload_size(&payload), payload);
    let Some(mut run) = write.run(to)? else {
        return Ok(size);
    };
    let accepted = accepted.unwrap_or(run.now);
    let place = handing.next;
    mail::put(run.rows, (to, event, place), accepted, size, &payload)?;
    routed::TABLE.put(run.rows, (to, event, place), row)?;
    run.change_mailbox(event, |mailbox| {
        mailbox.queued += 1;
        mailbox.queued_bytes += size;
    })?;
    handing.next += 1;
    Ok(size)
}
