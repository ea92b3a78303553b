//! `routed`: what is known, beside its body, of a request that a trigger has sent to a run and that the run has not taken.
//!
//! Key: run, event, place, as in `mail`, which has the body. Row: [`Routed`]. It is what the next run is started with if
//! this one never takes the request.
//!
//! `routed_taken`: the same of one that the run has taken. Key: as the activation in `journal` that was given it. It lies in
//! `routed` again when the run is taken back to before that, and goes with the activation.

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
    /// The labels of a run that it starts.
    pub(crate) labels: Labels,
}

impl Row for Routed {}
