//! Carries out orders, piece by piece: what runs ask of other runs, and what follows for other runs from the end of a
//! run.
//!
//! The commit of an activation or of a run's end decides what is to be done, by a row of `orders`. It happens exactly
//! once, because the transaction that does it removes the row. Runs take turns, so that a run with thousands of orders
//! does not delay a run with one.

use std::ops::Bound;

use dormouse_journal::{
    CancelOptions, Header, OperationNumber, Outcome, RunId, Time, Transition, WhenParentEnds,
};

use super::carried::Carried;
use super::child_start::{self, OrderLimits};
use super::clearing::END;
use super::deferred::DeferredWriter;
use super::family::{self, Access};
use super::handler;
use super::held;
use super::next_run::{self, HandedOver};
use super::restore::{self, Step};
use super::retried;
use super::{Lane, RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::keys::MinMax;
use crate::rows::{Extent, Rows};
use crate::tables::children;
use crate::tables::expiries::Expiring;
use crate::tables::orders::{
    self, ChildStart, Deferring, HandOver, Order, Release, Retrying, TakingBack,
};
use crate::tables::{results, run_waits, runs, unsettled};
use crate::views::OutstandingCall;

/// The number of runs that one piece touches. A piece takes about as long as a disk sync, so the other writes of its
/// group are hardly delayed.
const SERVED: usize = 32;

/// The number of them in one turn of a run.
const TURN: usize = 8;

/// The number of bytes of inputs and outputs that one piece writes. A single one may be larger.
const BYTES: u64 = 2 << 20;

/// Carries out the next piece of orders.
pub(crate) struct ServeOrders {
    /// The run that had the last turn.
    pub(crate) last: Option<RunId>,
    pub(crate) limits: OrderLimits,
}

impl Transaction for ServeOrders {
    type Output = Carried;

    fn lane(&self) -> Lane {
        Lane::Upkeep
    }

    /// Each step may start a run, end a run, write a result for one, or write some of what was deferred.
    fn cost(&self) -> Extent {
        let labels = dormouse_journal::LABELS as u64;
        let each = RUN
            .and(RUN)
            .and(END)
            .and(Extent::new(12 + labels, (8 + labels) * SMALL_ROW));
        let served = SERVED as u64;
        let bytes = each.bytes * served + 2 * BYTES + self.limits.body;
        Extent::new(each.rows * served, bytes)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Carried, ReadError> {
        let mut piece = Piece {
            limits: &self.limits,
            carried: Carried {
                last: self.last,
                ..Carried::default()
            },
            served: 0,
            bytes: 0,
        };
        while piece.has_room() {
            let Some(owner) = next_owner(&write.rows, piece.carried.last)? else {
                return Ok(piece.carried);
            };
            piece.turn(write, owner)?;
            piece.carried.last = Some(owner);
        }
        Ok(piece.carried)
    }
}

/// Returns a run with orders: the first after `last`, or the first of all.
fn next_owner(
    rows: &(impl Rows + ?Sized),
    last: Option<RunId>,
) -> Result<Option<RunId>, ReadError> {
    let behind = match last {
        Some(last) => Bound::Excluded((last, u64::MAX)),
        None => Bound::Unbounded,
    };
    let range = (behind, Bound::<(RunId, u64)>::Unbounded);
    let mut first = orders::TABLE.keys(rows, range, false, 1)?;
    if first.is_empty() {
        first = orders::TABLE.keys(rows, orders::TABLE.all(), false, 1)?;
    }
    Ok(first.pop().map(|(owner, _)| owner))
}

/// The work of one transaction.
struct Piece<'l> {
    limits: &'l OrderLimits,
    carried: Carried,
    served: usize,
    bytes: u64,
}

impl Piece<'_> {
    fn has_room(&self) -> bool {
        self.served < SERVED && self.bytes < BYTES
    }

    /// Gives a run its turn.
    fn turn(&mut self, write: &mut Write<'_>, owner: RunId) -> Result<(), ReadError> {
        let until = (self.served + TURN).min(SERVED);
        while self.served < until && self.bytes < BYTES {
            let first = orders::TABLE.list(&write.rows, orders::TABLE.of(owner), 1)?;
            let Some(((_, place), order)) = first.into_iter().next() else {
                return Ok(());
            };
            self.served += 1;
            let rest = self.carry_out(write, owner, order, until)?;
            match rest {
                Some(rest) => orders::TABLE.put(&mut write.rows, (owner, place), &rest)?,
                None => drop(orders::TABLE.remove(&mut write.rows, (owner, place))?),
            }
        }
        Ok(())
    }

    /// Carries out an order, as far as there is room. Returns the part of the order that is left.
    fn carry_out(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        order: Order,
        until: usize,
    ) -> Result<Option<Order>, ReadError> {
        Ok(match order {
            Order::Start(child) => {
                self.start(write, owner, child, Vec::new())?;
                None
            }
            Order::StartWith { child, headers } => {
                self.start(write, owner, child, headers)?;
                None
            }
            Order::Cancel {
                operation,
                run,
                options,
            } => {
                self.cancel(write, owner, operation, run, &options)?;
                None
            }
            Order::Timeout => {
                let options = CancelOptions {
                    grace: Some(self.limits.timeout_grace),
                    reason: Some("timeout".into()),
                };
                self.ask(write, owner, &options)?;
                None
            }
            Order::GiveUp => {
                self.give_up(write, owner)?;
                None
            }
            Order::Handle {
                workflow,
                failure,
                tries,
            } => {
                let why = (&failure, tries);
                let started = handler::start(write, owner, &workflow, why, self.limits)?;
                self.bytes += started.map_or(0, |(_, size)| size);
                let started = started.map(|(run, _)| run);
                self.carried.woken.extend(started);
                None
            }
            Order::Grace => {
                self.ask(write, owner, &CancelOptions::default())?;
                None
            }
            Order::Ended { at, parent_told } => {
                let more = self.tell(write, owner, at, until)?;
                if !more && !parent_told {
                    tell_parent(write, owner)?;
                }
                more.then_some(Order::Ended { at, parent_told })
            }
            Order::TakeBack(mut taking) => {
                let more = self.restore(write, owner, &mut taking, until)?;
                self.settle(write, owner, more)?;
                more.then_some(Order::TakeBack(taking))
            }
            Order::WriteDeferred(mut deferring) => {
                let more = self.write_deferred(write, owner, &mut deferring, until)?;
                self.settle(write, owner, more)?;
                more.then_some(Order::WriteDeferred(deferring))
            }
            Order::Retry(mut retrying) => {
                let more = self.retry(write, owner, &mut retrying, until)?;
                self.settle(write, owner, more)?;
                more.then_some(Order::Retry(retrying))
            }
            Order::HandOver(mut handing) => {
                let more = self.hand_over(write, owner, &mut handing, until)?;
                more.then_some(Order::HandOver(handing))
            }
            Order::Release(mut release) => {
                let more = self.release(write, owner, &mut release, until)?;
                more.then_some(Order::Release(release))
            }
            Order::Family { grace, cursor } => {
                let mut cursor = cursor;
                let more = self.end_family(write, owner, grace, &mut cursor, until)?;
                more.then_some(Order::Family { grace, cursor })
            }
        })
    }

    /// Starts a run for another run, and writes the result for the latter.
    fn start(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        child: ChildStart,
        headers: Vec<Header>,
    ) -> Result<(), ReadError> {
        let size = headers.iter().map(|(name, value)| name.len() + value.len());
        self.bytes += (child.input.body.len() + size.sum::<usize>()) as u64;
        let (operation, id) = (child.operation, child.run);
        let timeout = child.timeout;
        let started = match child_start::begin(write, owner, (child, headers), self.limits)? {
            Ok(()) => {
                self.carried.woken.push(id);
                if let Some(timeout) = timeout {
                    let at = write.now.after(timeout);
                    Expiring::Timeout(id).add(&mut write.rows, at)?;
                }
                Ok(id.to_string())
            }
            Err(failure) => Err(failure),
        };
        self.told(write, owner, operation, Outcome::Started(started))
    }

    /// Cancels a run for another run, and writes the result for the latter.
    fn cancel(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        operation: OperationNumber,
        target: Option<RunId>,
        options: &CancelOptions,
    ) -> Result<(), ReadError> {
        let workflow = write.run(owner)?.map(|run| run.state().workflow.clone());
        let asking = (owner, workflow.as_deref().unwrap_or_default());
        let access = match target {
            Some(target) => family::access(&write.rows, asking, target)?,
            None => Access::Gone,
        };
        let cancelled = match (access, target) {
            (Access::Refused(failure), _) => Err(failure),
            (Access::Allowed, Some(target)) => Ok(self.ask(write, target, options)?),
            _ => Ok(false),
        };
        self.told(write, owner, operation, Outcome::RunCancelled(cancelled))
    }

    /// Cancels a run, or asks it to cancel. Returns true if the run existed and had not ended.
    fn ask(
        &mut self,
        write: &mut Write<'_>,
        target: RunId,
        options: &CancelOptions,
    ) -> Result<bool, ReadError> {
        let Some(mut run) = write.run(target)? else {
            return Ok(false);
        };
        if run.give_up(self.limits.retention)? || run.state().status.has_ended() {
            return Ok(false);
        }
        if run.cancel(options, self.limits.retention)? {
            self.carried.cancelled.push(target);
        } else {
            self.carried.woken.push(target);
        }
        Ok(true)
    }

    /// Gives up a run that broke or failed and was not repaired in time.
    fn give_up(&mut self, write: &mut Write<'_>, id: RunId) -> Result<(), ReadError> {
        let Some(mut run) = write.run(id)? else {
            return Ok(());
        };
        if run.give_up(self.limits.retention)? {
            return Ok(());
        }
        if run.state().is_broken && run.transition(Transition::GivenUp).is_ok() {
            run.end(self.limits.retention)?;
            self.carried.failed.push(id);
        }
        Ok(())
    }

    /// Writes the result of an order for a run, if it still waits for that.
    fn told(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        operation: OperationNumber,
        outcome: Outcome,
    ) -> Result<(), ReadError> {
        let now = write.now;
        let Some(mut run) = write.run(owner)? else {
            return Ok(());
        };
        if run.state().is_gone() || !run.waits_for(operation)? {
            return Ok(());
        }
        run.put_result(operation, now, &outcome.into())?;
        let state = run.state_mut();
        state.notifying = state.notifying.saturating_sub(1);
        self.carried.told.push((owner, operation));
        Ok(())
    }

    /// Tells the runs that wait for a run that it has ended. Returns true if there are more of them.
    fn tell(
        &mut self,
        write: &mut Write<'_>,
        target: RunId,
        ended: Time,
        until: usize,
    ) -> Result<bool, ReadError> {
        let Some(outcome) = family::outcome(write, target)? else {
            return Ok(false);
        };
        let outcome = Outcome::RunEnded(Ok(Some(outcome)));
        loop {
            let waits = run_waits::TABLE.of(target);
            let next = run_waits::TABLE.keys(&write.rows, waits, false, 1)?;
            let Some((_, waiter, operation)) = next.first().copied() else {
                return Ok(false);
            };
            if self.served >= until || self.bytes >= BYTES {
                return Ok(true);
            }
            self.served += 1;
            run_waits::TABLE.remove(&mut write.rows, (target, waiter, operation))?;
            if let Some(mut run) = write.run(waiter)?
                && !run.state().is_gone()
                && let Some(open) = run.open(operation)?
                && !open.abandoned
                // A wait whose deadline had passed gets nothing. Time stands still for a failed run.
                && open.waiting().takes(run.state().ended.map_or(ended, |at| at.min(ended)))
            {
                let is_told = !run.state().is_frozen();
                run.put_result(operation, ended, &outcome.clone().into())?;
                self.bytes += results::size(&outcome) as u64;
                self.carried.told.push((waiter, operation));
                if is_told {
                    family::note_told(write, target, waiter)?;
                }
            }
        }
    }

    /// Continues to restore a run that was taken back. Returns true if there is more to restore.
    fn restore(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        taking: &mut TakingBack,
        until: usize,
    ) -> Result<bool, ReadError> {
        while self.served < until && self.bytes < BYTES {
            self.served += 1;
            match restore::step(write, owner, taking)? {
                Step::Done(bytes) => self.bytes += bytes,
                Step::Calling(operation, attempts, bounds, bytes) => {
                    self.bytes += bytes;
                    let workflow = write.run(owner)?.map(|run| run.state().workflow.clone());
                    self.carried.calls.push(OutstandingCall {
                        run: owner,
                        workflow: workflow.unwrap_or_default().into(),
                        operation,
                        attempts,
                        bounds,
                    });
                }
                Step::Ends(child) => {
                    let options = CancelOptions {
                        grace: Some(self.limits.timeout_grace),
                        reason: Some("parent-taken-back".into()),
                    };
                    self.ask(write, child, &options)?;
                }
                Step::Over => {
                    self.carried.woken.push(owner);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Continues to write what is left of an activation. Returns true if there is more.
    fn write_deferred(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        deferring: &mut Deferring,
        until: usize,
    ) -> Result<bool, ReadError> {
        let mut writer = DeferredWriter::new(owner, self.limits.mail);
        while self.served < until && self.bytes < BYTES {
            self.served += 1;
            match writer.step(write, deferring, &mut self.carried)? {
                Some(bytes) => self.bytes += bytes,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Continues to write a retry. Returns true if there is more.
    fn retry(
        &mut self,
        write: &mut Write<'_>,
        owner: RunId,
        retrying: &mut Retrying,
        until: usize,
    ) -> Result<bool, ReadError> {
        while self.served < until && self.bytes < BYTES {
            self.served += 1;
            match retried::step(write, owner, retrying, &mut self.carried)? {
                Some(bytes) => self.bytes += bytes,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Notes that the waits of a run for events are all written, unless there are more. Events may wait for that.
    fn settle(&mut self, write: &mut Write<'_>, id: RunId, more: bool) -> Result<(), ReadError> {
        if !more && unsettled::TABLE.remove(&mut write.rows, id)? {
            self.carried.broadcasting = true;
        }
        Ok(())
    }

    /// Continues to end the hold of a run and of the runs below it. Returns true if there is more.
    fn release(
        &mut self,
        write: &mut Write<'_>,
        id: RunId,
        release: &mut Release,
        until: usize,
    ) -> Result<bool, ReadError> {
        while self.served < until {
            self.served += 1;
            if let held::Step::Over = held::step(write, id, release)? {
                self.carried.resuming = true;
                self.carried.woken.push(id);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Continues to move requests to the next run of a key. Returns true if there are more.
    fn hand_over(
        &mut self,
        write: &mut Write<'_>,
        completed: RunId,
        handing: &mut HandOver,
        until: usize,
    ) -> Result<bool, ReadError> {
        while self.served < until && self.bytes < BYTES {
            self.served += 1;
            match next_run::hand_over_next(write, completed, handing)? {
                HandedOver::One(bytes) => self.bytes += bytes,
                HandedOver::All => {
                    self.carried.woken.push(handing.to);
                    return Ok(false);
                }
                HandedOver::Ended => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Asks the runs that an ended run started to cancel, after the cursor. Returns true if there are more.
    fn end_family(
        &mut self,
        write: &mut Write<'_>,
        parent: RunId,
        grace: Option<u64>,
        cursor: &mut Option<RunId>,
        until: usize,
    ) -> Result<bool, ReadError> {
        let options = CancelOptions {
            grace,
            reason: Some("parent-ended".into()),
        };
        loop {
            let start = cursor.map_or(Bound::Included((parent, RunId::MIN)), |last| {
                Bound::Excluded((parent, last))
            });
            let range = (start, Bound::Included((parent, RunId::MAX)));
            let next = children::TABLE.list(&write.rows, range, 1)?;
            let Some(((_, child), row)) = next.into_iter().next() else {
                return Ok(false);
            };
            if self.served >= until {
                return Ok(true);
            }
            self.served += 1;
            if row.when_parent_ends == WhenParentEnds::Cancel {
                self.ask(write, child, &options)?;
            }
            *cursor = Some(child);
        }
    }
}

/// Tells the run that started a run, if there is one, that the latter has ended.
fn tell_parent(write: &mut Write<'_>, child: RunId) -> Result<(), ReadError> {
    let stored = runs::TABLE.get(&write.rows, child)?;
    if let Some(parent) = stored.and_then(|stored| stored.run.parent)
        && let Some(mut run) = write.run(parent.run)?
    {
        let state = run.state_mut();
        state.children = state.children.saturating_sub(1);
    }
    Ok(())
}
