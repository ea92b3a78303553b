//! `call_bodies`: large bodies of outbound calls, which are read only when there is a connection to send them on.
//!
//! Key: run, operation. Row: the body's bytes, raw.

use dormouse_journal::{OperationNumber, RunId};

use super::TableId;
use crate::rows::table::Raw;

pub(crate) const TABLE: Raw<(RunId, OperationNumber)> = Raw::new(TableId::CallBodies);

/// The largest body in bytes that is kept, and read, with the rest of its call. It is also as large as a body may be without
/// being counted for the host's memory, so that an attempt has no memory counted before it is connected.
const SMALL: usize = 4 << 10;

/// Returns true if a body of this many bytes is read by itself.
pub(crate) fn is_large(size: usize) -> bool {
    size > SMALL
}
