//! `open`: operations that have not completed, as the frontier of a run has them.
//!
//! Key: run, operation. Row: [`Open`]. It repeats data of the journal, so that showing or cancelling a run needs no
//! scan of the journal. The first few of a run are in its row of `states` instead.

use dormouse_journal::{Open, OperationNumber};

use super::TableId;
use super::inline_rows::OverflowTable;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: OverflowTable<OperationNumber, Open> = Table::new(TableId::Open);

impl Row for Open {}
