//! Restores a run to the point to which it was taken back, piece by piece.
//!
//! The stages are: operations that were made since are closed; items that were taken since go back to where they came
//! from, the last first; operations that were open wait again; orders that were given since and are not carried out yet
//! are removed; the log is removed; and the runs that were started since are asked to cancel.

use std::ops::Bound;

use dormouse_journal::{
    Channel, Completion, Delivery, Kind, Open, OperationNumber, Origin, Outcome, Payload, RunId,
    Source, Time, Transition, WebhookNumber, WhenParentEnds,
};

use super::commit;
use super::run::RunWrite;
use super::thaw::Thaw;
use super::{Write, again, family};
use crate::ReadError;
use crate::rows::counted::WriteLimit;
use crate::rows::keys::MinMax;
use crate::rows::table::between;
use crate::tables::broadcasts::payload_size;
use crate::tables::call_requests::NewCallRows;
use crate::tables::inbox::{self, Arrival, request_size};
use crate::tables::orders::{self, Order, Place, Stage, TakingBack};
use crate::tables::repeats::{self, Repeats};
use crate::tables::small_or_large::SmallOrLarge;
use crate::tables::{
    Attempts, Bounds, PastTry, Restore, calls, children, event_waits, held_calls, journal, logs,
    mail, open, restores, results, routed, runs, tries, unsettled,
};

/// The number of rows that one step removes.
const ROWS: u64 = 64;

/// The number of bytes that one step removes. A single row may be larger.
const BYTES: u64 = 1 << 20;

/// The number of operations of a record that one step looks at.
const OPERATIONS: u32 = 64;

/// The result of one step.
pub(super) enum Step {
    /// Something of this size in bytes was restored.
    Done(u64),
    /// The next attempt at this call is due. The last value is the size of the call in bytes.
    Calling(OperationNumber, Attempts, Bounds, u64),
    /// This run was started by an activation that is set aside, and ends together with that.
    Ends(RunId),
    /// Everything is restored.
    Over,
}

/// Does the next step, and notes which step follows.
pub(super) fn step(
    write: &mut Write<'_>,
    id: RunId,
    taking: &mut TakingBack,
) -> Result<Step, ReadError> {
    // Waits count as made when the run was taken back.
    let sequence = unsettled::since(&write.rows, id, write.sequence())?;
    let Some(mut run) = write.run(id)? else {
        return Ok(Step::Over);
    };
    let set_aside = tries::TABLE.get(run.rows, (id, taking.branch))?;
    let Some(set_aside) = set_aside.filter(|_| !run.state().is_gone()) else {
        return over(&mut run);
    };
    let given = Stage::Given(Place {
        before: set_aside.until,
        operations: set_aside.operations,
        made: 0,
    });
    match taking.next {
        Stage::Open(last) => {
            let Some(number) = last_open(&run, last)? else {
                taking.next = given;
                return Ok(Step::Done(0));
            };
            taking.next = match number.0.checked_sub(1) {
                Some(next) => Stage::Open(OperationNumber(next)),
                None => given,
            };
            settle_open(&mut run, taking, number, sequence)
        }
        Stage::Given(place) if place.before <= set_aside.from => {
            taking.next = Stage::Restore(0);
            Ok(Step::Done(0))
        }
        Stage::Given(place) => {
            let (next, bytes) = give_back(&mut run, taking.step, &set_aside, place)?;
            taking.next = Stage::Given(next);
            Ok(Step::Done(bytes))
        }
        Stage::Restore(number) => restore(write, id, taking, (number, sequence)),
        Stage::Orders => {
            if !take_order(&mut run)? {
                taking.next = Stage::Log;
            }
            Ok(Step::Done(0))
        }
        Stage::Log => {
            let lines = between((id, set_aside.from, 0), (id, u32::MAX, u32::MAX));
            let limit = WriteLimit::of(run.rows, ROWS, BYTES);
            if logs::TABLE.remove_range(run.rows, lines, limit)? {
                taking.next = Stage::Children(None);
            }
            Ok(Step::Done(0))
        }
        Stage::Children(last) => next_child(&mut run, taking, last),
    }
}

fn over(run: &mut RunWrite<'_>) -> Result<Step, ReadError> {
    let_continue(run)?;
    Ok(Step::Over)
}

/// Lets the run continue.
pub(super) fn let_continue(run: &mut RunWrite<'_>) -> Result<(), ReadError> {
    run.state_mut().is_restoring = false;
    if run.state().has_begun() {
        let has_host_work = run.has_host_work()?;
        // A run that was blocked or has ended meanwhile stays so.
        let _ = run.transition(Transition::Activated { has_host_work });
    }
    Ok(())
}

