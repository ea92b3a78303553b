//! The replay cursor: decides, for every operation that a guest makes, whether it is a repeat or new.
//!
//! A host function makes an operation by [`Cursor::issue`] and never asks whether the run is being replayed. The
//! driver opens an activation, recorded or live, lets the guest run, and closes it. While a recorded activation is
//! open, each operation is compared with the record, and the number of them at its close; while a live one is open,
//! operations are appended to it.

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
    /// Operations that are done again: what they are now counts, and not what is recorded.
    again: BTreeSet<OperationNumber>,
    /// What those of them are now that were made so far.
    remade: Vec<(OperationNumber, Operation)>,
}

#[derive(Debug)]
struct Current {
    activation: Activation,
    /// How many of the activation's operations the guest has made.
    position: usize,
    /// Whether operations beyond the recorded ones are new. If not, they are a mismatch.
    live: bool,
    /// Where in `activation.operations` the step lies that was begun and not finished.
    open_step: Option<usize>,
}

/// What a host function gets back for an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Issued {
    /// Its number.
    pub number: OperationNumber,
    /// What is recorded of it.
    pub kind: Kind,
    /// Whether it was recorded before. For effects and tests; a guest must never be able to tell.
    pub recorded: bool,
}

impl Cursor {
    /// A cursor before the first activation.
    #[must_use]
    pub fn new() -> Self {
        Cursor::default()
    }

    /// A cursor before the first activation of a generation.
    #[must_use]
    pub fn starting_at(first: OperationNumber) -> Self {
        Cursor {
            next: first.0,
            ..Cursor::default()
        }
    }

    /// Has these operations done again when the journal is repeated. Each is compared with the record by its number, its step
    /// and what kind it is; its arguments may be others.
    pub fn do_again(&mut self, operations: BTreeSet<OperationNumber>) {
        self.again = operations;
    }

    /// Returns what those operations are now that are done again.
    pub fn take_remade(&mut self) -> Vec<(OperationNumber, Operation)> {
        std::mem::take(&mut self.remade)
    }

    /// Opens an activation that was recorded whole. The guest must repeat it exactly.
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

    /// Opens an activation of which a part was made before its instance was lost. The guest must repeat that part, and
    /// goes on from there.
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

    /// When the open activation was made. The guest's clock stands still there.
    #[must_use]
    pub fn now(&self) -> Moment {
        let current = self.current.as_ref();
        current.map_or_else(Moment::default, |current| current.activation.moment())
    }

    /// How many operations were made so far.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.next
    }

    /// Whether what the guest does now is new: log lines are kept only then.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            current.live && current.position == current.activation.operations.len()
        })
    }

    /// Whether the open activation is a new one, also where it repeats a part of itself that was made before.
    #[must_use]
    pub fn is_open_live(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.live)
    }

    /// The step that was begun and not finished.
    #[must_use]
    pub fn open_step(&self) -> Option<&str> {
        let current = self.current.as_ref()?;
        Some(&current.activation.operations[current.open_step?].step)
    }

    /// Makes an operation: compares it with the record, or appends it. `fresh` tells what to record of a new one; it
    /// is also asked when there is a mismatch, to show what the guest did.
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

    /// Counts a log line; gives its place among the lines of this activation, or none when it was written before.
    pub fn log_line(&mut self) -> Option<u32> {
        if !self.is_live() {
            return None;
        }
        let current = self.current.as_mut()?;
        let place = current.activation.log_lines;
        current.activation.log_lines += 1;
        Some(place)
    }

    /// Closes the open activation, the guest being quiescent (`end` is none) or done. Gives the activation if it is to
    /// be committed, none if it was recorded already.
    ///
    /// # Errors
    /// When the guest did not repeat all that is recorded.
    pub fn close(&mut self, end: Option<End>) -> Result<Option<Activation>, Mismatch> {
        let is_last = end.is_some();
        let closed = self.close_as(is_last)?;
        Ok(closed.map(|activation| Activation { end, ..activation }))
    }

    /// Closes the open activation, with which its generation ends. Gives the activation. Its record is never replayed: a
    /// generation goes with its last activation.
    ///
    /// # Errors
    /// When the activation is a recorded one, or the guest did not repeat all that is recorded.
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
        match (current.live, is_last) {
            (true, _) => Ok(Some(current.activation)),
            (false, false) => Ok(None),
            (false, true) => Err(Mismatch::at_end(number, Side::Quiescence, Side::End)),
        }
    }

    /// Takes the open activation as far as it was made, to go on with it in a rebuilt instance.
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
