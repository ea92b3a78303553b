//! The frontier of a run: the operations that have not completed, and which of them completes next.
//!
//! The frontier is computed from the journal and from what the store says has arrived. Arrivals are looked up by [`Channel`]. A
//! channel is *unchecked* if something may have arrived on it, because a hint came or a wait was made. The caller answers each
//! unchecked channel with [`Frontier::found`]. So the cost of a decision depends on what happened, and not on how much is
//! outstanding.
//!
//! The section "A request and a timeout at the same time" of ARCHITECTURE.md states a rule, which is implemented here, in
//! [`Waiting::takes`] and [`Frontier::next`], and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Activation, Change, Channel, Head, Kind, Moment, Open, OperationNumber, Source, Time};

/// The completion that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The operation that completes.
    pub operation: OperationNumber,
    /// The outcome with which it completes.
    pub source: Source,
    /// When the completion became possible. Completions are ordered by it, and the activation is never earlier.
    pub time: Time,
    /// When the outcome was accepted, or, if nothing was accepted, when it came about.
    pub accepted: Time,
}

/// The order of completions: when the completion became possible, when its outcome was accepted, and the operation. If two
/// requests were there when two waits were made, the one that was accepted first comes first.
type Key = (Time, Time, OperationNumber);

/// The operations of a run that have not completed.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    /// The open operations. Boxed, because a map reserves room for eleven values, and most runs wait for one thing.
    open: BTreeMap<OperationNumber, Box<Open>>,
    /// The waits on each channel, oldest first.
    waiting: BTreeMap<Channel, BTreeSet<OperationNumber>>,
    deadlines: BTreeSet<(Time, OperationNumber)>,
    /// The operations that end at a date, in wall time.
    dates: BTreeSet<(Time, OperationNumber)>,
    abandoned: BTreeSet<(Time, OperationNumber)>,
    /// The items that are known to have arrived, with the operation that gets each, in the order of delivery.
    arrived: BTreeMap<Key, (Channel, u64)>,
    /// The keys of `arrived` by channel, so that an assignment can be undone.
    heads: BTreeMap<Channel, Key>,
    unchecked: BTreeSet<Channel>,
    /// The number of operations made.
    made: u32,
}

