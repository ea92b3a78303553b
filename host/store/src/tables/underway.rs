//! `underway`: events to all that were decided and have not reached every wait yet.
//!
//! Key: event, the commit sequence at which it was decided. No row: the event is in `broadcasts`.

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(String, u64)> = Index::new(TableId::Underway);
