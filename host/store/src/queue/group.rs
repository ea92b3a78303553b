//! A write in the queue: a transaction of any type, and the task that waits for its result.
//!
//! The outcome of a write (its place among the others, its time, the run that it concerns) is known before it is
//! durable. If the task has asked for the outcome, it gets it at once, with a [`Hold`](super::Hold) on the group. So what
//! follows from the write can become durable by the same sync: when a request is queued, its run takes it.

use dormouse_journal::{RunId, Time};
use futures::channel::oneshot;

use super::hold::{Decided, Following};
use crate::rows::Extent;
use crate::rules::{Lane, Transaction, Write};
use crate::{ReadError, WriteError};

/// A write in the queue.
pub(crate) trait Job: Send {
    /// Returns the one run that the write concerns, or none if it may concern any run.
    fn run(&self) -> Option<RunId>;

    /// Returns the lane in which the write waits for its turn.
    fn lane(&self) -> Lane;

    /// Returns the most that the write may write.
    fn cost(&self) -> Extent;

    /// Applies the write. `now` is its time, unless it was applied before. The first time, returns what must be done
    /// before it is durable.
    fn apply(&mut self, write: &mut Write<'_>, now: Time) -> Result<Option<Following>, ReadError>;

    /// Returns true if something may have to be done before the write is durable.
    fn decides(&self) -> bool;

    /// Returns true if the write is done even on a full disk.
    fn is_housekeeping(&self) -> bool;

    /// Tells the result to the task that waits for it.
    fn answer(self: Box<Self>, durable: Result<(), WriteError>);
}

/// A transaction, and the task that waits for its result.
pub(crate) struct Queued<T: Transaction> {
    transaction: T,
    cost: Extent,
    decided: Option<Decided<T::Output>>,
    /// The time at which it was first applied. It stays the same if the group is applied again, so that the decision
    /// stays true.
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
            // The task that waited may have been dropped. The write is stored nevertheless.
            let _ = sender.send(result);
        }
    }
}
