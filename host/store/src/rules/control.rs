//! Cancels, blocks and resumes a run.

use dormouse_journal::{CancelOptions, Failure, LogLine, Operation, RunId, Status, Transition};

use super::clearing::END;
use super::{RUN, SMALL_ROW, Transaction, Write, failed_try};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::expiries::Expiring;
use crate::tables::logs;

/// Ends a run, or asks it to end.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) run: RunId,
    pub(crate) options: CancelOptions,
    /// How long the run is kept after its end, in milliseconds.
    pub(crate) retention: u64,
}

/// The result of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The run is cancelled now.
    Now,
    /// The run was asked to cancel, and has its grace period for that.
    Asked,
    /// The run was cancelled before.
    Before,
    /// The run had failed, and is given up now: it cannot be retried any more.
    GivenUp,
    /// The run had ended in another way.
    Ended(Status),
    /// There is no such run.
    Unknown,
}

impl Transaction for Cancel {
    type Output = Cancelled;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn cost(&self) -> Extent {
        RUN.and(END)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Cancelled, ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(Cancelled::Unknown);
        };
        if run.state().status == Status::Cancelled {
            return Ok(Cancelled::Before);
        }
        if run.give_up(self.retention)? {
            return Ok(Cancelled::GivenUp);
        }
        if run.state().status.has_ended() {
            return Ok(Cancelled::Ended(run.state().status));
        }
        Ok(match run.cancel(&self.options, self.retention)? {
            true => Cancelled::Now,
            false => Cancelled::Asked,
        })
    }
}

/// The most log lines of a broken activation that one commit writes.
const LINES: usize = 1_024;

/// Blocks a run.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) run: RunId,
    pub(crate) reason: Failure,
    /// The remains of the broken activation, if the run's own code broke.
    pub(crate) broke: Option<Broke>,
}

impl Block {
    /// Returns the writes of all log lines but the last ones, which the block itself writes. They are done before it. If
    /// the run is not blocked after all, the same activation is executed again, and its lines replace these.
    pub(crate) fn lines_before(&self) -> Vec<KeepLines> {
        let Some(broke) = &self.broke else {
            return Vec::new();
        };
        let before = &broke.logs[..lines_before(broke)];
        let chunks = (0..).step_by(LINES).zip(before.chunks(LINES));
        let writes = chunks.map(|(first, lines)| KeepLines {
            run: self.run,
            activation: broke.activation,
            tries: broke.tries,
            first,
            lines: lines.to_vec(),
        });
        writes.collect()
    }
}

/// Returns the number of log lines of a broken activation that are written before the run is blocked.
fn lines_before(broke: &Broke) -> usize {
    broke.logs.len().saturating_sub(1) / LINES * LINES
}

/// Writes log lines of a broken activation, the first of which has the place `first`.
#[derive(Debug)]
pub(crate) struct KeepLines {
    run: RunId,
    activation: u32,
    tries: u32,
    first: u32,
    lines: Vec<LogLine>,
}

impl Transaction for KeepLines {
    type Output = ();

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        let lines = self.lines.iter().map(|line| line.message.len() as u64);
        let rows = self.lines.len() as u64;
        RUN.and(Extent::new(rows, lines.sum::<u64>() + rows * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<(), ReadError> {
        let Some(run) = write.run(self.run)? else {
            return Ok(());
        };
        let state = run.state();
        if (self.activation, self.tries) != (state.activations, state.tries) {
            return Ok(());
        }
        for (place, line) in (self.first..).zip(&self.lines) {
            logs::TABLE.put(run.rows, (self.run, self.activation, place), line)?;
        }
        Ok(())
    }
}

/// The remains of an activation in which a run broke. They are in no journal, and nothing that the activation
/// decided is done.
#[derive(Debug, Clone)]
pub struct Broke {
    /// The number of the activation.
    pub activation: u32,
    /// The try in which the run broke.
    pub tries: u32,
    /// The place in the guest.
    pub backtrace: Option<String>,
    /// The operations that the activation made.
    pub operations: Vec<Operation>,
    /// The log lines of the activation.
    pub logs: Vec<LogLine>,
    /// How long the run may be repaired, in milliseconds.
    pub retention: u64,
}

impl Transaction for Block {
    type Output = bool;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        let message = self.reason.message.len() as u64;
        let (rows, bytes) = self.broke.as_ref().map_or((0, 0), |broke| {
            let logs = &broke.logs[lines_before(broke)..];
            let lines = logs.iter().map(|line| line.message.len() as u64);
            let backtrace = broke.backtrace.as_ref().map_or(0, String::len) as u64;
            (logs.len() as u64 + 1, backtrace + lines.sum::<u64>())
        });
        RUN.and(failed_try::COST)
            .and(Extent::new(rows, message + bytes + rows * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let now = write.now;
        let Some(mut run) = write.run(self.run)? else {
            return Ok(false);
        };
        let state = run.state();
        let is_of_now =
            |broke: &Broke| (broke.activation, broke.tries) == (state.activations, state.tries);
        if self.broke.as_ref().is_some_and(|broke| !is_of_now(broke)) {
            return Ok(false);
        }
        if run.transition(Transition::Blocked).is_err() {
            return Ok(false);
        }
        let state = run.state_mut();
        state.failure = Some(self.reason.clone());
        state.is_broken = self.broke.is_some();
        state.backtrace = None;
        if let Some(broke) = &self.broke {
            state.backtrace.clone_from(&broke.backtrace);
            for (place, line) in (0..).zip(&broke.logs).skip(lines_before(broke)) {
                logs::TABLE.put(run.rows, (self.run, broke.activation, place), line)?;
            }
            let (number, made) = (broke.activation, &broke.operations);
            let kept = failed_try::broken(&run, number, &self.reason, made, &broke.logs)?;
            failed_try::keep(&mut run, broke.tries, &kept)?;
            let (id, tries) = (self.run, broke.tries);
            let expiring = Expiring::Broken { run: id, tries };
            expiring.add(run.rows, now.after(broke.retention))?;
        }
        Ok(true)
    }
}

/// Resumes a run that is blocked by trouble of the host.
pub(crate) struct Resume(pub(crate) RunId);

/// The result of a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// The run is tried again.
    Now,
    /// The run was not blocked.
    NotBlocked(Status),
    /// The run's own code broke, so it must be retried instead.
    Broken,
    /// There is no such run.
    Unknown,
}

impl Transaction for Resume {
    type Output = Resumed;

    fn run(&self) -> Option<RunId> {
        Some(self.0)
    }

    fn cost(&self) -> Extent {
        RUN
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Resumed, ReadError> {
        let Some(mut run) = write.run(self.0)? else {
            return Ok(Resumed::Unknown);
        };
        let activated = run.state().activations > 0;
        if run.state().is_broken {
            return Ok(Resumed::Broken);
        }
        if run.transition(Transition::Resumed { activated }).is_err() {
            return Ok(Resumed::NotBlocked(run.state().status));
        }
        run.state_mut().failure = None;
        Ok(Resumed::Now)
    }
}
