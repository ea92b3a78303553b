//! The replay cursor: decides for every operation that a guest makes whether it is recorded or new.
//!
//! A host function makes an operation with [`Cursor::issue`], and never asks whether the run is being replayed. The driver opens
//! an activation, recorded or new, lets the guest run, and closes the activation. While a recorded activation is open, each
//! operation is compared with the record; when it is closed, the number of operations is compared too. While a new activation
//! is open, operations are appended to it.

use std::collections::BTreeSet;

use crate::{
    Activation, Arguments, Completion, End, Failure, Fields, Kind, Mismatch, Moment, Operation,
    OperationNumber, Payload, Side,
};

/// A position in the journal of one run.
#[derive(Debug, Default)]
pub struct Cursor {
    current: Option<Current>,
    /// The number of the next operation.
    next: u32,
    /// Operations that are done again: what the code makes now counts, instead of the record.
    again: BTreeSet<OperationNumber>,
    /// The operations of `again` that the code has made so far.
    remade: Vec<(OperationNumber, Operation)>,
}

#[derive(Debug)]
struct Current {
    activation: Activation,
    /// The number of the activation's operations that the guest has made.
    position: usize,
    /// True if operations beyond the recorded ones are new. Otherwise they are a mismatch.
    live: bool,
    /// The index in `activation.operations` of the step that was begun and not finished.
    open_step: Option<usize>,
}

/// What a host function gets for an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// The number of the operation.
    pub number: OperationNumber,
    /// What is recorded about the operation.
    pub kind: Kind,
    /// True if the operation was recorded before. For effects and tests; a guest must never be able to tell.
    pub recorded: bool,
}

impl Cursor {
    /// Creates a cursor before the first activation.
    #[must_use]
    pub fn new() -> Self {
        Cursor::default()
    }

    /// Creates a cursor before the first activation of a generation.
    #[must_use]
    pub fn starting_at(first: OperationNumber) -> Self {
        Cursor {
            next: first.0,
            ..Cursor::default()
        }
    }

    /// Lets these operations be done again in the replay. Each is compared with the record by its number, its step and its kind;
    /// its arguments may differ.
    pub fn do_again(&mut self, operations: BTreeSet<OperationNumber>) {
        self.again = operations;
    }

    /// Returns the operations that were done again, as the code made them.
    pub fn take_remade(&mut self) -> Vec<(OperationNumber, Operation)> {
        std::mem::take(&mut self.remade)
    }

    /// Opens a recorded activation. The guest must repeat it exactly.
    pub fn open_recorded(&mut self, activation: Activation) {
        self.open_with(activation, false);
    }

    /// Opens a new activation.
    pub fn open_live(&mut self, now: Moment, completion: Option<Completion>) {
        self.open_with(
            Activation {
                time: now.time,
                completion,
                operations: Vec::new(),
                log_lines: 0,
                end: None,
                shift: now.shift,
                origin: None,
            },
            true,
        );
    }

    /// Opens an activation that was partly made before its instance was lost. The guest must repeat that part, and
    /// continues after it.
    pub fn open_partial(&mut self, activation: Activation) {
        self.open_with(activation, true);
    }

    fn open_with(&mut self, activation: Activation, live: bool) {
        debug_assert!(
            self.current.is_none(),
            "the previous activation was not closed"
        );
        self.current = Some(Current {
            activation,
            position: 0,
            live,
            open_step: None,
        });
    }

    /// Returns the time of the open activation, at which the guest's clock stands still.
    #[must_use]
    pub fn now(&self) -> Moment {
        let current = self.current.as_ref();
        current.map_or_else(Moment::default, |current| current.activation.moment())
    }

