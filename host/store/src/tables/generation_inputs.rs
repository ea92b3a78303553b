//! `generation_inputs`: what the present generations of runs were called with.
//!
//! Key: run. Row: a payload. A run in its first generation has none: that was called with the input of the run.

use dormouse_journal::{Payload, RunId};

use super::TableId;
use crate::rows::table::Table;

pub(crate) const TABLE: Table<RunId, Payload> = Table::new(TableId::GenerationInputs);
