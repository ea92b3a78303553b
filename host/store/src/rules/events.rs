//! Events that are sent to all runs which wait for them.
//!
//! An event to all is decided by one row. It reaches every wait that was committed before and has not completed. These
//! waits are found afterwards, in pieces, so that no transaction grows with their number. The result is the same as if
//! all were reached at once: each wait has the sequence at which it was made, so that later waits are not reached, and
//! a wait cannot complete in another way while an event for it is under way.
//!
//! One pass over the waits serves all events of a name: each wait gets the first event that was decided after it was
//! made. So any number of events costs one pass.
//!
//! The waits of a run that made or got back many at once are written in pieces after the commit that decided about them
//! (`unsettled`). An event that was decided later than such a commit is for these waits too. So its pass begins when they
//! are written. Runs that begin to be written meanwhile are later than the event, and do not delay it.

use std::collections::BTreeMap;
use std::ops::Bound;

use dormouse_journal::{OperationNumber, Outcome, Payload, RunId, Time};

use super::run::RunWrite;
use super::{Lane, RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::keys::MinMax;
use crate::rows::table::between;
use crate::rows::{Extent, Rows};
use crate::tables::broadcasts::{self, Broadcast, Round, payload_size};
use crate::tables::event_waits::{self, EventWait};
use crate::tables::results::Arriving;
use crate::tables::small_or_large::SmallOrLarge;
use crate::tables::{event_payloads, underway, unsettled};

/// The number of waits that one piece reaches, and of events that it finishes. A piece takes about as long as a disk
/// sync, so the other writes of its group are hardly delayed.
const SERVED: usize = 32;

/// The number of waits that one piece skips: waits that are not reached, or whose runs have ended.
const LOOKED_AT: usize = 256;

/// The largest number of large payloads. Each is kept until every result that refers to it was taken.
const LARGE: usize = 256;

type Waiter = (RunId, OperationNumber);

/// Sends an event to all runs that wait for it.
pub(crate) struct Notify {
    event: String,
    payload: SmallOrLarge<Payload>,
}

impl Notify {
    pub(crate) fn new(event: String, payload: Payload) -> Self {
        Notify {
            event,
            payload: SmallOrLarge::new(payload_size(&payload), payload),
        }
    }
}

/// The result of sending an event to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notified {
    /// The event was decided at this commit sequence, by which [`Served`] refers to it.
    Decided(u64),
    /// Runs have not yet taken as many large events as the host keeps.
    Full,
}

impl Transaction for Notify {
    type Output = Notified;

    fn lane(&self) -> Lane {
        Lane::Events
    }

