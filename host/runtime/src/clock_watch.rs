//! Watches the machine's clock: wall time follows the clock, and each step of the clock is reported
//! once.

use std::sync::Arc;

use dormouse_seams::{HostClock, Seen};

use crate::deadlines::Deadlines;
use crate::slots::Slots;

/// Milliseconds between two reads of the machine's clock.
const LOOK: u64 = 10_000;

/// Watches the machine's clock.
pub(crate) struct ClockWatch {
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) deadlines: Arc<Deadlines>,
}

impl ClockWatch {
    /// Watches the clock as long as the host runs.
    pub(crate) async fn run(&self) {
        while !self.slots.is_stopping() {
            let seen = self.clock.watch();
            tell(seen);
            if seen.taken {
                // Dates may have passed because of the step.
                self.deadlines.hint(Some(self.clock.now()));
            }
            let next = self.clock.now().after(LOOK);
            self.clock.sleep_until(next).await;
        }
    }
}

fn tell(seen: Seen) {
    let Seen {
        ahead, step, taken, ..
    } = seen;
    if let Some(milliseconds) = step {
        tracing::warn!(
            milliseconds,
            "the machine's clock was set; spans of time are not affected, dates follow a step forward that stands for a \
             minute, and a step backward by a second in half an hour"
        );
    }
    if taken {
        tracing::info!(
            ahead,
            "dates follow the machine's clock, which was set forward"
        );
    }
}
