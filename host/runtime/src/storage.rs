//! What runs may own on the disk, as the settings say.

use dormouse_journal::Failure;
use dormouse_limits::{Limits, STORAGE};
use dormouse_store::{OverStorage, StorageLimits};

/// Returns how much a run, and all runs of a workflow, may own.
pub(crate) fn storage_limits(limits: &Limits) -> StorageLimits {
    StorageLimits {
        run: limits.storage,
        workflow: limits.workflow_storage,
    }
}

/// Returns what becomes of a run that gets a response which is more than it may own.
pub(crate) fn over_storage(limits: &Limits) -> OverStorage {
    OverStorage {
        most: limits.storage,
        failure: too_much(limits),
        repair_within: limits.broken_retention,
    }
}

/// Returns why a run fails that would own more than it may by what it does itself.
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
