//! The operations of an instance whose outcome its guest has not fetched yet.

use std::collections::BTreeMap;
use std::mem;
use std::task::{Poll, Waker};

use dormouse_journal::{Completion, OperationNumber, Outcome};

use crate::stop::Stop;

/// The operations whose outcome the guest has not fetched yet.
#[derive(Default)]
pub(crate) struct Waits {
    /// Boxed, since a map reserves room for eleven at once, and most runs wait for one thing.
    operations: BTreeMap<OperationNumber, Box<Operation>>,
    /// How many of the operations have not completed.
    outstanding: usize,
}

struct Operation {
    step: String,
    /// True once the guest gave the operation up by `abandon`. Its outcome is then on its way.
    abandoned: bool,
    arrival: Arrival,
}

/// Whether an operation's outcome has arrived.
enum Arrival {
    /// It has not. The waker is that of whoever polled last.
    Awaited(Option<Waker>),
    /// It has, and the guest has not fetched it.
    Here(Outcome),
}

impl Waits {
    /// Adds an operation that has not completed.
    pub(crate) fn open(&mut self, number: OperationNumber, step: String) {
        let operation = Operation {
            step,
            abandoned: false,
            arrival: Arrival::Awaited(None),
        };
        self.operations.insert(number, Box::new(operation));
        self.outstanding += 1;
    }

    /// Returns how many operations have not completed. With none, nothing can wake the guest any more.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Puts an outcome where the guest finds it, and wakes the guest if it waits there.
    pub(crate) fn complete(&mut self, completion: Completion) -> Result<(), Stop> {
        let Completion {
            operation: number,
            outcome,
        } = completion;
        let operation = self.operations.get_mut(&number);
        let Some(operation) = operation.filter(|operation| operation.is_awaited()) else {
            return Err(Stop::Host(format!(
                "a completion came for operation {number}, which is not outstanding"
            )));
        };
        let before = mem::replace(&mut operation.arrival, Arrival::Here(outcome));
        if let Arrival::Awaited(Some(waker)) = before {
            waker.wake();
        }
        self.outstanding -= 1;
        Ok(())
    }

    /// Marks an operation as given up, and returns its step name. Returns none if it has completed, or was given up before.
    pub(crate) fn abandon(&mut self, number: OperationNumber) -> Option<String> {
        let operation = self.operations.get_mut(&number)?;
        if operation.abandoned || !operation.is_awaited() {
            return None;
        }
        operation.abandoned = true;
        Some(operation.step.clone())
    }

    /// Returns an operation's outcome and forgets the operation, or remembers whom to wake when the outcome arrives.
    pub(crate) fn poll(&mut self, number: OperationNumber, waker: &Waker) -> Poll<Outcome> {
        let Some(operation) = self.operations.get_mut(&number) else {
            return Poll::Pending;
        };
        if let Arrival::Awaited(looking) = &mut operation.arrival {
            *looking = Some(waker.clone());
            return Poll::Pending;
        }
        let fetched = self.operations.remove(&number);
        match fetched.map(|operation| operation.arrival) {
            Some(Arrival::Here(outcome)) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }

    /// Forgets an operation. Returns its step name if it had not completed.
    pub(crate) fn forget(&mut self, number: OperationNumber) -> Option<String> {
        let forgotten = self.operations.remove(&number);
        let outstanding = forgotten.filter(|operation| operation.is_awaited())?;
        self.outstanding -= 1;
        Some(outstanding.step)
    }
}

impl Operation {
    fn is_awaited(&self) -> bool {
        matches!(self.arrival, Arrival::Awaited(_))
    }
}
