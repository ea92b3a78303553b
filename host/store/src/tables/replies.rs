//! `replies`: what callers are answered whose webhooks reply from the workflow, kept for those who ask again.
//!
//! Key: run, delivery. Row: [`Reply`]. There is a row for each request that has a key by which a repeat is known, and it
//! goes with that key.

use dormouse_journal::Response;
use serde::{Deserialize, Serialize};

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, &'static str), Reply> = Rows::new("replies");

/// What a caller is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// None as long as the workflow has not decided it.
    pub response: Option<Response>,
}
