//! `logs`: the log lines of runs.
//!
//! Key: run, activation, place of the line in the activation. Row: a log line.

use dormouse_journal::{LogLine, RunId};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, u32, u32), LogLine> = Table::new(TableId::Logs);

impl Row for LogLine {}
