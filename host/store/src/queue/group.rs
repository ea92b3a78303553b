//! A write in the queue: a transaction whose type the queue need not know, and who wants to hear of it.
//!
//! What a write decides is known before it is durable: its place among the others, its time, whom it concerns. Whoever
//! asked for that is told at once, with a [`Hold`](super::Hold) on the group, so that what follows from the write (a
//! request is queued; its run takes it) can become durable by the same sync.

use dormouse_journal::{RunId, Time};
use futures::channel::oneshot;

use super::hold::{Decided, Following};
use crate::rows::Extent;
use crate::rules::{Lane, Transaction, Write};
use crate::{ReadError, WriteError};

/// A write in the queue.
pub(crate) trait Job: Send {
    /// Returns the one run that it concerns, or none if it may concern any.
    fn run(&self) -> Option<RunId>;

    /// Returns whose turn it takes.
    fn lane(&self) -> Lane;

    /// Returns what it writes at most.
    fn cost(&self) -> Extent;

    /// Applies it, at this time if it is for the first time. Returns then what is to be done before it is durable.
    fn apply(&mut self, write: &mut Write<'_>, now: Time) -> Result<Option<Following>, ReadError>;

    /// Returns true if something may have to be done before it is durable.
    fn decides(&self) -> bool;

    /// Returns true if it is done also on a full disk.
    fn is_housekeeping(&self) -> bool;

    /// Tells whoever asked for it what came of it.
    fn answer(self: Box<Self>, durable: Result<(), WriteError>);
}

/// A transaction, and who wants to hear of it.
pub(crate) struct Queued<T: Transaction> {
    transaction: T,
    cost: Extent,
    decided: Option<Decided<T::Output>>,
    /// When it was applied for the first time: what was decided stays true if the group is applied anew.
    time: Option<Time>,
    output: Option<T::Output>,
    sender: Option<oneshot::Sender<Result<T::Output, WriteError>>>,
}

impl<T: Transaction> Queued<T> {
    pub(crate) fn new(
        transaction: T,
        decided: Option<Decided<T::Output>>,
        sender: oneshot::Sender<Result<T::Output, WriteError>>,
    ) -> Self {
        Queued {
            cost: transaction.cost(),
            transaction,
            decided,
            time: None,
            output: None,
            sender: Some(sender),
        }
    }
}

impl<T: Transaction> Job for Queued<T> {
    fn run(&self) -> Option<RunId> {
        self.transaction.run()
    }

    fn lane(&self) -> Lane {
        self.transaction.lane()
    }

    fn cost(&self) -> Extent {
        self.cost
    }

    fn apply(&mut self, write: &mut Write<'_>, now: Time) -> Result<Option<Following>, ReadError> {
        write.now = *self.time.get_or_insert(now);
        let output = self.transaction.apply(write)?;
        write.settle()?;
        let decided = self.decided.take();
        let following = decided.and_then(|decided| decided(&output));
        self.output = Some(output);
        Ok(following)
    }

    fn decides(&self) -> bool {
        self.decided.is_some()
    }

    fn is_housekeeping(&self) -> bool {
        self.transaction.is_housekeeping()
    }

    fn answer(mut self: Box<Self>, durable: Result<(), WriteError>) {
        let result = match (durable, self.output.take()) {
            (Ok(()), Some(output)) => Ok(output),
            (Ok(()), None) => Err(WriteError::Stopped),
            (Err(error), _) => Err(error),
        };
        if let Some(sender) = self.sender.take() {
            // Whoever asked may have gone away; the write stands all the same.
            let _ = sender.send(result);
        }
    }
}
