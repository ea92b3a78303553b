//! `dates`: the dates at which sleeps end, in wall time.
//!
//! Key: date, run, operation. No row. Scanned from the front. Schema 2 had them in `timers`, where those from its time
//! still are. That does no harm, because a wake-up at the wrong time does nothing.

use dormouse_journal::{OperationNumber, RunId, Time};

use super::TableId;
use crate::rows::table::Index;

pub(crate) const TABLE: Index<(Time, RunId, OperationNumber)> = Index::new(TableId::Dates);
