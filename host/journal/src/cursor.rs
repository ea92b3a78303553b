//! The replay cursor: decides for every operation that a guest makes whether it is recorded or new.
//!
//! A host function makes an operation with [`Cursor::issue`], and never asks whether the run is being replayed. The driver opens
//! an activation, recorded or new, lets the guest run, and closes the activation. While a recorded activation is open, each
//! operation is compared with the record; when it is closed, the number of operations is compared too. While a new activation
//! is open, operations are appended to it.
//!
//! Hashing the arguments of an operation takes as long as they are large. The guest does not need the digest, so large arguments
//! are hashed later: the driver takes what is to be hashed ([`Cursor::take_unhashed`]), has another thread hash it, and gives it
//! back. No activation is closed before that.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    Activation, Arguments, Completion, Digest, End, Failure, Fields, Kind, Mismatch, Moment,
    Operation, OperationNumber, Payload, Side,
};

/// The largest arguments in bytes that are hashed at once: that takes half a millisecond.
const HASHED_AT_ONCE: usize = 256 << 10;

/// The digest of arguments that were not hashed yet.
const UNKNOWN: Digest = Digest([0; 16]);

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
    /// The operations of the open activation whose arguments are to be hashed, in order.
    unhashed: VecDeque<Unhashed>,
}

/// An operation whose large arguments are to be hashed.
#[derive(Debug)]
pub struct Unhashed {
    number: OperationNumber,
    step: String,
    kind: Kind,
    arguments: Arguments,
    place: Place,
}

/// Where the digest of an operation belongs.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// It is to be that of the recorded operation of this index.
    Recorded(usize),
    /// It is recorded for the new operation of this index.
    New(usize),
    /// It is kept for the operation of this index among those that are done again.
    Again(usize),
}

/// An operation whose large arguments were hashed.
#[derive(Debug)]
pub struct Hashed {
    unhashed: Unhashed,
    digest: Digest,
    /// None if the operation is recorded, and only the digest is compared.
    fields: Option<Fields>,
}

impl Unhashed {
    /// Hashes the arguments. This can be done on any thread.
    #[must_use]
    pub fn hash(self) -> Hashed {
        let is_recorded = matches!(self.place, Place::Recorded(_));
        Hashed {
            digest: self.arguments.digest(),
            fields: (!is_recorded).then(|| Fields::of(&self.arguments)),
            unhashed: self,
        }
    }
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
        let issued = if arguments.volume() > HASHED_AT_ONCE {
            let kind = fresh(OperationNumber(self.next));
            self.issue_large(step, arguments, kind)
        } else {
            self.issue_small(step, arguments, fresh)
        };
        if issued.is_err() {
            // An earlier difference may not have been found yet. It is the first one.
            self.hash_all()?;
        }
        issued
    }

    fn issue_small(
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

    /// Makes an operation whose arguments are hashed later.
    fn issue_large(
        &mut self,
        step: &str,
        arguments: &Arguments,
        kind: Kind,
    ) -> Result<Issued, Mismatch> {
        let number = OperationNumber(self.next);
        let made = Operation {
            step: step.to_owned(),
            digest: UNKNOWN,
            kind,
            fields: Fields::default(),
        };
        let current = self.current.as_mut();
        let expected = current
            .as_ref()
            .and_then(|current| current.activation.operations.get(current.position));
        let is_same = |expected: &Operation| {
            expected.step == made.step && expected.kind.name() == made.kind.name()
        };
        let (place, issued_kind) = match (&current, expected) {
            (Some(_), Some(expected)) if is_same(expected) && self.again.contains(&number) => {
                self.remade.push((number, made.clone()));
                (Place::Again(self.remade.len() - 1), made.kind.clone())
            }
            (Some(current), Some(expected)) if is_same(expected) => {
                (Place::Recorded(current.position), expected.kind.clone())
            }
            (Some(current), None) if current.live => {
                (Place::New(current.position), made.kind.clone())
            }
            _ => {
                let found = Operation {
                    digest: arguments.digest(),
                    fields: Fields::of(arguments),
                    ..made
                };
                return Err(Mismatch::new(number, expected, found, arguments));
            }
        };
        self.unhashed.push_back(Unhashed {
            number,
            step: made.step.clone(),
            kind: made.kind.clone(),
            arguments: arguments.clone(),
            place,
        });
        if let Some(current) = current {
            if matches!(place, Place::New(_)) {
                current.activation.operations.push(made);
            }
            current.position += 1;
        }
        self.next += 1;
        Ok(Issued {
            number,
            kind: issued_kind,
            recorded: matches!(place, Place::Recorded(_)),
        })
    }

    /// Takes the next operation whose arguments are to be hashed. The caller hashes it and gives it back, before the guest goes
    /// on.
    pub fn take_unhashed(&mut self) -> Option<Unhashed> {
        self.unhashed.pop_front()
    }

    /// Records or compares the digest of an operation that was taken to be hashed.
    ///
    /// # Errors
    /// When the guest does not repeat what is recorded.
    pub fn put_hashed(&mut self, hashed: Hashed) -> Result<(), Mismatch> {
        let Hashed {
            unhashed,
            digest,
            fields,
        } = hashed;
        let operations = self.current.as_mut();
        let operations = operations.map(|current| &mut current.activation.operations);
        let operation = match unhashed.place {
            Place::Recorded(index) => {
                let expected = operations.and_then(|operations| operations.get(index));
                if expected.is_some_and(|expected| expected.digest == digest) {
                    return Ok(());
                }
                let found = Operation {
                    step: unhashed.step,
                    digest,
                    kind: unhashed.kind,
                    fields: Fields::of(&unhashed.arguments),
                };
                let (number, arguments) = (unhashed.number, &unhashed.arguments);
                return Err(Mismatch::new(number, expected, found, arguments));
            }
            Place::New(index) => operations.and_then(|operations| operations.get_mut(index)),
            Place::Again(index) => self.remade.get_mut(index).map(|(_, operation)| operation),
        };
        if let Some(operation) = operation {
            operation.digest = digest;
            operation.fields = fields.unwrap_or_default();
        }
        Ok(())
    }

    /// Hashes everything that the caller has not taken.
    fn hash_all(&mut self) -> Result<(), Mismatch> {
        while let Some(unhashed) = self.take_unhashed() {
            self.put_hashed(unhashed.hash())?;
        }
        Ok(())
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
        self.hash_all()?;
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
    ///
    /// # Errors
    /// When the guest did not repeat what is recorded.
    pub fn take_partial(&mut self) -> Result<Option<Activation>, Mismatch> {
        self.hash_all()?;
        Ok(self.current.take().map(|current| current.activation))
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
