//! `orders`: decisions about runs that are carried out afterwards, piece by piece.
//!
//! Key: the run that the order is carried out for, and the place of the order. Row: [`Order`]. If a run asks something
//! of another run, the place is a commit sequence. For what happens to the run itself there is one place for each kind,
//! so that each exists at most once.

use dormouse_journal::{
    CancelOptions, Failure, Header, OperationNumber, Payload, RunId, Time, WebhookNumber,
    WhenParentEnds,
};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::RowsMut;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u64), Order> = Table::new(TableId::Orders);

/// The place of [`Order::TakeBack`]. No other order of the run is carried out before it.
pub(crate) const TAKE_BACK: u64 = 0;
/// The place of [`Order::WriteDeferred`]. A run is neither retried nor taken back as long as there is an order at this
/// place.
pub(crate) const WRITE_DEFERRED: u64 = TAKE_BACK;
/// The place of [`Order::Retry`].
pub(crate) const RETRY: u64 = TAKE_BACK;
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

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Start a run.
    Start(ChildStart),
    /// Cancel a run, or ask it to cancel.
    Cancel {
        /// The operation that gets the result.
        operation: OperationNumber,
        /// The run. None if the guest's text was not the id of a run.
        run: Option<RunId>,
        options: CancelOptions,
    },
    /// The run's timeout has passed: ask it to cancel.
    Timeout,
    /// The grace period of a run that was asked to cancel is over: cancel it.
    Grace,
    /// The run broke or failed and was not repaired in time: give it up.
    GiveUp,
    /// The run has ended: tell the runs that wait for it, and the run that started it.
    Ended {
        /// When the run ended.
        at: Time,
        /// True if the run that started it knows this already.
        parent_told: bool,
    },
    /// The run has ended: ask the runs that it started to cancel.
    Family {
        /// Their grace period in milliseconds. None to cancel them at once.
        grace: Option<u64>,
        /// The last run that was asked.
        cursor: Option<RunId>,
    },
    /// The run has failed: start the workflow that its own workflow names for failures.
    Handle {
        /// The workflow to be started.
        workflow: String,
        /// The reason why the run has failed.
        failure: Failure,
        /// The number of times that the run had been retried or moved when it failed.
        tries: u32,
    },
    /// The run was taken back: restore it.
    TakeBack(TakingBack),
    /// The run has completed: move the trigger's requests that it has not taken to the next run of its key.
    HandOver(HandOver),
    /// The run is no longer held by a run above it, or no longer holds the runs below it.
    Release(Release),
    /// Start a run that sees headers. Without headers, the order is [`Order::Start`], the older form.
    StartWith {
        /// The run.
        child: ChildStart,
        /// The headers.
        headers: Vec<Header>,
    },
    /// The run has committed an activation that has too much for one commit: write the rest.
    WriteDeferred(Deferring),
    /// The failed run is retried, and has too much for one commit: let it continue.
    Retry(Retrying),
}

/// The progress of a retry of a failed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retrying {
    /// When the run had failed.
    pub(crate) failed: Time,
    /// When it was retried.
    pub(crate) at: Time,
    /// The run's calls that had an attempt in flight.
    pub(crate) in_flight: Vec<OperationNumber>,
    /// The number of prepared rows in `restores`.
    pub(crate) restores: u32,
    /// The next stage.
    pub(crate) next: RetryStage,
}

/// A stage of a retry. The stages follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RetryStage {
    /// The open operations, from this one on. They wait again.
    Open(OperationNumber),
    /// The row of `restores` of this number.
    Restore(u32),
}

/// The progress of writing what is left of an activation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deferring {
    /// The number of the activation.
    pub(crate) activation: u32,
    /// The number of the activation's first operation.
    pub(crate) first: OperationNumber,
    /// The commit sequence of the waits for events that the activation made.
    pub(crate) since: u64,
    /// The commit sequence of the first event that the activation sends to all. The others follow.
    pub(crate) first_event: u64,
    /// The place of the first order of the activation. The others follow.
    pub(crate) first_order: u64,
    /// True if the run has ended with the activation.
    pub(crate) has_ended: bool,
    /// True if a generation of the run has ended with the activation.
    pub(crate) ends_generation: bool,
    /// The next stage.
    pub(crate) next: DeferringStage,
}

/// A stage of writing what is left of an activation. The stages follow each other in this order. Only the end of a
/// generation has the later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DeferringStage {
    /// This part in this row of `deferred`.
    Part { row: u32, part: u32 },
    /// The operations that are still open. They are closed.
    Operations,
    /// The webhooks that are not kept, after this one. They are closed.
    Webhooks(Option<WebhookNumber>),
}

/// The progress of ending the hold of a run and of the runs below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Release {
    /// When the run that held them had failed, if it had.
    pub(crate) failed: Option<Time>,
    /// How long that run had been failed, in milliseconds.
    pub(crate) stopped_for: u64,
    /// The next stage.
    pub(crate) next: ReleaseStage,
}

/// A stage of ending a hold. The stages follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReleaseStage {
    /// The operations of the run itself, from this one on.
    Own(OperationNumber),
    /// The runs that it started, after this one.
    Children(Option<RunId>),
}

/// The progress of moving requests from the inbox of one run to that of the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandOver {
    /// The next run. Nothing of it is executed until all requests are moved.
    pub(crate) to: RunId,
    /// The name of the event as which the requests are stored.
    pub(crate) event: String,
    /// The place that the next request gets.
    pub(crate) next: u64,
}

/// The progress of restoring a run that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TakingBack {
    /// The branch in which the journal continues.
    pub(crate) branch: u32,
    /// The step that is done again.
    pub(crate) step: OperationNumber,
    /// When the run had failed, if it had.
    pub(crate) failed: Option<Time>,
    /// The run's calls that had an attempt in flight.
    pub(crate) in_flight: Vec<OperationNumber>,
    /// The number of prepared rows in `restores`.
    pub(crate) restores: u32,
    /// The next stage.
    pub(crate) next: Stage,
}

/// A place in the part of a journal that is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The activation is the last one before this number.
    pub(crate) before: u32,
    /// The number of operations that were made up to the end of that activation.
    pub(crate) operations: u32,
    /// The number of its operations that are done.
    pub(crate) made: u32,
}

/// A stage of restoring. The stages follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The open operations: the last one up to this number is next.
    Open(OperationNumber),
    /// The items that the set-aside activations took, the last activation first.
    Given(Place),
    /// The row of `restores` of this number.
    Restore(u32),
    /// The orders that are not carried out yet.
    Orders,
    /// The log of the set-aside activations.
    Log,
    /// The runs that were started, after this one.
    Children(Option<RunId>),
}

/// A run that another run starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStart {
    /// The operation that gets the result.
    pub operation: OperationNumber,
    /// The id that the new run will have.
    pub run: RunId,
    /// The key of the new run's random numbers.
    pub key: [u8; 32],
    /// The name of the workflow.
    pub workflow: String,
    /// The version, as the guest wrote it. None for the current version.
    pub version: Option<String>,
    /// The input of the new run.
    pub input: Payload,
    /// What happens to the new run when the run that starts it ends.
    pub when_parent_ends: WhenParentEnds,
    /// When the new run is asked to cancel, in milliseconds from its start.
    pub timeout: Option<u64>,
    /// The labels, as the guest wrote them.
    pub labels: Vec<String>,
}

impl Row for Order {}

/// Writes an order for what happens to a run itself.
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
