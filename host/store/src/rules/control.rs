//! Cancelling, blocking and resuming a run.

use dormouse_journal::{CancelOptions, Failure, RunId, Status, Transition};

use super::clearing::END;
use super::{RUN, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;

/// Ends a run.
#[derive(Debug)]
pub(crate) struct Cancel {
    pub(crate) run: RunId,
    pub(crate) options: CancelOptions,
    /// How long the run is kept, in milliseconds.
    pub(crate) retention: u64,
}

/// What came of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled now.
    Now,
    /// It was asked to cancel, and has some time for that.
    Asked,
    /// It was cancelled before.
    Before,
    /// It had ended otherwise.
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
        if run.state().status.has_ended() {
            return Ok(Cancelled::Ended(run.state().status));
        }
        Ok(match run.cancel(&self.options, self.retention)? {
            true => Cancelled::Now,
            false => Cancelled::Asked,
        })
    }
}

/// Sets a run aside, for a reason that is not its own.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) run: RunId,
    pub(crate) reason: Failure,
}

impl Transaction for Block {
    type Output = bool;

    fn run(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn cost(&self) -> Extent {
        let message = self.reason.message.len() as u64;
        RUN.and(Extent::new(0, message))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let Some(mut run) = write.run(self.run)? else {
            return Ok(false);
        };
        if run.transition(Transition::Blocked).is_err() {
            return Ok(false);
        }
        run.state_mut().failure = Some(self.reason.clone());
        Ok(true)
    }
}

/// Lets a blocked run go on.
pub(crate) struct Resume(pub(crate) RunId);

/// What came of a resume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It is tried again.
    Now,
    /// It was not blocked.
    NotBlocked(Status),
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
        if run.transition(Transition::Resumed { activated }).is_err() {
            return Ok(Resumed::NotBlocked(run.state().status));
        }
        run.state_mut().failure = None;
        Ok(Resumed::Now)
    }
}