/// Returns the last open operation up to this one.
fn last_open(
    run: &RunWrite<'_>,
    last: OperationNumber,
) -> Result<Option<OperationNumber>, ReadError> {
    let range = between((run.id, OperationNumber(0)), (run.id, last));
    let of_table = open::TABLE.keys(run.rows, range, true, 1)?;
    let of_table = of_table.first().map(|(_, number)| *number);
    let own = run.loaded.open.numbers().into_iter();
    Ok(own.filter(|number| *number <= last).chain(of_table).max())
}

/// Closes an operation that was made since. If it was open at the point, it goes on instead.
fn settle_open(
    run: &mut RunWrite<'_>,
    taking: &TakingBack,
    number: OperationNumber,
    sequence: u64,
) -> Result<Step, ReadError> {
    let key = (run.id, number);
    let Some(open) = run.open(number)? else {
        return Ok(Step::Done(0));
    };
    let is_new = number.0 >= run.state().operations;
    let mut calling = None;
    if let Some(failed) = taking.failed {
        run.freeze_operation(number)?;
        let thaw = Thaw {
            failed,
            at: run.now,
            sequence,
            in_flight: taking.in_flight.contains(&number),
        };
        let is_call = matches!(open.kind, Kind::Call { .. });
        if !is_call || (!is_new && number != taking.step) {
            calling = thaw.thaw(run, number, open.clone())?;
        }
    }
    if is_new {
        keep_arrived(run, number, &open)?;
        commit::close(run, number, false)?;
        held_calls::remove(run.rows, key)?;
    } else if number == taking.step && matches!(open.kind, Kind::Call { .. }) {
        calls::remove(run.rows, key)?;
        held_calls::remove(run.rows, key)?;
        run.drop_result(number)?;
    }
    Ok(calling.map_or(Step::Done(0), |(attempts, bounds)| {
        Step::Calling(number, attempts, bounds, 0)
    }))
}

