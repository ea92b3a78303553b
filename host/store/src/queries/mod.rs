//! The reads of the store, each of the rows at one moment. They are written once for every backend.

mod arrivals;
mod awaited;
mod calls;
mod failed;
mod pauses;
mod runs;
mod schedule;
mod search;
mod triggers;
mod webhooks;
mod workflows;

use crate::rows::Rows;

/// The rows as they were at one moment, and the reads of them.
pub(crate) struct View<R>(R);

impl<R: Rows> View<R> {
    pub(crate) fn new(rows: R) -> Self {
        View(rows)
    }

    /// Returns the rows.
    pub(crate) fn rows(&self) -> &R {
        &self.0
    }
}