    fn cost(&self) -> Extent {
        cost(&self.payload)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Notified, ReadError> {
        let sequence = write.sequence() + 1;
        if !decide(write, sequence, &self.event, &self.payload, None)? {
            return Ok(Notified::Full);
        }
        write.set_sequence(sequence);
        Ok(Notified::Decided(sequence))
    }
}

/// The rows that deciding an event writes: its row, its payload, and its place among the events under way.
pub(super) fn cost(payload: &SmallOrLarge<Payload>) -> Extent {
    Extent::new(3, payload.bytes() + 2 * SMALL_ROW)
}

/// Decides that an event reaches every wait made before `sequence`. Returns false if there is no room for its payload.
pub(super) fn decide(
    write: &mut Write<'_>,
    sequence: u64,
    event: &str,
    payload: &SmallOrLarge<Payload>,
    from: Option<Waiter>,
) -> Result<bool, ReadError> {
    let rows = &mut write.rows;
    if payload.is_large() {
        let large = event_payloads::TABLE.keys(rows, event_payloads::TABLE.all(), false, LARGE)?;
        if large.len() >= LARGE {
            return Ok(false);
        }
    }
    let row = Broadcast {
        event: event.into(),
        accepted: write.now,
        from,
        payload: payload.put(rows, &event_payloads::TABLE, sequence)?,
        waits: 0,
        named: 0,
        is_underway: true,
        round: None,
    };
    broadcasts::TABLE.put(rows, sequence, &row)?;
    underway::TABLE.add(rows, (event, sequence))?;
    Ok(true)
}

/// Returns true if an event that was decided already will reach this wait.
pub(crate) fn is_underway(
    rows: &(impl Rows + ?Sized),
    event: &str,
    run: RunId,
    operation: OperationNumber,
) -> Result<bool, ReadError> {
    let Some(wait) = event_waits::TABLE.get(rows, (event, run, operation))? else {
        return Ok(false);
    };
    let Some(sequence) = first_after(rows, event, wait.since, u64::MAX)? else {
        return Ok(false);
    };
    let row = broadcasts::TABLE.get(rows, sequence)?;
    Ok(row.is_some_and(|row| is_in_time(&wait, row.accepted)))
}

/// Returns the first event of this name that is under way and was decided after a wait was made and at `until` or
/// before. If that event is too late for the wait, all later ones are too.
fn first_after(
    rows: &(impl Rows + ?Sized),
    event: &str,
    since: u64,
    until: u64,
) -> Result<Option<u64>, ReadError> {
    let range = (
        Bound::Excluded((event, since)),
        Bound::Included((event, until)),
    );
    if since >= until {
        return Ok(None);
    }
    let first = underway::TABLE.keys(rows, range, false, 1)?.pop();
    Ok(first.map(|(_, sequence)| sequence))
}

fn is_in_time(wait: &EventWait, accepted: Time) -> bool {
    let deadline = wait.waiting.deadline;
    deadline.is_none_or(|deadline| accepted < deadline)
}

/// Delivers the next piece of the events that are under way.
pub(crate) struct ServeEvents {
    /// The name whose events were delivered last. The names take turns.
    pub(crate) last: Option<String>,
}

/// The result of delivering a piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// The waits that were reached, in order: the sequence of the event, and the run.
    pub reached: Vec<(u64, RunId)>,
    /// The events that have now reached every wait.
    pub finished: Vec<Finished>,
    /// The name whose events were delivered last.
    pub last: Option<String>,
    /// True if there is more to deliver now. Events that wait until the waits of a run are written do not count.
    pub more: bool,
}

/// An event that has reached every wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// The commit sequence at which it was decided.
    pub sequence: u64,
    /// The number of waits that it reached.
    pub waits: u32,
    /// The run that sent it, if that run gets this number now.
    pub told: Option<RunId>,
}

impl Transaction for ServeEvents {
    type Output = Served;

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    /// Each reached wait removes a row, changes its mailbox, and writes a result, which may replace another. Each
    /// finished event removes three rows and writes a result for its sender. Each may also change a run and the row of
    /// an event.
    fn cost(&self) -> Extent {
        let each = RUN.and(Extent::new(8, 2 * SMALL_ROW + 2_048));
        let served = 2 * SERVED as u64;
        let passed_by = 2 * LOOKED_AT as u64;
        Extent::new(each.rows * served + passed_by, each.bytes * served)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Served, ReadError> {
        let mut piece = Piece {
            served: Served {
                last: self.last.clone(),
                ..Served::default()
            },
            looked_at: 0,
        };
        let mut has_served = false;
        let settled = unsettled::settled_until(&write.rows)?;
        // The first of the names whose events all wait, since the last name of which something was delivered.
        let mut waiting: Option<String> = None;
        while piece.has_room() {
            let Some(name) = next_name(&write.rows, piece.served.last.as_deref())? else {
                return Ok(piece.served);
            };
            if waiting.as_ref() == Some(&name) {
                return Ok(piece.served);
            }
            if piece.serve(write, &name, settled)? {
                (waiting, has_served) = (None, true);
            } else {
                waiting.get_or_insert_with(|| name.clone());
            }
            piece.served.last = Some(name);
        }
        piece.served.more = has_served && next_name(&write.rows, None)?.is_some();
        Ok(piece.served)
    }
}

/// Returns the name of an event under way: the first after `last`, or the first of all.
fn next_name(rows: &(impl Rows + ?Sized), last: Option<&str>) -> Result<Option<String>, ReadError> {
    let behind = last.unwrap_or_default();
    let range = (
        Bound::Excluded((behind, u64::MAX)),
        Bound::<(&str, u64)>::Unbounded,
    );
    let mut first = underway::TABLE.keys(rows, range, false, 1)?;
    if first.is_empty() {
        first = underway::TABLE.keys(rows, underway::TABLE.all(), false, 1)?;
    }
    Ok(first.pop().map(|(name, _)| name))
}

/// The work of one transaction.
struct Piece {
    served: Served,
    looked_at: usize,
}

/// The rows of events that a piece changes. Each is read and written once.
type Events = BTreeMap<u64, Broadcast>;

fn load<'e>(
    events: &'e mut Events,
    rows: &(impl Rows + ?Sized),
    sequence: u64,
) -> Result<Option<&'e mut Broadcast>, ReadError> {
    if !events.contains_key(&sequence)
        && let Some(row) = broadcasts::TABLE.get(rows, sequence)?
    {
        events.insert(sequence, row);
    }
    Ok(events.get_mut(&sequence))
}

