//! The frontier of a run: the operations that have not completed, and which of them completes next.
//!
//! It is a fold over the journal plus what the store says has arrived. Arrivals are looked up per [`Channel`]: a channel
//! is *unchecked* when something may have arrived on it (a hint came in, or a wait was made), and whoever drives the run
//! answers each unchecked channel with [`Frontier::found`]. So the cost of a decision follows what happened, not how
//! much is outstanding.
//!
//! The rule of section "timeout against arrival" in ARCHITECTURE.md is here, in [`Waiting::takes`] and
//! [`Frontier::next`], and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Activation, Change, Channel, Head, Kind, Moment, Open, OperationNumber, Source, Time};

/// What completes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The operation.
    pub operation: OperationNumber,
    /// What it completes with.
    pub source: Source,
    /// When that became so. It orders completions, and an activation is never earlier.
    pub time: Time,
    /// When what it completes with was accepted, or when that became so by itself.
    pub accepted: Time,
}

/// What orders completions: when it became possible, when what it is made of was accepted, and the operation. Of two
/// requests that lay there when two waits were made, the one accepted first goes first.
type Key = (Time, Time, OperationNumber);

/// The operations of a run that have not completed.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    /// Boxed, since a map reserves room for eleven at once, and most runs wait for one thing.
    open: BTreeMap<OperationNumber, Box<Open>>,
    /// Who waits on a channel, oldest first.
    waiting: BTreeMap<Channel, BTreeSet<OperationNumber>>,
    deadlines: BTreeSet<(Time, OperationNumber)>,
    /// Ends at a date, in wall time.
    dates: BTreeSet<(Time, OperationNumber)>,
    abandoned: BTreeSet<(Time, OperationNumber)>,
    /// What is known to have arrived and whom it goes to, in the order of delivery.
    arrived: BTreeMap<Key, (Channel, u64)>,
    /// The same by channel, so that it can be taken back.
    heads: BTreeMap<Channel, Key>,
    unchecked: BTreeSet<Channel>,
    /// The number of operations made.
    made: u32,
}

impl Frontier {
    /// The frontier of a run that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Frontier::default()
    }

    /// The frontier of a run of which these operations are open and which has made so many in all.
    #[must_use]
    pub fn restore(open: impl IntoIterator<Item = (OperationNumber, Open)>, made: u32) -> Self {
        let mut frontier = Frontier {
            made,
            ..Frontier::default()
        };
        for (number, open) in open {
            if open.abandoned {
                // When it was given up is not kept: nothing depends on it but the order among completions that are all
                // ready, and that the journal records.
                frontier.abandoned.insert((open.issued, number));
                frontier.open.insert(number, Box::new(open));
            } else {
                frontier.insert(number, Box::new(open));
            }
        }
        frontier
    }

    /// Follows the journal by one activation.
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

    /// The operations that have not completed, in the order made.
    pub fn open(&self) -> impl Iterator<Item = (OperationNumber, &Open)> {
        self.open
            .iter()
            .map(|(number, open)| (*number, open.as_ref()))
    }

    /// How many they are.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.open.len()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, operation: OperationNumber) -> Option<&Open> {
        self.open.get(&operation).map(Box::as_ref)
    }

    /// Whether nothing can happen to this run any more, so that it would sleep for ever.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether something outstanding is the host's to do, rather than the outside world's.
    #[must_use]
    pub fn host_works(&self) -> bool {
        self.open.values().any(|open| match open.kind {
            Kind::Call { .. } | Kind::Notify { .. } => true,
            ref kind => kind.is_order(),
        })
    }

    /// Something may have arrived on this channel.
    pub fn hint(&mut self, channel: Channel) {
        if self.waiting.contains_key(&channel) {
            self.unchecked.insert(channel);
        }
    }

    /// Something may have arrived anywhere.
    pub fn hint_all(&mut self) {
        self.unchecked.extend(self.waiting.keys().cloned());
    }

    /// Returns the channels whose heads have to be looked up, in order. Each is answered with [`Frontier::found`].
    pub fn unchecked(&self) -> impl Iterator<Item = &Channel> {
        self.unchecked.iter()
    }

    /// What the store says lies first in a channel.
    pub fn found(&mut self, channel: Channel, head: Option<Head>) {
        self.unchecked.remove(&channel);
        if let Some(key) = self.heads.remove(&channel) {
            self.arrived.remove(&key);
        }
        let Some(head) = head else { return };
        // The oldest wait that may have it. If none may, none may have a later one either: those were accepted later.
        let taker = self
            .waiting
            .get(&channel)
            .into_iter()
            .flatten()
            .find_map(|number| {
                let open = self.open.get(number)?;
                (!open.abandoned
                    && !self.is_spoken_for(&channel, *number)
                    && open.waiting().takes(head.accepted))
                .then_some((*number, open.issued))
            });
        if let Some((number, issued)) = taker {
            self.leave_to_others(&channel, number);
            let key = (head.accepted.max(issued), head.accepted, number);
            self.arrived.insert(key, (channel.clone(), head.place));
            self.heads.insert(channel, key);
        }
    }

    /// Whether a wait for an event was reached by one sent to all, so that one aimed at the run is for the next wait.
    fn is_spoken_for(&self, channel: &Channel, number: OperationNumber) -> bool {
        matches!(channel, Channel::Event(_)) && self.heads.contains_key(&Channel::Result(number))
    }

    /// A wait was reached by an event sent to all: what was aimed at the run and meant for it is the next wait's.
    fn leave_to_others(&mut self, channel: &Channel, number: OperationNumber) {
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

    /// The store says that nothing lies in any channel that is unchecked.
    pub fn nothing_arrived(&mut self) {
        self.unchecked.clear();
    }

    /// What completes next at this time, if anything: the earliest, of those at one instant what was accepted first, and
    /// then the oldest operation. An arrival goes before the deadline of the same wait. Every channel must have been checked.
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

    /// When the next deadline passes, if there is one, as far as is known now.
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
        self.quiet(number, &open);
        if open.abandoned {
            self.abandoned.retain(|(_, abandoned)| *abandoned != number);
        }
    }

    /// Takes away all by which an operation could complete but abandonment.
    fn quiet(&mut self, number: OperationNumber, open: &Open) {
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
        self.quiet(number, &open);
        open.abandoned = true;
        self.open.insert(number, open);
        self.abandoned.insert((time, number));
    }
}
