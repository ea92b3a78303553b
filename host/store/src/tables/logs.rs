//! `logs`: what runs logged.
//!
//! Key: run, activation, place of the line in it. Row: a log line.

use dormouse_journal::LogLine;

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, u32, u32), LogLine> = Rows::new("logs");
