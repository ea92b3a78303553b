//! `failed_tries`: the kept parts of activations in which a run broke or failed, and which are not in the journal.
//!
//! Key: run, the number of the try. Row: [`FailedTry`]. A run keeps its last [`KEPT`].

use dormouse_journal::{Failure, LogLine, Operation, OperationNumber, RunId, Time, VersionId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32), FailedTry> = Table::new(TableId::FailedTries);

/// The number of failed tries that a run keeps.
pub(crate) const KEPT: usize = 10;

/// The largest number of operations of a try that are kept.
const OPERATIONS: usize = 100;

/// The largest size of the texts of a try together, in bytes.
pub(crate) const BYTES: usize = 16 << 10;

/// The kept part of an activation in which a run broke or failed. No decision of the activation took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTry {
    /// The time of the activation.
    pub time: Time,
    /// The number that the activation would have had.
    pub activation: u32,
    /// The version that was executed.
    pub version: VersionId,
    /// The failure, with a shortened message.
    pub failure: Failure,
    /// The operations that the activation made, in order, as many as are kept.
    pub operations: Vec<TriedOperation>,
    /// The number of operations that were not kept.
    pub more_operations: u32,
    /// The lines that the activation logged, as many as are kept.
    pub logs: Vec<LogLine>,
    /// The number of lines that were not kept.
    pub more_lines: u32,
}

/// An operation that was made and not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriedOperation {
    /// The number that the operation would have had.
    pub operation: OperationNumber,
    /// The name of the import.
    pub kind: String,
    /// The step name that the author gave the operation.
    pub step: String,
}

impl Row for FailedTry {}

impl FailedTry {
    /// Creates a try without operations and log lines.
    pub(crate) fn new(time: Time, activation: u32, version: VersionId, failure: &Failure) -> Self {
        let cut = |text: &str| text[..text.floor_char_boundary(BYTES / 4)].to_owned();
        FailedTry {
            time,
            activation,
            version,
            failure: Failure {
                code: cut(&failure.code),
                message: cut(&failure.message),
            },
            operations: Vec::new(),
            more_operations: 0,
            logs: Vec::new(),
            more_lines: 0,
        }
    }

    /// Adds the operations of the activation and then its log lines, as far as there is room. `first` is the number
    /// of the first operation. A quarter of [`BYTES`] is for the operations, and a quarter for the log lines.
    #[must_use]
    pub(crate) fn with(mut self, first: u32, made: &[Operation], lines: &[LogLine]) -> Self {
        let mut left = BYTES / 4;
        for (number, operation) in (first..).zip(made).take(OPERATIONS) {
            let size = operation.step.len() + operation.kind.name().len() + 8;
            if size > left {
                break;
            }
            left -= size;
            self.operations.push(TriedOperation {
                operation: OperationNumber(number),
                kind: operation.kind.name().into(),
                step: operation.step.clone(),
            });
        }
        let mut left = BYTES / 4;
        for line in lines {
            let size = line.message.len() + 16;
            if size > left {
                break;
            }
            left -= size;
            self.logs.push(line.clone());
        }
        let more = |all: usize, kept: usize| u32::try_from(all - kept).unwrap_or(u32::MAX);
        self.more_operations = more(made.len(), self.operations.len());
        self.more_lines = more(lines.len(), self.logs.len());
        self
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::{Digest, Fields, Kind, Level};

    use super::*;

    fn kept(steps: usize, step: usize, lines: usize, line: usize) -> FailedTry {
        let operation = Operation {
            step: "s".repeat(step),
            digest: Digest::of(&0u8),
            kind: Kind::Sleep { duration: 1 },
            fields: Fields::default(),
        };
        let log = LogLine {
            time: Time(1),
            level: Level::Info,
            message: "m".repeat(line),
        };
        let failure = Failure {
            code: "trap".into(),
            message: "é".repeat(BYTES),
        };
        let kept = FailedTry::new(Time(1), 0, VersionId([0; 32]), &failure);
        kept.with(7, &vec![operation; steps], &vec![log; lines])
    }

    #[test]
    fn a_failed_try_is_limited_and_counts_what_is_left_out() {
        let few = kept(3, 1, 2, 1);
        assert_eq!((few.operations.len(), few.logs.len()), (3, 2));
        assert_eq!(few.operations[2].operation, OperationNumber(9));
        let many = kept(1_000, 1, 0, 0);
        assert_eq!((many.operations.len(), many.more_operations), (100, 900));
        for (step, line) in [(1, 1), (100, 100), (BYTES, BYTES)] {
            let large = kept(1_000, step, 1_000, line);
            assert!(dormouse_journal::encode(&large).len() <= BYTES);
            assert_eq!(
                large.operations.len() + large.more_operations as usize,
                1_000
            );
            assert_eq!(large.logs.len() + large.more_lines as usize, 1_000);
        }
    }
}
