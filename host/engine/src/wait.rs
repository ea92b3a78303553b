//! Operations that have not completed, and the futures in which the guest waits for them.

use std::collections::BTreeMap;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use dormouse_journal::{Arguments, Completion, Kind, OperationNumber, Outcome};

use crate::failure::Stop;
use crate::shared::{Shared, State};

/// The operations that the guest waits for, or may wait for yet.
#[derive(Default)]
pub(crate) struct Waits {
    /// Boxed, since a map reserves room for eleven at once, and most runs wait for one thing.
    slots: BTreeMap<OperationNumber, Box<Slot>>,
    /// How many of them have not completed.
    outstanding: usize,
}

struct Slot {
    step: String,
    /// Given up by `abandon`, so that its outcome is on its way.
    abandoned: bool,
    arrival: Arrival,
}

enum Arrival {
    /// Nothing has come. The waker is that of whoever looked last.
    Awaited(Option<Waker>),
    /// This came, and was not fetched.
    Here(Outcome),
}

impl Waits {
    pub(crate) fn open(&mut self, number: OperationNumber, step: String) {
        let slot = Slot {
            step,
            abandoned: false,
            arrival: Arrival::Awaited(None),
        };
        self.slots.insert(number, Box::new(slot));
        self.outstanding += 1;
    }

    /// How many have not completed. With none, nothing can wake the guest any more.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Puts a completion where the guest finds it.
    pub(crate) fn complete(&mut self, completion: Completion) -> Result<(), Stop> {
        let Completion { operation, outcome } = completion;
        let slot = self.slots.get_mut(&operation);
        let Some(slot) = slot.filter(|slot| slot.is_awaited()) else {
            return Err(Stop::Host(format!(
                "operation {operation} was to complete, and it is not outstanding"
            )));
        };
        let before = mem::replace(&mut slot.arrival, Arrival::Here(outcome));
        if let Arrival::Awaited(Some(waker)) = before {
            waker.wake();
        }
        self.outstanding -= 1;
        Ok(())
    }

    /// Marks all that have this step name as given up, and names them.
    pub(crate) fn abandon(&mut self, step: &str) -> Vec<OperationNumber> {
        let mut given_up = Vec::new();
        for (number, slot) in &mut self.slots {
            if slot.step == step && slot.is_awaited() && !slot.abandoned {
                slot.abandoned = true;
                given_up.push(*number);
            }
        }
        given_up
    }

    fn poll(&mut self, number: OperationNumber, waker: &Waker) -> Poll<Outcome> {
        let Some(slot) = self.slots.get_mut(&number) else {
            return Poll::Pending;
        };
        if let Arrival::Awaited(looking) = &mut slot.arrival {
            *looking = Some(waker.clone());
            return Poll::Pending;
        }
        match self.slots.remove(&number).map(|slot| slot.arrival) {
            Some(Arrival::Here(outcome)) => Poll::Ready(outcome),
            _ => Poll::Pending,
        }
    }

    /// Forgets an operation. Gives its step name if it was still outstanding.
    fn forget(&mut self, number: OperationNumber) -> Option<String> {
        let slot = self
            .slots
            .remove(&number)
            .filter(|slot| slot.is_awaited())?;
        self.outstanding -= 1;
        Some(slot.step)
    }
}

impl Slot {
    fn is_awaited(&self) -> bool {
        matches!(self.arrival, Arrival::Awaited(_))
    }
}

/// Resolves to an operation's outcome. Dropped before that, it gives the operation up, and the journal says so.
pub(crate) struct Wait {
    shared: Arc<Shared>,
    number: OperationNumber,
    done: bool,
}

impl Wait {
    pub(crate) fn new(shared: Arc<Shared>, number: OperationNumber) -> Self {
        Wait {
            shared,
            number,
            done: false,
        }
    }

    /// The outcome as what the operation's kind gives. `take` refuses an outcome of another kind, which only a journal
    /// that is not this run's can hold.
    pub(crate) async fn outcome<T>(
        self,
        take: impl FnOnce(Outcome) -> Option<T>,
    ) -> wasmtime::Result<T> {
        let number = self.number;
        take(self.await).ok_or_else(|| {
            Stop::Host(format!(
                "operation {number} completed with an outcome that its kind does not have"
            ))
            .into()
        })
    }
}

impl Future for Wait {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let polled = self.shared.lock().waits.poll(self.number, cx.waker());
        self.done = polled.is_ready();
        polled
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if !self.done {
            self.shared.lock().give_up(self.number);
        }
    }
}

impl State {
    /// Records that the guest dropped the future of an operation, if it was the guest.
    fn give_up(&mut self, number: OperationNumber) {
        let Some(step) = self.waits.forget(number) else {
            return;
        };
        if self.closed {
            return;
        }
        let operations = vec![number];
        let arguments = Arguments::Abandon {
            operations: operations.clone(),
            dropped: true,
        };
        let issued = self.issue("abandon", &step, &arguments, |_| Kind::Abandon {
            operations,
            dropped: true,
        });
        self.effects.retain(|effect| !effect.is_call(number));
        if let Err(stop) = issued {
            // There is nobody to return it to. The driver looks here before it looks at anything else.
            self.fault.get_or_insert(stop);
        }
    }
}