impl Frontier {
    /// Creates the frontier of a run that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Frontier::default()
    }

    /// Creates the frontier of a run with these open operations, which has made this many operations in all.
    #[must_use]
    pub fn restore(open: impl IntoIterator<Item = (OperationNumber, Open)>, made: u32) -> Self {
        let mut frontier = Frontier {
            made,
            ..Frontier::default()
        };
        for (number, open) in open {
            if open.abandoned {
                // The time of the `abandon` is not kept. Only the order among completions that are all ready depends on
                // it, and the journal records that order.
                frontier.abandoned.insert((open.issued, number));
                frontier.open.insert(number, Box::new(open));
            } else {
                frontier.insert(number, Box::new(open));
            }
        }
        frontier
    }

    /// Applies one activation of the journal.
    pub fn apply(&mut self, activation: &Activation) {
        let first = OperationNumber(self.made);
        for change in activation.changes(first) {
            match change {
                Change::Closed(operation) => self.remove(operation),
                Change::Abandoned(operation) => self.give_up(operation, activation.time),
                Change::Opened(operation, open) => self.insert(operation, open),
                Change::WebhookCreated { .. } | Change::WebhookClosed(_) => {}
            }
        }
        self.made += u32::try_from(activation.operations.len()).unwrap_or(u32::MAX);
    }

    /// Returns the operations that have not completed, in the order in which they were made.
    pub fn open(&self) -> impl Iterator<Item = (OperationNumber, &Open)> {
        self.open
            .iter()
            .map(|(number, open)| (*number, open.as_ref()))
    }

    /// Returns the number of operations that have not completed.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.open.len()
    }

    /// Returns an open operation.
    #[must_use]
    pub fn get(&self, operation: OperationNumber) -> Option<&Open> {
        self.open.get(&operation).map(Box::as_ref)
    }

    /// Returns true if nothing can happen to this run any more, so that it would wait for ever.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Returns true if the host has to do something for the run. Otherwise everything must come from outside or with time.
    #[must_use]
    pub fn has_host_work(&self) -> bool {
        self.open.values().any(|open| match open.kind {
            Kind::Call { .. } | Kind::Notify { .. } => true,
            ref kind => kind.is_order(),
        })
    }

    /// Notes that something may have arrived on this channel.
    pub fn hint(&mut self, channel: Channel) {
        if self.waiting.contains_key(&channel) {
            self.unchecked.insert(channel);
        }
    }

    /// Notes that something may have arrived on any channel.
    pub fn hint_all(&mut self) {
        self.unchecked.extend(self.waiting.keys().cloned());
    }

    /// Returns the channels whose heads have to be looked up, in order. Each is answered with [`Frontier::found`].
    pub fn unchecked(&self) -> impl Iterator<Item = &Channel> {
        self.unchecked.iter()
    }

    /// Notes what is first in a channel, as the store says.
    pub fn found(&mut self, channel: Channel, head: Option<Head>) {
        self.unchecked.remove(&channel);
        if let Some(key) = self.heads.remove(&channel) {
            self.arrived.remove(&key);
        }
        let Some(head) = head else { return };
        // The oldest wait that may take the item. If no wait may take it, none may take a later item either, because
        // later items were accepted later.
        let taker = self
            .waiting
            .get(&channel)
            .into_iter()
            .flatten()
            .find_map(|number| {
                let open = self.open.get(number)?;
                (!open.abandoned
                    && !self.is_reached_by_broadcast(&channel, *number)
                    && open.waiting().takes(head.accepted))
                .then_some((*number, open.issued))
            });
        if let Some((number, issued)) = taker {
            self.note_broadcast(&channel, number);
            let key = (head.accepted.max(issued), head.accepted, number);
            self.arrived.insert(key, (channel.clone(), head.place));
            self.heads.insert(channel, key);
        }
    }

    /// Returns true if an event to all has reached this wait, so that an event aimed at the run is for the next wait.
    fn is_reached_by_broadcast(&self, channel: &Channel, number: OperationNumber) -> bool {
        matches!(channel, Channel::Event(_)) && self.heads.contains_key(&Channel::Result(number))
    }

    /// Notes that an event to all has reached a wait. An event aimed at the run that was meant for this wait goes to the next.
    fn note_broadcast(&mut self, channel: &Channel, number: OperationNumber) {
        let (Channel::Result(_), Some(open)) = (channel, self.open.get(&number)) else {
            return;
        };
        let Kind::WaitForEvent { event, .. } = &open.kind else {
            return;
        };
        let mail = Channel::Event(event.clone());
        if self.heads.get(&mail).is_some_and(|key| key.2 == number)
            && let Some(key) = self.heads.remove(&mail)
        {
            self.arrived.remove(&key);
            self.unchecked.insert(mail);
        }
    }

    /// Notes that nothing is in any unchecked channel, as the store says.
    pub fn nothing_arrived(&mut self) {
        self.unchecked.clear();
    }

    /// Returns the next completion at this time, if there is one: the earliest. If several have the same time, the one whose
    /// outcome was accepted first comes first, and then the oldest operation. An arrival comes before the deadline of the same
    /// wait. Every channel must have been checked.
    #[must_use]
    pub fn next(&self, now: Moment) -> Option<Ready> {
        debug_assert!(self.unchecked.is_empty(), "an arrival could be overlooked");
        let arrival = self
            .arrived
            .first_key_value()
            .map(|(key, (channel, place))| {
                let (channel, place) = (channel.clone(), *place);
                (*key, 0, Source::Arrival { channel, place })
            });
        let at = |(time, number): &(Time, OperationNumber)| (*time, *time, *number);
        let abandoned = self.abandoned.first();
        let abandoned = abandoned.map(|key| (at(key), 1, Source::Abandoned));
        let deadline = self.deadlines.first().filter(|(time, _)| *time <= now.time);
        let deadline = deadline.map(|key| (at(key), 2, Source::Deadline));
        let date = self.dates.first().filter(|(date, _)| *date <= now.wall());
        let date = date.map(|(date, number)| (now.steady(*date), *number));
        let date = date.map(|key| (at(&key), 2, Source::Deadline));
        let candidates = [arrival, abandoned, deadline, date].into_iter().flatten();
        let ((time, accepted, operation), _, source) =
            candidates.min_by_key(|(key, rank, _)| (*key, *rank))?;
        Some(Ready {
            operation,
            source,
            time,
            accepted,
        })
    }

    /// Returns the time of the next deadline, if there is one, as far as is known now.
    #[must_use]
    pub fn next_deadline(&self, now: Moment) -> Option<Time> {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        let date = self.dates.first().map(|(date, _)| now.steady(*date));
        [deadline, date].into_iter().flatten().min()
    }

    fn insert(&mut self, number: OperationNumber, open: Box<Open>) {
        if let Some(deadline) = open.kind.deadline(open.issued) {
            self.deadlines.insert((deadline, number));
        }
        if let Some(date) = open.kind.date() {
            self.dates.insert((date, number));
        }
        for channel in open.channels(number) {
            self.waiting
                .entry(channel.clone())
                .or_default()
                .insert(number);
            self.unchecked.insert(channel);
        }
        self.open.insert(number, open);
    }

    fn remove(&mut self, number: OperationNumber) {
        let Some(open) = self.open.remove(&number) else {
            return;
        };
        self.remove_sources(number, &open);
        if open.abandoned {
            self.abandoned.retain(|(_, abandoned)| *abandoned != number);
        }
    }

    /// Removes everything by which an operation could complete, except that it was given up.
    fn remove_sources(&mut self, number: OperationNumber, open: &Open) {
        if let Some(deadline) = open.kind.deadline(open.issued) {
            self.deadlines.remove(&(deadline, number));
        }
        if let Some(date) = open.kind.date() {
            self.dates.remove(&(date, number));
        }
        for channel in open.channels(number) {
            if let Some(key) = self.heads.remove(&channel) {
                self.arrived.remove(&key);
            }
            if let Some(waiting) = self.waiting.get_mut(&channel) {
                waiting.remove(&number);
                if waiting.is_empty() {
                    self.waiting.remove(&channel);
                    self.unchecked.remove(&channel);
                } else {
                    self.unchecked.insert(channel);
                }
            }
        }
    }

    fn give_up(&mut self, number: OperationNumber, time: Time) {
        let Some(mut open) = self.open.remove(&number) else {
            return;
        };
        self.remove_sources(number, &open);
        open.abandoned = true;
        self.open.insert(number, open);
        self.abandoned.insert((time, number));
    }
}
