//! What can happen to the store, one file per subject. Each is checked against the rows, then written, as one.
//!
//! These rules are written once, over [`RowsMut`], and hold for every backend.

pub(crate) mod accept;
pub(crate) mod activate;
pub(crate) mod attempts;
mod commit;
pub(crate) mod control;
pub(crate) mod deploy;
pub(crate) mod events;
mod new_activation;
pub(crate) mod retire;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod start;

use dormouse_journal::{RunId, Time};
use dormouse_seams::Mark;

use self::run::{RunWrite, Runs};
use crate::ReadError;
use crate::rows::{Rows, RowsMut};
use crate::tables::meta;

pub use accept::{Accept, Accepted, InboxLimits, RememberedKey, RequestRefused};
pub use attempts::AttemptMade;
pub use control::{Cancelled, Resumed};
pub use deploy::{Deploy, Deployed};
pub use events::{AimedNotified, MailLimits, Notified, Served};
pub use new_activation::{
    Activated, CommitRefused, NewActivation, NewCall, NewNotify, NewResponse, NotifyTarget,
};
pub use secrets::{PutSecret, SecretPut};
pub use start::{StartRun, Started};

/// Something to be written, as one.
pub(crate) trait Transaction: Send + 'static {
    /// What is known once it is applied.
    type Output: Send + 'static;

    /// Returns the one run whose rows it reads and writes. None if it may touch those of others, or what all share.
    fn run(&self) -> Option<RunId> {
        None
    }

    /// Returns true if it makes room, or is what an operator does to make some. It is done also on a full disk.
    fn is_housekeeping(&self) -> bool {
        false
    }

    /// Checks it against the rows and writes it. It may be called again if the group has to be applied anew, and finds
    /// then what it found before. If it returns `Ok`, then what it wrote is complete: a refusal is an `Ok` that wrote
    /// nothing.
    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError>;
}

/// A group of transactions in the making.
pub(crate) struct Write<'r> {
    pub(crate) rows: &'r mut (dyn RowsMut + Send + 'r),
    /// The time of what is being written.
    pub(crate) now: Time,
    runs: Runs,
    inbox_bytes: u64,
    sequence: u64,
}

impl<'r> Write<'r> {
    /// Begins a group.
    pub(crate) fn begin(
        rows: &'r mut (dyn RowsMut + Send + 'r),
        now: Time,
    ) -> Result<Self, ReadError> {
        Ok(Write {
            now,
            runs: Runs::default(),
            inbox_bytes: number(&*rows, meta::INBOX_BYTES)?,
            sequence: number(&*rows, meta::SEQUENCE)?,
            rows,
        })
    }

    /// Returns a run, if it exists.
    pub(crate) fn run(&mut self, id: RunId) -> Result<Option<RunWrite<'_>>, ReadError> {
        self.runs
            .load(self.rows, &mut self.inbox_bytes, id, self.now)
    }

    /// Adds a run that is being started.
    pub(crate) fn start(&mut self, id: RunId) {
        self.runs.start(id, self.now);
    }

    /// Writes what has changed of a run that is about to be removed.
    pub(crate) fn save(&mut self, id: RunId) -> Result<(), ReadError> {
        self.runs.save_one(self.rows, id)
    }

    /// Returns the last commit sequence that was used.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Uses a commit sequence.
    pub(crate) fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// Writes what the group has gathered.
    pub(crate) fn finish(mut self, mark: Mark) -> Result<(), ReadError> {
        self.runs.save(self.rows)?;
        meta::put(self.rows, meta::SEQUENCE, &self.sequence)?;
        meta::put(self.rows, meta::INBOX_BYTES, &self.inbox_bytes)?;
        meta::put_clock(self.rows, mark)
    }
}

/// Returns a number that the host keeps about its store; 0 in a new one.
pub(crate) fn number(rows: &(impl Rows + ?Sized), name: &str) -> Result<u64, ReadError> {
    Ok(meta::get(rows, name)?.unwrap_or_default())
}
