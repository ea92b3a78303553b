//! `orders`: what was decided about runs and is carried out afterwards, piece by piece.
//!
//! Key: the run that it is carried out for, its place. Row: [`Order`]. The places of what a run asks of others are commit
//! sequences; the places of what happens to the run itself are the last ones, and each of them is there at most once.

use dormouse_journal::{
    CancelOptions, Failure, Header, OperationNumber, Payload, RunId, Time, WhenParentEnds,
};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u64), Order> = Table::new(TableId::Orders);

/// The place of [`Order::TakeBack`]. Nothing else is carried out for the run before it.
pub(crate) const TAKE_BACK: u64 = 0;
/// The place of [`Order::Release`].
pub(crate) const RELEASE: u64 = u64::MAX - 7;
/// The place of [`Order::HandOver`].
pub(crate) const HAND_OVER: u64 = u64::MAX - 6;
/// The place of [`Order::Handle`].
pub(crate) const HANDLE: u64 = u64::MAX - 5;
/// The place of [`Order::GiveUp`].
pub(crate) const GIVE_UP: u64 = u64::MAX - 4;
/// The place of [`Order::Timeout`].
pub(crate) const TIMEOUT: u64 = u64::MAX - 3;
/// The place of [`Order::Grace`].
pub(crate) const GRACE: u64 = u64::MAX - 2;
/// The place of [`Order::Ended`].
pub(crate) const ENDED: u64 = u64::MAX - 1;
/// The place of [`Order::Family`].
pub(crate) const FAMILY: u64 = u64::MAX;

/// Something to be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Start a run.
    Start(ChildStart),
    /// Cancel a run, or ask it to cancel.
    Cancel {
        /// The operation that is told what came of it.
        operation: OperationNumber,
        /// None if the text given was no run's id.
        run: Option<RunId>,
        options: CancelOptions,
    },
    /// The run's time is over: ask it to cancel.
    Timeout,
    /// The run was asked to cancel, and had its time for that: cancel it.
    Grace,
    /// The run broke or failed and was not repaired in the time for that: it is given up.
    GiveUp,
    /// The run has ended: tell those who wait for it, and the run that started it.
    Ended {
        /// When it has ended.
        at: Time,
        /// True if the run that started it knows already.
        parent_told: bool,
    },
    /// The run has ended: ask those that it started to cancel.
    Family {
        /// How long they may take to end by themselves, in milliseconds. They are cancelled at once when none.
        grace: Option<u64>,
        /// The last of them that was asked.
        cursor: Option<RunId>,
    },
    /// The run has failed: start the workflow that its own workflow names for that.
    Handle {
        /// The workflow to be started.
        workflow: String,
        /// Why the run has failed.
        failure: Failure,
        /// How often it had been retried or moved by then.
        tries: u32,
    },
    /// The run was taken back: restore what it had there.
    TakeBack(TakingBack),
    /// The run has completed: hand requests of a trigger that it has not taken to the next run of its key.
    HandOver(HandOver),
    /// The run is no longer held by one above it, or holds those below it no more.
    Release(Release),
    /// Start a run that sees headers. One that sees none is [`Order::Start`], as before there were any.
    StartWith {
        /// The run.
        child: ChildStart,
        /// The headers.
        headers: Vec<Header>,
    },
}

/// How far the hold of a run, and of those below it, is ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// When the run that held them had failed, if it had.
    pub(crate) failed: Option<Time>,
    /// For how long it had, in milliseconds.
    pub(crate) stood: u64,
    /// What is next.
    pub(crate) next: ReleaseStage,
}

/// What is next when a hold is ended. The stages follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReleaseStage {
    /// The operations of the run itself, from this one on.
    Own(OperationNumber),
    /// The runs that it started, behind this one.
    Children(Option<RunId>),
}

/// Requests on their way from the inbox of one run to that of the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandOver {
    /// The next run, of which nothing is executed until all is handed over.
    pub(crate) to: RunId,
    /// The name under which they lie there.
    pub(crate) event: String,
    /// The place that the next of them gets.
    pub(crate) next: u64,
}

/// How far a run that was taken back is restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakingBack {
    /// The branch that its journal goes on with.
    pub(crate) branch: u32,
    /// The step that is done again.
    pub(crate) step: OperationNumber,
    /// When it had failed, if it had.
    pub(crate) failed: Option<Time>,
    /// Those of its calls of which an attempt was under way.
    pub(crate) in_flight: Vec<OperationNumber>,
    /// How many rows of `restores` belong to it.
    pub(crate) restores: u32,
    /// What is restored next.
    pub(crate) next: Stage,
}

/// A place in what is set aside of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The activation is the last one in front of this.
    pub(crate) before: u32,
    /// How many operations were made up to the end of that activation.
    pub(crate) operations: u32,
    /// How many of the operations that it made are done with.
    pub(crate) made: u32,
}

/// What is restored next. The stages follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// What is open: the last operation up to this one.
    Open(OperationNumber),
    /// What the activations that are set aside were given, the last one first.
    Given(Place),
    /// The row of `restores` of this number.
    Restore(u32),
    /// What was ordered and is not carried out.
    Orders,
    /// The log of what is set aside.
    Log,
    /// The runs that were started, behind this one.
    Children(Option<RunId>),
}

/// A run to be started by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStart {
    /// The operation that is told what came of it.
    pub operation: OperationNumber,
    /// The id that the new run will have.
    pub run: RunId,
    /// The key of its randomness.
    pub key: [u8; 32],
    /// Its workflow.
    pub workflow: String,
    /// This version rather than the current one, as the guest wrote it.
    pub version: Option<String>,
    /// What it is given.
    pub input: Payload,
    /// What becomes of it when the run that starts it ends.
    pub when_parent_ends: WhenParentEnds,
    /// When it is asked to cancel, in milliseconds from its start.
    pub timeout: Option<u64>,
    /// The texts of its labels, as the guest wrote them.
    pub labels: Vec<String>,
}

impl Row for Order {}

/// Has something carried out that happens to a run.
pub(crate) fn put(
    rows: &mut (impl RowsMut + ?Sized),
    run: RunId,
    place: u64,
    order: &Order,
) -> Result<(), ReadError> {
    TABLE.put(rows, (run, place), order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_without_headers_is_the_row_that_it_was_before_there_were_any() {
        let child = ChildStart {
            operation: OperationNumber(1),
            run: RunId([2; 16]),
            key: [3; 32],
            workflow: "w".into(),
            version: None,
            input: Payload::default(),
            when_parent_ends: WhenParentEnds::default(),
            timeout: None,
            labels: Vec::new(),
        };
        let start = TABLE.encode(&Order::Start(child.clone()));
        // The version of the row, the first kind of an order, the operation.
        assert_eq!(start[..3], [Order::VERSION, 0, 1]);
        assert_eq!(start.len(), 3 + 16 + 32 + 2 + 1 + 2 + 1 + 1 + 1);
        let headers = vec![("x-a".to_owned(), "b".into())];
        let with = Order::StartWith { child, headers };
        let row = TABLE.encode(&with);
        assert_eq!(row[1], 11);
        assert_eq!(crate::rows::table::decode_row::<Order>(&row).unwrap(), with);
        let timeout = TABLE.encode(&Order::Timeout);
        assert_eq!(timeout, [Order::VERSION, 2]);
    }
}
