//! The disk space that runs may use, according to the settings.

use dormouse_journal::Failure;
use dormouse_limits::{Limits, STORAGE};
use dormouse_store::{OverStorage, StorageLimits};

/// Returns the disk space that a run, and all runs of a workflow, may use.
pub(crate) fn storage_limits(limits: &Limits) -> StorageLimits {
    StorageLimits {
        run: limits.storage,
        workflow: limits.workflow_storage,
    }
}

/// Returns what happens to a run that gets a response for which it has no disk space left.
pub(crate) fn over_storage(limits: &Limits) -> OverStorage {
    OverStorage {
        most: limits.storage,
        failure: too_much(limits),
        repair_within: limits.broken_retention,
    }
}

/// Returns the failure of a run that would itself use more disk space than it may.
pub(crate) fn too_much(limits: &Limits) -> Failure {
    let limit = limits.storage;
    Failure {
        code: "limit".into(),
        message: format!(
            "what this run has made would take more than the {limit} bytes of the disk that it may take; the setting \
             is `{STORAGE}`. Counted are its input, its journal and log, calls without a result, results that it has \
             not taken, and answers that are kept for its callers"
        ),
    }
}
