//! The error for a guest that does not repeat its journal.

use std::fmt;

use crate::{Arguments, Operation, OperationNumber};

/// The first difference between a guest and its journal: the guest's code is not the code that wrote the journal, or it
/// is not deterministic. The run is blocked, and nothing is lost.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// The number of the activation, if the caller has set it.
    pub activation: Option<u32>,
    /// The number of the operation.
    pub number: OperationNumber,
    /// What the journal has.
    pub expected: Side,
    /// What the guest did.
    pub found: Side,
    /// The arguments of the operation that the guest made.
    pub made: Option<Box<Arguments>>,
    /// The kept arguments of the recorded operation, beyond what the journal has: the request of a call that has no
    /// result yet, if the caller has looked it up.
    pub kept: Option<Box<Arguments>>,
}

impl Mismatch {
    /// Creates a mismatch for a guest that made another operation than the recorded one, or an operation where none is
    /// recorded.
    #[must_use]
    pub fn new(
        number: OperationNumber,
        expected: Option<&Operation>,
        found: Operation,
        arguments: &Arguments,
    ) -> Self {
        let expected = expected.map_or(Side::Quiescence, Side::from);
        Mismatch {
            made: Some(Box::new(arguments.clone())),
            ..Self::at_end(number, expected, Side::Operation(Box::new(found)))
        }
    }

    /// Creates a mismatch for a guest that made no operation where one is recorded, or that ended where it did not end
    /// before.
    #[must_use]
    pub fn at_end(number: OperationNumber, expected: Side, found: Side) -> Self {
        Mismatch {
            activation: None,
            number,
            expected,
            found,
            made: None,
            kept: None,
        }
    }

    /// Returns the names of the differing arguments among those that the kind of the operation does not have. Empty if
    /// the sides are not operations of the same kind, or if the journal does not have them.
    #[must_use]
    pub fn differing(&self) -> Vec<&'static str> {
        match (&self.expected, &self.found, &self.made) {
            (Side::Operation(expected), Side::Operation(found), Some(made))
                if expected.kind.name() == found.kind.name() =>
            {
                expected.fields.differing(made).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }
}

/// One side of a mismatch.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// An operation.
    Operation(Box<Operation>),
    /// There is no further operation in this activation.
    Quiescence,
    /// The run ends.
    End,
    /// The run ends with another result than the recorded one.
    OtherEnd,
}

impl From<&Operation> for Side {
    fn from(operation: &Operation) -> Self {
        Side::Operation(Box::new(operation.clone()))
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Side::Operation(operation) => write!(
                f,
                "{operation}, whose arguments have the digest {}",
                operation.digest
            ),
            Side::Quiescence => f.write_str("no further operation before the next completion"),
            Side::End => f.write_str("the end of the run"),
            Side::OtherEnd => f.write_str("the end of the run with another result"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the workflow does not repeat its journal: as operation {}, the journal has {}, and the workflow now has {}",
            self.number, self.expected, self.found
        )?;
        let differing = self.differing();
        if !differing.is_empty() {
            write!(f, " (these arguments differ: {})", differing.join(", "))?;
        }
        f.write_str(
            ". The code is not the one that wrote the journal, or it depends on something other than its input and its \
             completions. Nothing is lost: put the right code back and resume the run, or cancel it",
        )
    }
}

impl std::error::Error for Mismatch {}
