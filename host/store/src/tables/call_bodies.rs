//! `call_bodies`: large bodies of outbound calls. A body is read only when there is a connection on which to send it.
//!
//! Key: run, operation. Row: the body's bytes, raw.

use dormouse_journal::{OperationNumber, RunId};

use super::TableId;
use crate::rows::table::Raw;

pub(crate) const TABLE: Raw<(RunId, OperationNumber)> = Raw::new(TableId::CallBodies);

/// The largest body, in bytes, that is stored and read with the rest of its call. A body of this size is not yet counted in
/// the host's memory budget, so no memory is counted for an attempt before it has a connection.
const SMALL: usize = 4 << 10;

/// Returns true if a body of this many bytes is stored and read apart from the rest of its call.
pub(crate) fn is_large(size: usize) -> bool {
    size > SMALL
}
