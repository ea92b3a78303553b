//! Repairs a run: tries it again after it broke, or moves it to another version.

use dormouse_journal::{GuestLimits, RunId, Status, Transition, VersionId};

use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::table::between;
use crate::tables::{logs, runs};

/// The number of log lines of a broken try that are removed with it. An activation cannot log more than the log has
/// room for. Lines beyond this number are replaced by the next try, or stay.
const LINES: usize = 1_000;

/// Lets a run continue, if it is still as the caller has seen it.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The run.
    pub run: RunId,
    /// The number of activations in its journal.
    pub activations: u32,
    /// The number of times that it was retried or moved before.
    pub tries: u32,
    /// The version that it continues on. None for its own.
    pub version: Option<VersionId>,
    /// The host's limits. If one is larger than the run's own, the run gets it.
    pub limits: GuestLimits,
    /// True to repair only a run that is blocked.
    pub is_retry: bool,
}

/// The result of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repaired {
    /// The run continues, with this status.
    Now(Status),
    /// The run has moved on meanwhile.
    Moved,
    /// The run is not blocked, and only a blocked run was to be retried.
    NotBlocked(Status),
    /// The run has ended.
    Ended(Status),
    /// There is no such run.
    Unknown,
}

impl Transaction for Repair {
    type Output = Repaired;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    /// The row with the unchanging part of the run is written again, including the headers.
    fn cost(&self) -> Extent {
        RUN.and(Extent::new(LINES as u64 + 1, (64 << 10) + SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Repaired, ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(Repaired::Unknown);
        };
        let state = run.state();
        let status = state.status;
        if status.has_ended() {
            return Ok(Repaired::Ended(status));
        }
        if state.is_restoring {
            return Ok(Repaired::Moved);
        }
        if self.is_retry && status != Status::Blocked {
            return Ok(Repaired::NotBlocked(status));
        }
        if (state.activations, state.tries) != (self.activations, self.tries) {
            return Ok(Repaired::Moved);
        }
        if status == Status::Blocked {
            let activated = self.activations > 0;
            // The check above has ensured that the run is blocked.
            let _ = run.transition(Transition::Resumed { activated });
            let state = run.state_mut();
            state.failure = None;
            state.backtrace = None;
            state.is_broken = false;
            let (first, last) = (self.activations, u32::MAX);
            let lines = between((self.run, first, 0), (self.run, last, u32::MAX));
            for line in logs::TABLE.keys(run.rows, lines, false, LINES)? {
                logs::TABLE.remove(run.rows, line)?;
            }
        }
        let state = run.state_mut();
        state.tries = state.tries.saturating_add(1);
        if let Some(mut stored) = runs::TABLE.get(run.rows, self.run)? {
            let before = (stored.run.version, stored.run.limits);
            stored.run.version = self.version.unwrap_or(stored.run.version);
            let limits = &mut stored.run.limits;
            limits.memory = limits.memory.max(self.limits.memory);
            if before != (stored.run.version, stored.run.limits) {
                runs::TABLE.put(run.rows, self.run, &stored)?;
            }
        }
        Ok(Repaired::Now(run.state().status))
    }
}
