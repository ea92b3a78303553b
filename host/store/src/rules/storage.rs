//! The disk space that a run, and all runs of a workflow together, may use.

use dormouse_journal::Failure;

use super::Write;
use super::run::RunWrite;
use crate::ReadError;

/// The limits of disk space, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// The limit for one run: for what it writes itself, and, for what others send to it, for all of its space.
    pub run: u64,
    /// The limit for all runs of one workflow. Beyond it, no run is started and nothing can be sent to them.
    pub workflow: u64,
}

/// What happens to a run that gets a response for which it has no disk space left.
#[derive(Debug, Clone)]
pub struct OverStorage {
    /// The disk space that the run may use for what it does itself, in bytes.
    pub most: u64,
    /// The reason why the run fails.
    pub failure: Failure,
    /// How long the failed run may be retried, in milliseconds.
    pub repair_within: u64,
}

impl StorageLimits {
    /// No limits.
    pub const NONE: StorageLimits = StorageLimits {
        run: u64::MAX,
        workflow: u64::MAX,
    };

    /// Returns true if a run has no room for this many bytes that are sent to it. Received bytes never make a run
    /// fail.
    pub(crate) fn refuse_sent(self, run: &RunWrite<'_>, size: u64) -> bool {
        run.owned().all.saturating_add(size) > self.run
    }

    /// Returns true if a workflow has no room for this many more bytes.
    pub(crate) fn refuse_workflow(
        self,
        write: &mut Write<'_>,
        workflow: &str,
        size: u64,
    ) -> Result<bool, ReadError> {
        Ok(write.storage(workflow)?.saturating_add(size) > self.workflow)
    }
}
