//! `inputs`: the inputs with which runs were started.
//!
//! Key: run. Row: a payload. A small input is in the run's row of `runs` instead.

use dormouse_journal::{Payload, RunId};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<RunId, Payload> = Table::new(TableId::Inputs);

impl Row for Payload {}
