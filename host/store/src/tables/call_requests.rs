//! `call_requests`: what never changes about outbound calls that are too large for their rows of `calls`.
//!
//! Key: run, operation. Row: [`Call`].

use dormouse_journal::{OperationNumber, RunId};

use super::{Call, TableId};
use crate::rows::table::Table;

pub(crate) const TABLE: Table<(RunId, OperationNumber), Call> = Table::new(TableId::CallRequests);