    /// Returns the number of operations made so far.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.next
    }

    /// Returns true if what the guest does now is new. Only then log lines are kept.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            current.live && current.position == current.activation.operations.len()
        })
    }

    /// Returns true if the open activation is a new one, even while the guest repeats a part of it that was made before.
    #[must_use]
    pub fn is_open_live(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.live)
    }

    /// Returns the step that was begun and not finished.
    #[must_use]
    pub fn open_step(&self) -> Option<&str> {
        let current = self.current.as_ref()?;
        Some(&current.activation.operations[current.open_step?].step)
    }

    /// Makes an operation: compares it with the record, or appends it. `fresh` returns what to record about a new operation. It
    /// is also called for a mismatch, to show what the guest did.
    ///
    /// # Errors
    /// When the guest does not repeat what is recorded.
    pub fn issue(
        &mut self,
        step: &str,
        arguments: &Arguments,
        fresh: impl FnOnce(OperationNumber) -> Kind,
    ) -> Result<Issued, Mismatch> {
        let number = OperationNumber(self.next);
        let digest = arguments.digest();
        let made = |kind| Operation {
            step: step.to_owned(),
            digest,
            kind,
            fields: Fields::of(arguments),
        };
        let differs = |expected, found| Mismatch::new(number, expected, found, arguments);
        let Some(current) = &mut self.current else {
            return Err(differs(None, made(fresh(number))));
        };
        let (kind, recorded) = match current.activation.operations.get(current.position) {
            Some(expected) if self.again.contains(&number) && expected.step == step => {
                let kind = fresh(number);
                let now = made(kind.clone());
                if kind.name() != expected.kind.name() {
                    return Err(differs(Some(expected), now));
                }
                self.remade.push((number, now));
                (kind, false)
            }
            Some(expected) if expected.step == step && expected.digest == digest => {
                (expected.kind.clone(), true)
            }
            None if current.live => {
                let kind = fresh(number);
                current.activation.operations.push(made(kind.clone()));
                (kind, false)
            }
            expected => return Err(differs(expected, made(fresh(number)))),
        };
        if matches!(kind, Kind::Begin { outcome: None }) {
            current.open_step = Some(current.position);
        }
        current.position += 1;
        self.next += 1;
        Ok(Issued {
            number,
            kind,
            recorded,
        })
    }

    /// Records the outcome of the open step.
    ///
    /// # Errors
    /// When no step of this name is open.
    pub fn finish(&mut self, step: &str, outcome: Result<Payload, Failure>) -> Result<(), Fault> {
        let Some(current) = &mut self.current else {
            return Err(Fault::NoOpenStep);
        };
        let Some(position) = current.open_step else {
            return Err(Fault::NoOpenStep);
        };
        let operation = &mut current.activation.operations[position];
        if operation.step != step {
            return Err(Fault::OtherStep {
                open: operation.step.clone(),
            });
        }
        operation.kind = Kind::Begin {
            outcome: Some(outcome),
        };
        current.open_step = None;
        Ok(())
    }

    /// Counts a log line. Returns its place among the lines of this activation, or none if it was written before.
    pub fn log_line(&mut self) -> Option<u32> {
        if !self.is_live() {
            return None;
        }
        let current = self.current.as_mut()?;
        let place = current.activation.log_lines;
        current.activation.log_lines += 1;
        Some(place)
    }

    /// Closes the open activation, when the guest waits (`end` is none) or has ended. Returns the activation if it is to be
    /// committed, or none if it was recorded already.
    ///
    /// # Errors
    /// When the guest did not repeat everything that is recorded.
    pub fn close(&mut self, end: Option<End>) -> Result<Option<Activation>, Mismatch> {
        let number = OperationNumber(self.next);
        let current = self.current.as_ref().filter(|current| !current.live);
        let recorded = current.and_then(|current| current.activation.end.clone());
        let closed = self.close_as(end.is_some())?;
        if recorded.is_some() && recorded != end {
            return Err(Mismatch::at_end(number, Side::End, Side::OtherEnd));
        }
        Ok(closed.map(|activation| Activation { end, ..activation }))
    }

    /// Closes the open activation, with which its generation ends, and returns it. This activation is never replayed, because
    /// the generation is removed with it.
    ///
    /// # Errors
    /// When the activation is a recorded one, or the guest did not repeat everything that is recorded.
    pub fn close_generation(&mut self) -> Result<Option<Activation>, Mismatch> {
        self.close_as(true)
    }

    fn close_as(&mut self, is_last: bool) -> Result<Option<Activation>, Mismatch> {
        let number = OperationNumber(self.next);
        let Some(current) = self.current.take() else {
            return Ok(None);
        };
        if let Some(expected) = current.activation.operations.get(current.position) {
            let found = if is_last { Side::End } else { Side::Quiescence };
            return Err(Mismatch::at_end(number, expected.into(), found));
        }
        if current.live {
            return Ok(Some(current.activation));
        }
        match (current.activation.end.is_some(), is_last) {
            (true, false) => Err(Mismatch::at_end(number, Side::End, Side::Quiescence)),
            (false, true) => Err(Mismatch::at_end(number, Side::Quiescence, Side::End)),
            _ => Ok(None),
        }
    }

    /// Returns the open activation as far as it was made, to continue it in a rebuilt instance.
    pub fn take_partial(&mut self) -> Option<Activation> {
        self.current.take().map(|current| current.activation)
    }
}

/// A misuse of steps by the guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// `finish` without `begin`.
    #[error("`finish` was called, but no step is open: call `begin` first, and `finish` once")]
    NoOpenStep,
    /// `finish` with another name than `begin`.
    #[error("`finish` was called with another name than the open step {open:?}")]
    OtherStep {
        /// The step that is open.
        open: String,
    },
}
