//! Cancelling, blocking and resuming a run.

use dormouse_journal::{Failure, RunId, Status, Transition};

use crate::group::{Transaction, Write};
use crate::transactions::commit::clear;
use crate::{ReadError, Store, WriteError};

/// Ends a run.
#[derive(Debug)]
pub(crate) struct Cancel {
    run: RunId,
    retention: u64,
}

/// What came of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled now.
    Now,
    /// It was cancelled before.
    Before,
    /// It had ended otherwise.
    Ended(Status),
    /// There is no such run.
    Unknown,
}

impl Transaction for Cancel {
    type Output = Cancelled;

    fn apply(&self, write: &mut Write<'_>) -> Result<Cancelled, ReadError> {
        let Some(edit) = write.edits.load(&write.tables, self.run)? else {
            return Ok(Cancelled::Unknown);
        };
        if edit.state.status == Status::Cancelled {
            return Ok(Cancelled::Before);
        }
        if edit.transition(Transition::Cancelled).is_err() {
            return Ok(Cancelled::Ended(edit.state.status));
        }
        edit.state.failure = None;
        clear(&mut write.tables, edit, write.now, self.retention)?;
        Ok(Cancelled::Now)
    }
}

/// Sets a run aside, for a reason that is not its own.
#[derive(Debug)]
pub(crate) struct Block {
    run: RunId,
    reason: Failure,
}

impl Transaction for Block {
    type Output = bool;

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let Some(edit) = write.edits.load(&write.tables, self.run)? else {
            return Ok(false);
        };
        if edit.transition(Transition::Blocked).is_err() {
            return Ok(false);
        }
        edit.state.failure = Some(self.reason.clone());
        Ok(true)
    }
}

struct Resume(RunId);

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

    fn apply(&self, write: &mut Write<'_>) -> Result<Resumed, ReadError> {
        let Some(edit) = write.edits.load(&write.tables, self.0)? else {
            return Ok(Resumed::Unknown);
        };
        let activated = edit.state.activations > 0;
        if edit.transition(Transition::Resumed { activated }).is_err() {
            return Ok(Resumed::NotBlocked(edit.state.status));
        }
        edit.state.failure = None;
        Ok(Resumed::Now)
    }
}

impl Store {
    /// Ends a run. An activation in progress is refused its commit. It is kept for `retention` milliseconds.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn cancel(&self, run: RunId, retention: u64) -> Result<Cancelled, WriteError> {
        self.write(Cancel { run, retention }).await
    }

    /// Sets a run aside. Gives false if it has ended meanwhile.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn block(&self, run: RunId, reason: Failure) -> Result<bool, WriteError> {
        self.write(Block { run, reason }).await
    }

    /// Lets a blocked run go on.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn resume(&self, run: RunId) -> Result<Resumed, WriteError> {
        self.write(Resume(run)).await
    }
}