/// Keeps the items that have arrived for a closed operation, as far as the operation that takes its place can use them.
fn keep_arrived(
    run: &mut RunWrite<'_>,
    number: OperationNumber,
    open: &Open,
) -> Result<(), ReadError> {
    let key = (run.id, number);
    match &open.kind {
        Kind::WaitForEvent { event, .. } => {
            let accepted: Option<Time> = results::TABLE.get_prefix(run.rows, key)?;
            if let Some(accepted) = accepted
                && let Some(Outcome::Event(Some(payload))) = results::get(run.rows, key)?
            {
                put_back_event(run, event, accepted, payload)?;
            }
            Ok(())
        }
        Kind::Call { .. } => match results::get(run.rows, key)? {
            Some(outcome) if outcome.is_definite() => note_answer(run, number),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Puts back the items that a set-aside activation took, and undoes its effects on webhooks and calls. Returns the
/// place to continue from, and the number of bytes that were put back.
fn give_back(
    run: &mut RunWrite<'_>,
    step: OperationNumber,
    set_aside: &PastTry,
    place: Place,
) -> Result<(Place, u64), ReadError> {
    let number = place.before - 1;
    let key = journal::key(run.id, &set_aside.branches, number);
    let Some(record) = journal::TABLE.get(run.rows, key)? else {
        let before = number;
        return Ok((Place { before, ..place }, 0));
    };
    let made = u32::try_from(record.operations.len()).unwrap_or(u32::MAX);
    let first = place.operations.saturating_sub(made);
    let done = Place {
        before: number,
        operations: first,
        made: 0,
    };
    if record.end.is_some() {
        // The item that this activation took is still where it was, and nothing that the activation decided was done.
        return Ok((done, 0));
    }
    let mut bytes = 0;
    if place.made == 0
        && let (Some(completion), Some(origin)) = (&record.completion, &record.origin)
    {
        bytes = results::size(&completion.outcome) as u64;
        if let Some((event, place)) = put_back(run, step, completion, origin)?
            && let Some(request) = routed::TAKEN.take(run.rows, key)?
        {
            routed::TABLE.put(run.rows, (run.id, event, place), &request)?;
        }
    }
    let until = place.made.saturating_add(OPERATIONS);
    let some = (0..made).zip(&record.operations).skip(place.made as usize);
    for (at, operation) in some.take(OPERATIONS as usize) {
        match &operation.kind {
            Kind::CloseWebhook { webhook } => {
                run.change_webhook(*webhook, |webhook| webhook.closed = false)?;
            }
            Kind::Call { .. } => {
                let key = (run.id, OperationNumber(first + at));
                let known = repeats::TABLE.get(run.rows, key)?.unwrap_or_default();
                let known = known.set_aside(operation.digest);
                repeats::TABLE.put(run.rows, key, &known)?;
            }
            _ => {}
        }
    }
    match until < made {
        true => Ok((
            Place {
                made: until,
                ..place
            },
            bytes,
        )),
        false => Ok((done, bytes)),
    }
}

/// Puts the item that an operation took back to where it came from. Returns the place of an event that was aimed at the
/// run.
fn put_back<'o>(
    run: &mut RunWrite<'_>,
    step: OperationNumber,
    completion: &Completion,
    origin: &'o Origin,
) -> Result<Option<(&'o str, u64)>, ReadError> {
    let operation = completion.operation;
    let Source::Arrival { channel, place } = &origin.source else {
        return Ok(None);
    };
    match (channel, &completion.outcome) {
        (Channel::Webhook(webhook), Outcome::Delivery(Some(delivery))) => {
            put_back_request(run, (*webhook, *place), delivery)?;
        }
        (Channel::Event(event), Outcome::Event(Some(payload))) => {
            let place = put_back_event(run, event, origin.accepted, payload.clone())?;
            return Ok(Some((event, place)));
        }
        (Channel::Result(_), outcome) => {
            let is_again = operation.0 >= run.state().operations || operation == step;
            match outcome {
                Outcome::Event(Some(payload)) if is_again => {
                    if let Some(event) = &origin.event {
                        put_back_event(run, event, origin.accepted, payload.clone())?;
                    }
                }
                outcome if is_again => {
                    if outcome.is_definite() {
                        note_answer(run, operation)?;
                    }
                }
                outcome => {
                    run.put_result(operation, origin.accepted, &outcome.clone().into())?;
                }
            }
        }
        _ => {}
    }
    Ok(None)
}

/// Puts a request back into its inbox, whatever the inbox's limits.
fn put_back_request(
    run: &mut RunWrite<'_>,
    (webhook, place): (WebhookNumber, u64),
    delivery: &Delivery,
) -> Result<(), ReadError> {
    let Some(known) = run.webhook(webhook)? else {
        return Ok(());
    };
    let size = request_size(&delivery.request);
    let arrival = Arrival {
        id: delivery.id.clone(),
        accepted: delivery.accepted,
    };
    let request = SmallOrLarge::new(size, delivery.request.clone());
    inbox::put(run.rows, (run.id, webhook, place), arrival, &request)?;
    run.put_changed_webhook(webhook, known, |webhook| {
        webhook.queued += 1;
        webhook.queued_bytes += size as u64;
        webhook.delivered = webhook.delivered.saturating_sub(1);
    })
}

/// Puts an event into the run's inbox, before the events that are there, whatever the inbox's limits. Returns its
/// place.
fn put_back_event(
    run: &mut RunWrite<'_>,
    event: &str,
    accepted: Time,
    payload: Payload,
) -> Result<u64, ReadError> {
    let id = run.id;
    let range = between((id, event, 0), (id, event, u64::MAX));
    let first = mail::TABLE.keys(run.rows, range, false, 1)?;
    let first = match first.first() {
        Some((_, _, place)) => *place,
        None => run.mailbox(event)?.next_place,
    };
    let size = payload.body.len() as u64;
    let bytes = payload_size(&payload);
    // In a mailbox of an earlier version, the first place is 0. There, the event becomes the last one.
    let (place, next) = match first.checked_sub(1) {
        Some(place) => (place, 0),
        None => {
            let place = run.mailbox(event)?.next_place;
            (place, place + 1)
        }
    };
    mail::put(
        run.rows,
        (id, event, place),
        accepted,
        size,
        &SmallOrLarge::new(bytes, payload),
    )?;
    run.change_mailbox(event, |mailbox| {
        mailbox.next_place = mailbox.next_place.max(next);
        mailbox.queued += 1;
        mailbox.queued_bytes += size;
    })?;
    Ok(place)
}

/// Notes that a call which is set aside had a definite answer.
fn note_answer(run: &mut RunWrite<'_>, operation: OperationNumber) -> Result<(), ReadError> {
    let key = (run.id, operation);
    let known = repeats::TABLE.get(run.rows, key)?.unwrap_or_default();
    let known = Repeats {
        is_answered: true,
        ..known
    };
    repeats::TABLE.put(run.rows, key, &known)
}

/// Restores the row that was prepared under this number.
fn restore(
    write: &mut Write<'_>,
    id: RunId,
    taking: &mut TakingBack,
    (number, sequence): (u32, u64),
) -> Result<Step, ReadError> {
    let Some(mut run) = write.run(id)? else {
        return Ok(Step::Over);
    };
    if number >= taking.restores {
        // Rows that were prepared and not used.
        let limit = WriteLimit::of(run.rows, ROWS, BYTES);
        if restores::TABLE.remove_range(run.rows, restores::TABLE.of(id), limit)? {
            taking.next = Stage::Orders;
        }
        return Ok(Step::Done(0));
    }
    taking.next = Stage::Restore(number + 1);
    let Some(row) = restores::TABLE.take(run.rows, (id, number))? else {
        return Ok(Step::Done(0));
    };
    match row {
        Restore::Open {
            operation,
            open,
            is_done_again,
        } => {
            let waited = reopen(&mut run, operation, open, is_done_again, sequence)?;
            if let Some(target) = waited {
                let workflow = run.state().workflow.clone();
                family::wait(write, (id, &workflow), operation, target)?;
            }
            Ok(Step::Done(0))
        }
        Restore::Call {
            operation,
            call,
            repeats,
        } => {
            let (key, now, size) = ((id, operation), run.now, call.size());
            let attempts = Attempts {
                scheduled: 1,
                next: now.max(run.state().time),
            };
            let bounds = Bounds::new(call.retry, now);
            calls::put(run.rows, key, attempts, bounds, &NewCallRows::new(call))?;
            repeats::TABLE.put(run.rows, key, &Repeats::new(repeats))?;
            Ok(Step::Calling(operation, attempts, bounds, size as u64))
        }
        Restore::Record { activation, record } => {
            let bytes = again::replace_record(&mut run, activation, &record)?;
            Ok(Step::Done(bytes))
        }
        // Only a failed run that is retried has this.
        Restore::Again { .. } => Ok(Step::Done(0)),
    }
}

/// Lets an operation wait again. Returns the run that it waits for, if the outcome of that run must be asked for again.
fn reopen(
    run: &mut RunWrite<'_>,
    operation: OperationNumber,
    open: Open,
    is_done_again: bool,
    sequence: u64,
) -> Result<Option<Option<RunId>>, ReadError> {
    let key = (run.id, operation);
    let has_result = results::TABLE.has(run.rows, key)?;
    if let Some(known) = run.open(operation)? {
        if known.abandoned || is_done_again {
            if is_done_again {
                // The activation in which the run failed left the answer where it was.
                keep_arrived(run, operation, &known)?;
            }
            commit::close(run, operation, false)?;
        } else {
            return Ok(None);
        }
    }
    if open.abandoned {
        run.count(false, true);
        run.add_open(operation, open)?;
        return Ok(None);
    }
    let kind = open.kind.clone();
    commit::open(run, operation, open, sequence)?;
    match kind {
        Kind::WaitForEvent { event, .. } if has_result && !is_done_again => {
            // An event to all has reached the wait, so an event aimed at the run goes to its next wait.
            event_waits::TABLE.remove(run.rows, (event.as_str(), run.id, operation))?;
            run.change_mailbox(&event, |mailbox| {
                mailbox.waits = mailbox.waits.saturating_sub(1);
            })?;
            Ok(None)
        }
        Kind::WaitForRun { run: target, .. } if !has_result || is_done_again => {
            Ok(Some(target.parse().ok()))
        }
        kind if (kind.is_order() || matches!(kind, Kind::Notify { .. })) && !has_result => {
            // The order was carried out, and its result is not known any more.
            if let Some(outcome) = Outcome::given_up(&kind) {
                run.put_result(operation, run.now, &outcome.into())?;
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Takes back the last order that was given since and is not carried out yet. Returns false if there is none.
fn take_order(run: &mut RunWrite<'_>) -> Result<bool, ReadError> {
    let asked = between(
        (run.id, orders::TAKE_BACK + 1),
        (run.id, orders::RELEASE - 1),
    );
    let last = orders::TABLE.keys(run.rows, asked, true, 1)?;
    let Some(key) = last.first().copied() else {
        return Ok(false);
    };
    let operation = match orders::TABLE.get(run.rows, key)? {
        Some(Order::Start(child) | Order::StartWith { child, .. }) => child.operation,
        Some(Order::Cancel { operation, .. }) => operation,
        _ => return Ok(false),
    };
    if operation.0 < run.state().operations {
        return Ok(false);
    }
    orders::TABLE.remove(run.rows, key)
}

/// Finds the next run that was started since.
fn next_child(
    run: &mut RunWrite<'_>,
    taking: &mut TakingBack,
    last: Option<RunId>,
) -> Result<Step, ReadError> {
    let id = run.id;
    let start = last.map_or(Bound::Included((id, RunId::MIN)), |last| {
        Bound::Excluded((id, last))
    });
    let range = (start, Bound::Included((id, RunId::MAX)));
    let next = children::TABLE.list(run.rows, range, 1)?;
    let Some(((_, child), row)) = next.into_iter().next() else {
        return over(run);
    };
    taking.next = Stage::Children(Some(child));
    let stored = runs::TABLE.get(run.rows, child)?;
    let started = stored.and_then(|stored| stored.run.parent);
    let is_since = started.is_some_and(|parent| parent.operation.0 >= run.state().operations);
    let ends = row.when_parent_ends == WhenParentEnds::Cancel;
    Ok(match is_since && ends {
        true => Step::Ends(child),
        false => Step::Done(0),
    })
}
