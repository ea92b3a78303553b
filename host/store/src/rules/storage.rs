//! What a run may own on the disk, and all runs of a workflow together.

use dormouse_journal::Failure;

use super::Write;
use super::run::RunWrite;
use crate::ReadError;

/// How much may lie on the disk for runs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// For one run: what it writes itself may have so many, and others may send to it while all that it owns has less.
    pub run: u64,
    /// For all runs of one workflow: past it, nothing is started and nothing is sent to them.
    pub workflow: u64,
}

/// What becomes of a run that gets a response which is more than it may own.
#[derive(Debug, Clone)]
pub struct OverStorage {
    /// How many bytes the run may own by what it does itself.
    pub most: u64,
    /// Why the run fails.
    pub failure: Failure,
    /// How long the run may be retried then, in milliseconds.
    pub repair_within: u64,
}

impl StorageLimits {
    /// No limits.
    pub const NONE: StorageLimits = StorageLimits {
        run: u64::MAX,
        workflow: u64::MAX,
    };

    /// Returns true if a run has no room for so many bytes more that somebody sends to it. They never make it fail.
    pub(crate) fn refuse_sent(self, run: &RunWrite<'_>, size: u64) -> bool {
        run.owned().all.saturating_add(size) > self.run
    }

    /// Returns true if a workflow has no room for so many bytes more.
    pub(crate) fn refuse_workflow(
        self,
        write: &mut Write<'_>,
        workflow: &str,
        size: u64,
    ) -> Result<bool, ReadError> {
        Ok(write.sum(workflow)?.saturating_add(size) > self.workflow)
    }
}
