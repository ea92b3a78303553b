//! The operations of an instance whose outcome its guest has not fetched yet.

use std::collections::BTreeMap;
use std::mem;
use std::task::{Poll, Waker};

use dormouse_journal::{Completion, Kind, OperationNumber, Outcome};

use crate::stop::Stop;

/// The operations whose outcome the guest has not fetched yet.
#[derive(Default)]
pub(crate) struct Waits {
    /// The operations, boxed because a map reserves room for eleven at once, and most runs wait for one thing.
    operations: BTreeMap<OperationNumber, Box<Operation>>,
    /// The number of operations that have not completed.
    outstanding: usize,
    /// The number of those that wait only for a request to cancel.
    idle: usize,
    /// True if the run was asked to cancel. Every wait for that completes from then on.
    cancel_told: bool,
}

struct Operation {
    step: String,
    /// True once the guest gave the operation up by `abandon`. The host delivers its outcome later.
    abandoned: bool,
    /// True if the operation waits only for a request to cancel.
    is_idle: bool,
    arrival: OutcomeState,
}

/// The state of an operation's outcome.
enum OutcomeState {
    /// The outcome has not arrived. The waker is that of the last poll.
    Awaited(Option<Waker>),
    /// The outcome has arrived, and the guest has not fetched it.
    Arrived(Outcome),
}

impl Waits {
    /// Creates the waits of a generation without operations. `cancel_asked` is true if the run had been asked to cancel
    /// before.
    pub(crate) fn new(cancel_asked: bool) -> Self {
        Waits {
            cancel_told: cancel_asked,
            ..Waits::default()
        }
    }

    /// Adds an operation that has not completed.
    pub(crate) fn open(&mut self, number: OperationNumber, step: String, kind: &Kind) {
        let operation = Operation {
            step,
            abandoned: false,
            is_idle: !kind.can_wake(),
            arrival: OutcomeState::Awaited(None),
        };
        self.outstanding += 1;
        self.idle += usize::from(operation.is_idle);
        self.operations.insert(number, Box::new(operation));
    }

    /// Returns true if an operation that has not completed can wake the guest. A wait for a request to cancel can do that only
    /// if the run was asked to cancel.
    pub(crate) fn can_wake(&self) -> bool {
        self.outstanding > self.idle || (self.cancel_told && self.idle > 0)
    }

    /// Returns the number of operations that have not completed.
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
        self.cancel_told |= matches!(outcome, Outcome::CancelAsked(Some(_)));
        self.idle -= usize::from(operation.is_idle);
        let before = mem::replace(&mut operation.arrival, OutcomeState::Arrived(outcome));
        if let OutcomeState::Awaited(Some(waker)) = before {
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
        self.idle -= usize::from(mem::take(&mut operation.is_idle));
        Some(operation.step.clone())
    }

    /// Returns an operation's outcome and forgets the operation, or remembers the waker for when the outcome arrives.
    pub(crate) fn poll(&mut self, number: OperationNumber, waker: &Waker) -> Poll<Outcome> {
        let Some(operation) = self.operations.get_mut(&number) else {
            return Poll::Pending;
        };
        if let OutcomeState::Awaited(looking) = &mut operation.arrival {
            *looking = Some(waker.clone());
            return Poll::Pending;
        }
        let fetched = self.operations.remove(&number);
        match fetched.map(|operation| operation.arrival) {
            Some(OutcomeState::Arrived(outcome)) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }

    /// Forgets an operation. Returns its step name if it had not completed.
    pub(crate) fn forget(&mut self, number: OperationNumber) -> Option<String> {
        let forgotten = self.operations.remove(&number);
        let outstanding = forgotten.filter(|operation| operation.is_awaited())?;
        self.outstanding -= 1;
        self.idle -= usize::from(outstanding.is_idle);
        Some(outstanding.step)
    }
}

impl Operation {
    fn is_awaited(&self) -> bool {
        matches!(self.arrival, OutcomeState::Awaited(_))
    }
}
