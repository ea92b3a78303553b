//! Committing an activation: everything that it decided, at once.

use dormouse_journal::{
    Channel, End, Kind, OperationNumber, Outcome, RunId, Source, Status, Transition, WebhookNumber,
};

use super::commit::commit;
use super::mail::{self, AimedNotified};
use super::new_activation::{Activated, CommitRefused, NotifyTarget};
use super::prepared::{CommitLimits, Prepared, Send};
use super::run::RunWrite;
use super::{Lane, Transaction, Write};
use super::{events, family, heir, held};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::inbox::{self, Arrival};
use crate::tables::orders::{self, Order};
use crate::tables::{pauses, results};

/// An activation to be appended to a run's journal.
#[derive(Debug)]
pub(crate) struct Activate {
    pub(crate) run: RunId,
    pub(crate) number: u32,
    /// How often the run had been retried or moved when it was executed.
    pub(crate) tries: u32,
    pub(crate) new: Prepared,
    pub(crate) limits: CommitLimits,
}

/// What its events have done.
#[derive(Default)]
struct Sent {
    /// The notifies that complete at once, each with how many waits it reached.
    told: Vec<(OperationNumber, u32)>,
    /// Runs that have something to do now.
    woken: Vec<RunId>,
    /// True if an event was sent to all who wait.
    to_all: bool,
    /// True if something is to be carried out for other runs.
    ordering: bool,
}

impl Transaction for Activate {
    type Output = Result<Activated, CommitRefused>;

    /// An event may concern any run, and so may a wait for one.
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
        // The events that it sends to all are of this very commit, so that they do not reach waits made in it.
        let first = write.sequence() + 1;
        let to_all = |send: &&Send| send.to == NotifyTarget::Everyone;
        let events = self.new.sends.iter().filter(to_all).count() as u64;
        let orders = self.new.orders.len() as u64;
        let sequence = write.sequence() + (events + orders).max(1);
        let is_held = held::of(write, self.run)?.is_some();
        let Some(mut run) = write.run(self.run)? else {
            return Ok(Err(CommitRefused::Ended));
        };
        if let Some(refused) = self.refuse(&run, is_held)? {
            return Ok(Err(refused));
        }
        let first_operation = run.state().operations;
        // Of an activation in which a run fails nothing is performed but answers: it may be taken back.
        if !matches!(self.new.activation.end, Some(End::Failed { .. })) {
            let notifying = &mut run.state_mut().notifying;
            let told_later = u32::try_from(events + orders).unwrap_or(u32::MAX);
            *notifying = notifying.saturating_add(told_later);
            // In front of the end, which looks for what is still to be carried out.
            for (place, row) in (first + events..).zip(&self.new.orders) {
                orders::TABLE.put_encoded(run.rows, (run.id, place), row)?;
            }
        }
        commit(
            &mut run,
            self.number,
            &self.new,
            sequence,
            self.limits.retention,
        )?;
        write.set_sequence(sequence);

        let mut sent = Sent::default();
        if self.new.activation.end.is_none() && self.new.next.is_none() {
            self.send(write, first, &mut sent)?;
            self.wait(write, first_operation, &mut sent)?;
        }
        if let Some(new) = &self.new.heir {
            sent.woken.extend(heir::start(write, self.run, new)?);
        }
        let Some(run) = write.run(self.run)? else {
            return Ok(Err(CommitRefused::Ended));
        };
        self.finish(run, sent).map(Ok)
    }
}

impl Activate {
    /// Sends its events. The first one to all who wait is decided at the sequence `first`.
    fn send(&self, write: &mut Write<'_>, first: u64, sent: &mut Sent) -> Result<(), ReadError> {
        let mut sequence = first;
        for send in &self.new.sends {
            let operation = send.operation;
            match send.to {
                NotifyTarget::Nobody => sent.told.push((operation, 0)),
                NotifyTarget::Run(run) => {
                    let what = (send.size, &send.payload);
                    let mail = self.limits.mail;
                    let came = mail::send_to_run(write, run, &send.event, what, mail)?;
                    let is_queued = came == AimedNotified::Queued;
                    sent.told.push((operation, is_queued.into()));
                    sent.woken.extend(is_queued.then_some(run));
                }
                NotifyTarget::Everyone => {
                    // What was given up in the same activation is sent, and nobody waits to hear of it.
                    let run = write.run(self.run)?;
                    let waits = run.map(|run| run.waits_for(operation)).transpose()?;
                    let from = (waits == Some(true)).then_some((self.run, operation));
                    if events::decide(write, sequence, &send.event, &send.payload, from)? {
                        sent.to_all = true;
                    } else if from.is_some() {
                        sent.told.push((operation, 0));
                        if let Some(mut run) = write.run(self.run)? {
                            let state = run.state_mut();
                            state.notifying = state.notifying.saturating_sub(1);
                        }
                    }
                    sequence += 1;
                }
            }
        }
        Ok(())
    }

    /// Has its waits for other runs answered, now or later. The first of its operations has the number `first`.
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

    /// Records whom its events have reached, and where the run stands then.
    fn finish(&self, mut run: RunWrite<'_>, sent: Sent) -> Result<Activated, ReadError> {
        for (operation, count) in sent.told {
            // What was given up in the same activation is sent, and nobody waits to hear of it.
            if run.waits_for(operation)? {
                let told = Outcome::Notified(count).into();
                run.put_result(operation, run.now, &told)?;
            }
        }
        if !run.state().status.has_ended() && self.new.next.is_none() {
            let host_works = run.has_host_work()?;
            // A run that is neither blocked nor ended can always be activated: refuse() saw to it.
            let _ = run.transition(Transition::Activated { host_works });
        }
        let own_bytes = run.owned().own;
        // An end leaves something to be carried out only if it concerns others.
        let has_ended = run.state().status.has_ended();
        let is_left = has_ended && run.has_orders()?;
        let ordering = sent.ordering || !self.new.orders.is_empty() || is_left;
        let state = run.state();
        Ok(Activated {
            status: state.status,
            is_due: state.is_due(),
            time: run.now.max(state.time),
            woken: sent.woken,
            broadcasting: sent.to_all,
            ordering,
            journal_bytes: state.journal_bytes,
            own_bytes,
        })
    }

    /// Checks everything before anything is written.
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

/// A request may be given to a run before it is durable, and then must still become so.
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

/// A wait that an event sent to all has reached gets that one, and leaves one aimed at the run to the next wait.
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

/// A wait ends with none only after everything accepted before its deadline was handed out.
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
            if results::TABLE.has(run.rows, (run.id, operation))? {
                return Ok(Some(CommitRefused::Stale));
            }
            let ended = target.parse().ok().map(|target: RunId| {
                let key = (target, orders::ENDED);
                orders::TABLE.get(run.rows, key)
            });
            // Whoever carries it out is about to tell this run, and wakes it.
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