impl Piece {
    fn has_room(&self) -> bool {
        self.served.reached.len() < SERVED
            && self.served.finished.len() < SERVED
            && self.looked_at < LOOKED_AT
    }

    /// Continues the pass of this name's events, or begins one for those that were decided at `settled` or before. Returns
    /// false if all of them were decided later.
    fn serve(
        &mut self,
        write: &mut Write<'_>,
        name: &str,
        settled: u64,
    ) -> Result<bool, ReadError> {
        // Each look counts, so that a piece ends whatever it finds.
        self.looked_at += 1;
        let all = between((name, u64::MIN), (name, settled));
        let first = underway::TABLE.keys(&write.rows, all, false, 1)?.pop();
        let last = underway::TABLE.keys(&write.rows, all, true, 1)?.pop();
        let (Some((_, first)), Some((_, last))) = (first, last) else {
            return Ok(false);
        };
        let mut events = Events::new();
        let Some(row) = load(&mut events, &write.rows, first)? else {
            underway::TABLE.remove(&mut write.rows, (name, first))?;
            return Ok(true);
        };
        let mut round = row.round.take().unwrap_or(Round {
            until: last,
            cursor: None,
            is_over: false,
        });
        if !round.is_over {
            self.reach(write, name, &mut round, &mut events)?;
        }
        let until = round.until;
        if let Some(row) = events.get_mut(&first) {
            row.round = Some(round.clone());
        }
        for (sequence, row) in &events {
            broadcasts::put(&mut write.rows, *sequence, row)?;
        }
        if round.is_over {
            self.finish(write, name, (first, until))?;
        }
        Ok(true)
    }

