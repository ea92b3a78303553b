//! `routed`: the data, besides the body, of a request that a trigger has sent to a run and that the run has not taken.
//!
//! Key: run, event, place, as in `mail`, which has the body. Row: [`Routed`]. If this run never takes the request, the
//! next run is started with it.
//!
//! `routed_taken`: the same data of a request that the run has taken. Key: that of the activation in `journal` that
//! took it. If the run is taken back to before that activation, the row moves back to `routed`. It is removed together
//! with the activation.

use dormouse_journal::{Header, Labels, RunId};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, String, u64), Routed> = Table::new(TableId::Routed);
pub(crate) const TAKEN: Table<(RunId, u32, u32), Routed> = Table::new(TableId::RoutedTaken);

/// A request without its body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Routed {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) headers: Vec<Header>,
    /// The labels of the run that the request starts.
    pub(crate) labels: Labels,
}

impl Row for Routed {}
