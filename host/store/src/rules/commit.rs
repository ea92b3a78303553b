//! Writes what an activation decided: the journal's record, and every row of other tables that follows from it.
//!
//! [`Change`] says which operations the activation opens and closes. This file turns the changes into rows.

use dormouse_journal::{
    Change, Channel, End, Kind, Open, OperationNumber, Outcome, RunId, Source, Transition,
    WebhookNumber, WebhookOptions,
};

use super::labels;
use super::prepared::Prepared;
use super::run::RunWrite;
use crate::ReadError;
use crate::tables::deferred::CallToMake;
use crate::tables::event_waits::{self, EventWait};
use crate::tables::inbox::{self, request_size};
use crate::tables::{
    Attempts, Bounds, StateBefore, Webhook, calls, journal, logs, mail, replies, routed, run_waits,
    timers,
};

/// Writes the activation of this number, and what follows from it.
pub(super) fn commit(
    run: &mut RunWrite<'_>,
    number: u32,
    new: &Prepared,
    sequence: u64,
    retention: u64,
) -> Result<(), ReadError> {
    let first = OperationNumber(run.state().operations);
    let before = run.state().before_next();
    record(run, number, new)?;
    for (delivery, row) in &new.replies {
        keep_reply(run, delivery, row)?;
    }
    // The labels are set even if the run failed in the activation: they help to find failed runs and the reason.
    labels::set(run.rows, run.id, &new.labels)?;
    if let Some(End::Failed { failure, backtrace }) = &new.activation.end {
        let state = run.state_mut();
        state.backtrace.clone_from(backtrace);
        state.failure = Some(failure.clone());
        // The completion stays where it was, so that a retry can give it to the run again.
        return fail(run, new, before);
    }
    if let (Some(completion), Some(Source::Arrival { channel, place })) =
        (&new.activation.completion, new.source())
    {
        if let (Channel::Event(event), None, None) = (channel, &new.activation.end, &new.next) {
            keep_routed(run, number, event, *place)?;
        }
        take(run, channel, *place, &completion.outcome)?;
    }
    let completed = new.activation.completion.as_ref();
    let completed = completed.map(|completion| completion.operation);
    if let Some(operation) = completed {
        close(run, operation, true)?;
    }
    if new.deferral.is_none() {
        change(run, number, new, (first, sequence))?;
    }
    for webhook in &new.replaced {
        run.change_webhook(*webhook, |webhook| webhook.closed = true)?;
    }
    match (&new.activation.end, &new.next) {
        // The output is in the journal's last record.
        (Some(_), _) => {
            let _ = run.transition(Transition::Completed);
            run.end(retention)
        }
        (None, Some(next)) => run.continue_as_new(number, new, next),
        (None, None) => new.calls.iter().try_for_each(|call| {
            schedule(run, call)?;
            Ok(())
        }),
    }
}

/// Makes the changes of an activation. Its first operation has the number `first`.
fn change(
    run: &mut RunWrite<'_>,
    number: u32,
    new: &Prepared,
    (first, sequence): (OperationNumber, u64),
) -> Result<(), ReadError> {
    let completed = new.activation.completion.is_some();
    // The first change of a completion closes its operation, which is done.
    for change in new.activation.changes(first).skip(completed.into()) {
        // Operations that the last activation of a generation opened are given up together with all others.
        if new.next.is_some() && matches!(change, Change::Opened(..) | Change::Abandoned(_)) {
            continue;
        }
        apply(run, number, change, sequence)?;
    }
    Ok(())
}

/// Makes a change that an operation of the activation of this number makes.
pub(super) fn apply(
    run: &mut RunWrite<'_>,
    number: u32,
    change: Change<'_>,
    sequence: u64,
) -> Result<(), ReadError> {
    match change {
        Change::Closed(operation) => close(run, operation, false),
        Change::Abandoned(operation) => give_up(run, operation),
        Change::Opened(operation, open) => self::open(run, operation, *open, sequence),
        Change::WebhookCreated {
            webhook,
            step,
            options,
        } => create(run, webhook, created(run, number, step, options)),
        Change::WebhookClosed(webhook) => {
            run.change_webhook(webhook, |webhook| webhook.closed = true)
        }
    }
}

