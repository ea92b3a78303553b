//! Commits an activation: everything that it decided, in one transaction.

use dormouse_journal::{
    Channel, End, Kind, OperationNumber, Outcome, RunId, Source, Status, Time, Transition,
    WebhookNumber,
};

use super::commit::commit;
use super::mail::{self, AimedNotified, MailLimits};
use super::new_activation::{Activated, CommitRefused};
use super::prepared::{CommitLimits, Deferral, Prepared};
use super::run::RunWrite;
use super::{Lane, Transaction, Write};
use super::{events, family, held, next_run};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::deferred::{self, EventToSend, SendTo};
use crate::tables::inbox::{self, Arrival};
use crate::tables::orders::{self, Deferring, DeferringStage, Order};
use crate::tables::unsettled::Unsettled;
use crate::tables::{pauses, results, unsettled};

/// An activation that is to be appended to a run's journal.
#[derive(Debug)]
pub(crate) struct Activate {
    pub(crate) run: RunId,
    pub(crate) number: u32,
    /// The number of times that the run had been retried or moved when the activation was executed.
    pub(crate) tries: u32,
    pub(crate) new: Prepared,
    pub(crate) limits: CommitLimits,
}

/// The effects of the events that an activation sends.
#[derive(Default)]
pub(super) struct Sent {
    /// The notify operations that complete at once, each with the number of waits that it reached.
    pub(super) told: Vec<(OperationNumber, u32)>,
    /// Runs that have something to do now.
    pub(super) woken: Vec<RunId>,
    /// True if an event was sent to all runs that wait for it.
    pub(super) to_all: bool,
    /// True if orders for other runs were written.
    ordering: bool,
}

impl Transaction for Activate {
    type Output = Result<Activated, CommitRefused>;

    /// An event may concern any run, and so may a wait for a run.
    fn run(&self) -> Option<RunId> {
        (!self.new.touches_others()).then_some(self.run)
    }

    fn lane(&self) -> Lane {
        Lane::Run(self.run)
    }

    fn cost(&self) -> Extent {
        self.new.cost
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError> {
        // Events that the activation sends to all get sequences of this commit, so that they do not reach waits
        // that it makes.
        let first = write.sequence() + 1;
        let (events, orders) = self.told_later();
        let sequence = write.sequence() + (events + orders).max(1);
        let is_held = held::of(write, self.run)?.is_some();
        let Some(mut run) = write.run(self.run)? else {
            return Ok(Err(CommitRefused::Ended));
        };
        if let Some(refused) = self.refuse(&run, is_held)? {
            return Ok(Err(refused));
        }
        let first_operation = run.state().operations;
        // If the run fails in this activation, only its answers are performed: a retry may take the activation
        // back.
        if !matches!(self.new.activation.end, Some(End::Failed { .. })) {
            let notifying = &mut run.state_mut().notifying;
            let told_later = u32::try_from(events + orders).unwrap_or(u32::MAX);
            *notifying = notifying.saturating_add(told_later);
            // Written before the end of the run, which checks whether orders are left.
            for (place, row) in (first + events..).zip(&self.new.orders) {
                orders::TABLE.put_encoded(run.rows, (run.id, place), row)?;
            }
        }
        if let Some(deferral) = &self.new.deferral {
            self.put_deferral(&mut run, deferral, (first, sequence))?;
        }
        commit(
            &mut run,
            self.number,
            &self.new,
            sequence,
            self.limits.retention,
        )?;
        if self.new.deferral.is_some() && !run.state().status.has_ended() {
            run.state_mut().is_restoring = true;
        }
        write.set_sequence(sequence);

        let mut sent = Sent::default();
        if self.new.activation.end.is_none() && self.new.next.is_none() {
            for event in &self.new.sends {
                send(write, self.run, event, (first, self.limits.mail), &mut sent)?;
            }
            self.wait(write, first_operation, &mut sent)?;
        }
        if let Some(new) = &self.new.next_run {
            sent.woken.extend(next_run::start(write, self.run, new)?);
        }
        let Some(run) = write.run(self.run)? else {
            return Ok(Err(CommitRefused::Ended));
        };
        self.finish(run, sent).map(Ok)
    }
}

/// Sends an event of an activation of the run `id`. The first event of that activation to all has the sequence `first`.
pub(super) fn send(
    write: &mut Write<'_>,
    id: RunId,
    send: &EventToSend,
    (first, mail): (u64, MailLimits),
    sent: &mut Sent,
) -> Result<(), ReadError> {
    let operation = send.operation;
    match send.to {
        SendTo::Nobody => sent.told.push((operation, 0)),
        SendTo::Run(run) => {
            let what = (send.size, &send.payload);
            let came = mail::send_to_run(write, run, &send.event, what, mail)?;
            let is_queued = came == AimedNotified::Queued;
            sent.told.push((operation, is_queued.into()));
            sent.woken.extend(is_queued.then_some(run));
        }
        SendTo::Everyone { nth } => {
            // An event whose notify was abandoned in the same activation is sent, but its sender is not told.
            let run = write.run(id)?;
            let waits = run.map(|run| run.waits_for(operation)).transpose()?;
            let from = (waits == Some(true)).then_some((id, operation));
            if events::decide(write, first + nth, &send.event, &send.payload, from)? {
                sent.to_all = true;
            } else if from.is_some() {
                sent.told.push((operation, 0));
                if let Some(mut run) = write.run(id)? {
                    let state = run.state_mut();
                    state.notifying = state.notifying.saturating_sub(1);
                }
            }
        }
    }
    Ok(())
}

/// Tells a run how many waits its events have reached, as far as that is known at once.
pub(super) fn tell(
    run: &mut RunWrite<'_>,
    told: Vec<(OperationNumber, u32)>,
) -> Result<(), ReadError> {
    for (operation, count) in told {
        // An event whose notify was abandoned in the same activation is sent, but its sender is not told.
        if run.waits_for(operation)? {
            let told = Outcome::Notified(count).into();
            run.put_result(operation, run.now, &told)?;
        }
    }
    Ok(())
}

impl Activate {
    /// Writes what is deferred, and the order to write it to its tables. `first` is the first commit sequence of the
    /// activation, and `last` the last one.
    fn put_deferral(
        &self,
        run: &mut RunWrite<'_>,
        deferral: &Deferral,
        (first, last): (u64, u64),
    ) -> Result<(), ReadError> {
        for (number, row) in (0..).zip(&deferral.rows) {
            deferred::TABLE.put_encoded(run.rows, (run.id, number), row)?;
        }
        let deferring = Deferring {
            activation: self.number,
            first: OperationNumber(run.state().operations),
            since: last,
            first_event: first,
            first_order: first + deferral.events,
            has_ended: self.new.activation.end.is_some(),
            ends_generation: self.new.next.is_some(),
            next: DeferringStage::Part { row: 0, part: 0 },
        };
        if deferral.waits_for_events {
            unsettled::TABLE.put(run.rows, run.id, &Unsettled { since: last })?;
        }
        let order = Order::WriteDeferred(deferring);
        orders::put(run.rows, run.id, orders::WRITE_DEFERRED, &order)
    }