    /// Continues through the waits, and gives each the first event that is for it.
    fn reach(
        &mut self,
        write: &mut Write<'_>,
        name: &str,
        round: &mut Round,
        events: &mut Events,
    ) -> Result<(), ReadError> {
        while self.served.reached.len() < SERVED && self.looked_at < LOOKED_AT {
            let page = waiters(&write.rows, name, round.cursor, SERVED)?;
            round.is_over = page.len() < SERVED;
            for (waiter, wait) in page {
                if self.served.reached.len() == SERVED || self.looked_at == LOOKED_AT {
                    round.is_over = false;
                    return Ok(());
                }
                round.cursor = Some(waiter);
                self.looked_at += 1;
                let first = first_after(&write.rows, name, wait.since, round.until)?;
                let Some(sequence) = first else { continue };
                let Some(row) = load(events, &write.rows, sequence)? else {
                    continue;
                };
                if is_in_time(&wait, row.accepted) && serve(write, name, waiter, sequence, row)? {
                    self.served.reached.push((sequence, waiter.0));
                }
            }
            if round.is_over {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Finishes the events of a completed pass, the last ones first, because the first one has the state of the pass.
    fn finish(
        &mut self,
        write: &mut Write<'_>,
        name: &str,
        (first, until): (u64, u64),
    ) -> Result<(), ReadError> {
        let room = SERVED.saturating_sub(self.served.finished.len());
        let range = between((name, first), (name, until));
        let done = underway::TABLE.keys(&write.rows, range, true, room)?;
        for (_, sequence) in done {
            underway::TABLE.remove(&mut write.rows, (name, sequence))?;
            let Some(mut row) = broadcasts::TABLE.get(&write.rows, sequence)? else {
                continue;
            };
            row.is_underway = false;
            row.round = None;
            broadcasts::put(&mut write.rows, sequence, &row)?;
            self.served.finished.push(Finished {
                sequence,
                waits: row.waits,
                told: tell(write, &row)?,
            });
        }
        Ok(())
    }
}

/// Returns at most `limit` waits for an event, after the one given.
fn waiters(
    rows: &(impl Rows + ?Sized),
    event: &str,
    after: Option<Waiter>,
    limit: usize,
) -> Result<Vec<(Waiter, EventWait)>, ReadError> {
    use Bound::{Excluded, Included};
    let start = match after {
        Some((run, operation)) => Excluded((event, run, operation)),
        None => Included((event, RunId::MIN, OperationNumber::MIN)),
    };
    let end = Included((event, RunId::MAX, OperationNumber::MAX));
    let found = event_waits::TABLE
        .list(rows, (start, end), limit)?
        .into_iter();
    Ok(found
        .map(|((_, run, operation), wait)| ((run, operation), wait))
        .collect())
}

/// Gives a wait of a run that has just failed the event that is on its way to it.
pub(super) fn reach_failed(
    run: &mut RunWrite<'_>,
    name: &str,
    operation: OperationNumber,
) -> Result<(), ReadError> {
    let Some(wait) = event_waits::TABLE.get(run.rows, (name, run.id, operation))? else {
        return Ok(());
    };
    let Some(sequence) = first_after(run.rows, name, wait.since, u64::MAX)? else {
        return Ok(());
    };
    let Some(mut event) = broadcasts::TABLE.get(run.rows, sequence)? else {
        return Ok(());
    };
    if is_in_time(&wait, event.accepted) && give(run, name, operation, sequence, &mut event)? {
        broadcasts::put(run.rows, sequence, &event)?;
    }
    Ok(())
}

/// Gives an event to one wait. Returns false if the wait's run has ended.
fn serve(
    write: &mut Write<'_>,
    name: &str,
    (id, operation): Waiter,
    sequence: u64,
    event: &mut Broadcast,
) -> Result<bool, ReadError> {
    event_waits::TABLE.remove(&mut write.rows, (name, id, operation))?;
    let Some(mut run) = write.run(id)? else {
        return Ok(false);
    };
    give(&mut run, name, operation, sequence, event)
}

/// Gives an event to one wait of a run. Returns false if the run has ended.
fn give(
    run: &mut RunWrite<'_>,
    name: &str,
    operation: OperationNumber,
    sequence: u64,
    event: &mut Broadcast,
) -> Result<bool, ReadError> {
    let state = run.state();
    if state.is_gone() || state.ended.is_some_and(|ended| event.accepted > ended) {
        return Ok(false);
    }
    // This wait has its event, so an event aimed at the run goes to its next wait.
    run.change_mailbox(name, |mailbox| {
        mailbox.waits = mailbox.waits.saturating_sub(1);
    })?;
    let arriving = match event.copied() {
        Some(payload) => Outcome::Event(Some(payload.clone())).into(),
        None => {
            event.named += 1;
            Arriving::Event(sequence)
        }
    };
    run.put_result(operation, event.accepted, &arriving)?;
    event.waits += 1;
    Ok(true)
}

/// Completes the notify operation of the run that sent an event. Returns the run, if it still waits for that.
fn tell(write: &mut Write<'_>, event: &Broadcast) -> Result<Option<RunId>, ReadError> {
    let Some((id, operation)) = event.from else {
        return Ok(None);
    };
    let now = write.now;
    let Some(mut run) = write.run(id)? else {
        return Ok(None);
    };
    if run.state().is_gone() || !run.waits_for(operation)? {
        return Ok(None);
    }
    let told = Outcome::Notified(event.waits).into();
    run.put_result(operation, now, &told)?;
    let state = run.state_mut();
    state.notifying = state.notifying.saturating_sub(1);
    Ok(Some(id))
}
