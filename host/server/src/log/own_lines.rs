//! The log's lines about itself. They are neither dropped nor left out.

use std::cell::Cell;
use std::time::Instant;

thread_local! {
    static IS_OWN_LINE: Cell<bool> = const { Cell::new(false) };
}

/// Returns true in the thread that writes the log, while it reports what was left out.
pub(super) fn is_own_line() -> bool {
    IS_OWN_LINE.get()
}

/// Reports what was left out.
pub(super) fn tell(log: impl FnOnce()) {
    IS_OWN_LINE.set(true);
    log();
    IS_OWN_LINE.set(false);
}

/// Returns the time by which spans of the log are measured. It reaches no guest and no journal.
#[expect(
    clippy::disallowed_methods,
    reason = "spans of the log, which reach no guest and no journal"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