    /// Returns the number of events to all, and of orders, whose results come later.
    fn told_later(&self) -> (u64, u64) {
        if let Some(deferral) = &self.new.deferral {
            return (deferral.events, deferral.orders);
        }
        let to_all = |send: &&EventToSend| matches!(send.to, SendTo::Everyone { .. });
        let events = self.new.sends.iter().filter(to_all).count() as u64;
        (events, self.new.orders.len() as u64)
    }

    /// Completes the activation's waits for other runs, now or later. The first operation of the activation has
    /// the number `first`.
    fn wait(&self, write: &mut Write<'_>, first: u32, sent: &mut Sent) -> Result<(), ReadError> {
        if self.new.waits.is_empty() {
            return Ok(());
        }
        let workflow = write.run(self.run)?.map(|run| run.state().workflow.clone());
        let asking = (self.run, workflow.as_deref().unwrap_or_default());
        for (place, target) in &self.new.waits {
            let operation = OperationNumber(first.saturating_add(*place));
            let run = write.run(self.run)?;
            if run.map(|run| run.waits_for(operation)).transpose()? == Some(true) {
                sent.ordering |= family::wait(write, asking, operation, *target)?;
            }
        }
        Ok(())
    }

    /// Records which waits the events have reached, and returns the state of the run.
    fn finish(&self, mut run: RunWrite<'_>, sent: Sent) -> Result<Activated, ReadError> {
        tell(&mut run, sent.told)?;
        let is_deferred = self.new.deferral.is_some();
        if !run.state().status.has_ended() && self.new.next.is_none() {
            let has_host_work = is_deferred || run.has_host_work()?;
            // `refuse` has ensured that the run is neither blocked nor ended, so it can be activated.
            let _ = run.transition(Transition::Activated { has_host_work });
        }
        let own_bytes = run.owned().own;
        // The end of a run leaves orders only if it concerns other runs.
        let has_ended = run.state().status.has_ended();
        let is_left = has_ended && run.has_orders()?;
        let ordering = sent.ordering || !self.new.orders.is_empty() || is_left || is_deferred;
        let state = run.state();
        Ok(Activated {
            status: state.status,
            is_due: state.is_due(),
            time: run.now.max(state.time),
            woken: sent.woken,
            broadcasting: sent.to_all,
            ordering,
            is_deferred,
            journal_bytes: state.journal_bytes,
            own_bytes,
        })
    }

