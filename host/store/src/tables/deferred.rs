//! `deferred`: what is left to be written of an activation that has too much for one commit, packed into few rows.
//!
//! Key: run, number from 0. Row: [`Deferred`]. The rows are written in the commit of the activation. `orders` has an
//! order to write what is in them. Until that is done, nothing of the run is executed.

use bytes::Bytes;
use dormouse_journal::{
    Labels, Operation, OperationNumber, Payload, RetryPolicy, RunId, WebhookNumber,
};
use serde::{Deserialize, Serialize};

use super::TableId;
use super::call_requests::NewCallRows;
use super::small_or_large::SmallOrLarge;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32), Deferred> = Table::new(TableId::Deferred);

/// Parts of an activation, in the order in which they are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deferred {
    pub(crate) parts: Vec<Part>,
}

/// A part of an activation. Rows of other tables are in it as they are going to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Part {
    /// The place of this webhook was taken by another one. It is closed.
    Replaced(WebhookNumber),
    /// An operation opens, creates or closes something.
    Made {
        /// The place of the operation among those of the activation.
        place: u32,
        operation: Operation,
    },
    /// The labels that the activation set.
    Labels(Labels),
    /// A caller was answered.
    Reply {
        delivery: String,
        /// The row of `replies`.
        row: Bytes,
    },
    /// A line was logged.
    Log {
        /// The place of the line among those of the activation.
        place: u32,
        /// The row of `logs`.
        row: Bytes,
    },
    /// A call is to be made.
    Call(CallToMake),
    /// An event is to be sent.
    Send(EventToSend),
    /// Another run is to be started or cancelled.
    Order {
        /// The place of the order among those of the activation.
        nth: u64,
        /// The row of `orders`.
        row: Bytes,
    },
}

/// A call, encoded if it is large.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CallToMake {
    pub(crate) operation: OperationNumber,
    pub(crate) retry: RetryPolicy,
    pub(crate) call: NewCallRows,
}

/// An event, encoded if it is large.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EventToSend {
    pub(crate) operation: OperationNumber,
    pub(crate) event: String,
    pub(crate) to: SendTo,
    pub(crate) size: u64,
    pub(crate) payload: SmallOrLarge<Payload>,
}

/// The receiver of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SendTo {
    /// All runs that wait for it.
    Everyone {
        /// The place of the event among those that the activation sends to all.
        nth: u64,
    },
    /// One run.
    Run(RunId),
    /// Nobody, because the guest's text was not the id of a run.
    Nobody,
}

impl Row for Deferred {}