/// Fails the run. `before` is its state before the activation.
fn fail(run: &mut RunWrite<'_>, new: &Prepared, before: StateBefore) -> Result<(), ReadError> {
    let _ = run.transition(Transition::Failed);
    run.freeze(Some(before), new.repair_within)?;
    if let Some(Source::Arrival { channel, .. }) = new.source()
        && matches!(channel, Channel::Webhook(_) | Channel::Event(_))
    {
        let state = run.state_mut();
        state.untaken = state.untaken.saturating_sub(1);
    }
    Ok(())
}

/// Writes the record and the log, and counts them.
fn record(run: &mut RunWrite<'_>, number: u32, new: &Prepared) -> Result<(), ReadError> {
    if new.next.is_none() {
        let key = run.record_key(number);
        journal::TABLE.put_encoded(run.rows, key, &new.record)?;
    }
    for (place, line) in (0..).zip(&new.logs) {
        logs::TABLE.put_encoded(run.rows, (run.id, number, place), line)?;
    }
    let state = run.state_mut();
    state.log_bytes = new.logged;
    state.activations = number + 1;
    state.operations += u32::try_from(new.activation.operations.len()).unwrap_or(u32::MAX);
    state.journal_bytes += new.record.len() as u64;
    state.time = new.activation.time;
    Ok(())
}

/// Keeps the data of a request from a trigger, as long as the run can be taken back to before it took the request.
fn keep_routed(
    run: &mut RunWrite<'_>,
    number: u32,
    event: &str,
    place: u64,
) -> Result<(), ReadError> {
    let Some(request) = routed::TABLE.take(run.rows, (run.id, event, place))? else {
        return Ok(());
    };
    routed::TAKEN.put(run.rows, run.record_key(number), &request)
}

/// Removes a delivered item from where it was.
fn take(
    run: &mut RunWrite<'_>,
    channel: &Channel,
    place: u64,
    outcome: &Outcome,
) -> Result<(), ReadError> {
    match channel {
        Channel::Webhook(webhook) => {
            let Outcome::Delivery(Some(delivery)) = outcome else {
                return Ok(());
            };
            inbox::remove(run.rows, (run.id, *webhook, place))?;
            let size = request_size(&delivery.request) as u64;
            run.change_webhook(*webhook, |webhook| {
                webhook.queued = webhook.queued.saturating_sub(1);
                webhook.queued_bytes = webhook.queued_bytes.saturating_sub(size);
                webhook.delivered += 1;
            })
        }
        Channel::Event(event) => {
            let Some(size) = mail::remove(run.rows, (run.id, event.as_str(), place))? else {
                return Ok(());
            };
            run.change_mailbox(event, |mailbox| {
                mailbox.queued = mailbox.queued.saturating_sub(1);
                mailbox.queued_bytes = mailbox.queued_bytes.saturating_sub(size);
            })
        }
        Channel::Result(operation) => run.drop_result(*operation).map(drop),
        // The request to cancel stays, because every wait for it gets it.
        Channel::Cancel => Ok(()),
    }
}

/// Keeps an answer for a caller that asks again. A caller without a key cannot ask again and has no row. An answer
/// from before a retry of the run stays.
pub(super) fn keep_reply(
    run: &mut RunWrite<'_>,
    delivery: &str,
    row: &[u8],
) -> Result<(), ReadError> {
    let key = (run.id, delivery);
    let kept = replies::TABLE.get(run.rows, key)?;
    if kept.is_some_and(|kept| kept.response.is_none()) {
        replies::TABLE.put_encoded(run.rows, key, row)?;
    }
    Ok(())
}

/// Closes an operation that has completed or was dropped.
pub(super) fn close(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    has_completed: bool,
) -> Result<(), ReadError> {
    let Some(open) = run.take_open(operation)? else {
        return Ok(());
    };
    if open.abandoned {
        // Everything else was removed when the operation was given up.
        run.count(true, false);
        return Ok(());
    }
    if has_completed && (matches!(open.kind, Kind::Notify { .. }) || open.kind.is_order()) {
        // The operation has its result, which was taken.
        return Ok(());
    }
    remove_sources(run, operation, &open)
}

/// Marks an operation as given up. It completes next.
fn give_up(run: &mut RunWrite<'_>, operation: OperationNumber) -> Result<(), ReadError> {
    let Some(mut open) = run.open(operation)?.filter(|open| !open.abandoned) else {
        return Ok(());
    };
    remove_sources(run, operation, &open)?;
    run.count(false, true);
    open.abandoned = true;
    run.replace_open(operation, open)
}