    /// Checks everything before anything is written. Returns the reason for a refusal.
    fn refuse(
        &self,
        run: &RunWrite<'_>,
        is_held: bool,
    ) -> Result<Option<CommitRefused>, ReadError> {
        let state = run.state();
        if state.status.has_ended() {
            return Ok(Some(CommitRefused::Ended));
        }
        if state.status == Status::Blocked {
            return Ok(Some(CommitRefused::Blocked));
        }
        if (state.activations, state.tries) != (self.number, self.tries) || state.is_restoring {
            return Ok(Some(CommitRefused::Moved));
        }
        if is_held || pauses::of(run.rows, self.run, &state.workflow)?.is_some() {
            return Ok(Some(CommitRefused::Paused));
        }
        let Some(completion) = &self.new.activation.completion else {
            return Ok(None);
        };
        match self.new.source() {
            Some(Source::Deadline) => refuse_deadline(run, completion.operation),
            Some(Source::Arrival { channel, place }) => match channel {
                Channel::Webhook(webhook) => {
                    refuse_delivery(run, *webhook, *place, &completion.outcome)
                }
                Channel::Event(event) => refuse_aimed(run, event, completion.operation),
                Channel::Result(_) | Channel::Cancel => Ok(None),
            },
            Some(Source::Abandoned) | None => Ok(None),
        }
    }
}

/// Refuses a request that was given to the run before it was durable, and that did not become durable.
fn refuse_delivery(
    run: &RunWrite<'_>,
    webhook: WebhookNumber,
    place: u64,
    outcome: &Outcome,
) -> Result<Option<CommitRefused>, ReadError> {
    let queued: Option<Arrival> = inbox::TABLE.get_prefix(run.rows, (run.id, webhook, place))?;
    let is_there = match outcome {
        Outcome::Delivery(Some(delivery)) => queued.is_some_and(|queued| queued.id == delivery.id),
        _ => false,
    };
    Ok((!is_there).then_some(CommitRefused::Stale))
}

/// Refuses an event aimed at the run if an event to all has reached the wait. The wait gets the latter, and the
/// aimed event goes to the next wait.
fn refuse_aimed(
    run: &RunWrite<'_>,
    event: &str,
    operation: OperationNumber,
) -> Result<Option<CommitRefused>, ReadError> {
    if results::TABLE.has(run.rows, (run.id, operation))? {
        return Ok(Some(CommitRefused::Stale));
    }
    let is_underway = events::is_underway(run.rows, event, run.id, operation)?;
    Ok(is_underway.then_some(CommitRefused::EventUnderway))
}

/// Refuses a timeout as long as something that was accepted before the deadline has not been taken.
fn refuse_deadline(
    run: &RunWrite<'_>,
    operation: OperationNumber,
) -> Result<Option<CommitRefused>, ReadError> {
    let Some(open) = run.open(operation)? else {
        return Ok(None);
    };
    let first = match &open.kind {
        Kind::WaitForWebhook { webhook, .. } => run.first_request(*webhook)?,
        Kind::WaitForEvent { event, .. } => {
            if let Some(refused) = refuse_aimed(run, event, operation)? {
                return Ok(Some(refused));
            }
            run.first_mail(event)?
        }
        Kind::WaitForRun { run: target, .. } => {
            let told: Option<Time> = results::TABLE.get_prefix(run.rows, (run.id, operation))?;
            if let Some(told) = told {
                // A run that was taken back can have a result from after the deadline.
                let is_in_time = open.waiting().takes(told);
                return Ok(is_in_time.then_some(CommitRefused::Stale));
            }
            let ended = target.parse().ok().map(|target: RunId| {
                let key = (target, orders::ENDED);
                orders::TABLE.get(run.rows, key)
            });
            // The order is about to be carried out. It tells this run and wakes it.
            return Ok(match ended.transpose()?.flatten() {
                Some(Order::Ended { at, .. }) if open.waiting().takes(at) => {
                    Some(CommitRefused::EventUnderway)
                }
                _ => None,
            });
        }
        Kind::WaitForCancel { .. } => run.state().cancel.as_ref().map(|asked| asked.at),
        _ => None,
    };
    Ok(first
        .is_some_and(|accepted| open.waiting().takes(accepted))
        .then_some(CommitRefused::Stale))
}
