//! `generation_inputs`: the inputs of the present generations of runs.
//!
//! Key: run. Row: a payload. A run in its first generation has no row: its generation has the input of the run.

use dormouse_journal::{Payload, RunId};

use super::TableId;
use crate::rows::table::Table;

pub(crate) const TABLE: Table<RunId, Payload> = Table::new(TableId::GenerationInputs);