/// Removes everything that could complete an operation.
fn remove_sources(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    open: &Open,
) -> Result<(), ReadError> {
    timers::remove(run.rows, run.id, operation, open)?;
    match &open.kind {
        Kind::WaitForWebhook { webhook, .. } => run.change_webhook(*webhook, |webhook| {
            webhook.waits = webhook.waits.saturating_sub(1);
        }),
        Kind::WaitForEvent { event, .. } => {
            // If an event to all has reached the wait, its row and its count in the mailbox are gone already.
            let key = (event.as_str(), run.id, operation);
            if event_waits::TABLE.remove(run.rows, key)? {
                run.change_mailbox(event, |mailbox| {
                    mailbox.waits = mailbox.waits.saturating_sub(1);
                })?;
            }
            run.drop_result(operation).map(drop)
        }
        Kind::Call { .. } => {
            calls::remove(run.rows, (run.id, operation))?;
            run.drop_result(operation).map(drop)
        }
        Kind::WaitForRun { run: target, .. } => {
            if let Ok(target) = target.parse::<RunId>() {
                run_waits::TABLE.remove(run.rows, (target, run.id, operation))?;
            }
            run.drop_result(operation).map(drop)
        }
        Kind::WaitForCancel { .. } => {
            run.change_cancel(|_, waits| *waits = waits.saturating_sub(1));
            Ok(())
        }
        Kind::Notify { .. } | Kind::StartRun { .. } | Kind::CancelRun { .. } => {
            let is_to_one = matches!(&open.kind, Kind::Notify { run: Some(_), .. });
            let is_underway = !run.drop_result(operation)? && !is_to_one;
            let state = run.state_mut();
            state.notifying = state.notifying.saturating_sub(is_underway.into());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Opens an operation.
pub(super) fn open(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    open: Open,
    sequence: u64,
) -> Result<(), ReadError> {
    timers::add(run.rows, run.id, operation, &open)?;
    match &open.kind {
        Kind::WaitForWebhook { webhook, .. } => {
            run.change_webhook(*webhook, |webhook| webhook.waits += 1)?;
        }
        Kind::WaitForEvent { event, .. } => {
            let wait = EventWait {
                since: sequence,
                waiting: open.waiting(),
            };
            let key = (event.as_str(), run.id, operation);
            event_waits::TABLE.put(run.rows, key, &wait)?;
            run.change_mailbox(event, |mailbox| mailbox.waits += 1)?;
        }
        Kind::WaitForCancel { .. } => run.change_cancel(|_, waits| *waits += 1),
        _ => {}
    }
    run.add_open(operation, open)
}

/// Creates a webhook. If the run had it before it was taken back, it stays the same.
fn create(
    run: &mut RunWrite<'_>,
    number: WebhookNumber,
    created: Webhook,
) -> Result<(), ReadError> {
    match run.webhook(number)? {
        Some(known) => run.put_changed_webhook(number, known, |webhook| {
            webhook.activation = created.activation;
            webhook.options = created.options;
            webhook.closed = false;
        }),
        None => run.add_webhook(number, created),
    }
}

/// Returns a webhook that the activation of this number creates.
pub(super) fn created(
    run: &RunWrite<'_>,
    activation: u32,
    step: &str,
    options: &WebhookOptions,
) -> Webhook {
    Webhook {
        step: step.to_owned(),
        activation,
        options: options.clone(),
        created: run.state().time,
        closed: false,
        next_place: 0,
        queued: 0,
        queued_bytes: 0,
        delivered: 0,
        waits: 0,
        last_accepted: None,
    }
}

/// Schedules the first attempt of a call, if the run still waits for it, at the time of the activation.
pub(super) fn schedule(
    run: &mut RunWrite<'_>,
    new: &CallToMake,
) -> Result<Option<(Attempts, Bounds)>, ReadError> {
    if !run.waits_for(new.operation)? {
        return Ok(None);
    }
    let attempts = Attempts {
        scheduled: 1,
        next: run.now.max(run.state().time),
    };
    let bounds = Bounds::new(new.retry, run.state().time);
    let key = (run.id, new.operation);
    calls::put(run.rows, key, attempts, bounds, &new.call)?;
    Ok(Some((attempts, bounds)))
}
