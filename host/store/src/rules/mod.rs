//! The rules: everything that can happen to the store, one file for each subject. Each transaction is first checked
//! against the rows, and then written as a whole.
//!
//! The rules are written once, over [`RowsMut`], and hold for every backend.

pub(crate) mod accept;
pub(crate) mod activate;
mod again;
pub(crate) mod attempts;
pub(crate) mod back;
mod carried;
mod child_start;
mod clearing;
mod commit;
pub(crate) mod control;
mod counts;
pub(crate) mod defer;
mod deferred;
pub(crate) mod deploy;
pub(crate) mod events;
mod failed_try;
mod family;
pub(crate) mod forget;
mod freeze;
mod generation;
mod handler;
mod held;
mod labels;
pub(crate) mod mail;
mod new_activation;
mod next_run;
pub(crate) mod orders;
pub(crate) mod pause;
pub(crate) mod prepare_back;
pub(crate) mod prepared;
pub(crate) mod repair;
mod restore;
pub(crate) mod retire;
pub(crate) mod retried;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod secrets;
pub(crate) mod start;
mod storage;
mod thaw;
pub(crate) mod trigger;
pub(crate) mod trigger_settings;
mod undo_end;

use std::collections::BTreeMap;

use dormouse_journal::{RunId, Status, Time};
use dormouse_seams::ClockSnapshot;

use self::counts::Counts;
use self::run::{RunWrite, Runs};
use crate::ReadError;
use crate::rows::counted::{Counted, Ledger};
use crate::rows::{Extent, Rows, RowsMut};
use crate::tables::states::{self, StateRow};
use crate::tables::{children, handlers, meta, runs, runs_by_status, runs_by_workflow};

pub(crate) use accept::Repeat;
pub use accept::{Accept, Accepted, InboxLimits, RememberedKey, RequestRefused};
pub use attempts::{AttemptMade, AttemptNoted};
pub use back::{TakeBack, TakenBack};
pub use carried::Carried;
pub use child_start::OrderLimits;
pub use control::{Broke, Cancelled, Resumed};
pub use deploy::{Deploy, Deployed};
pub use events::{Finished, Notified, Served};
pub use forget::{Forget, Forgot, RememberedAt};
pub use mail::{AimedNotified, MailLimits};
pub use new_activation::{
    Activated, CommitRefused, NewActivation, NewCall, NewGeneration, NewNotify, NewOrder,
    NewResponse, NotifyTarget,
};
pub use next_run::NextRun;
pub use pause::{Due, Pausable, Paused, PutBack, Unpaused};
pub use repair::{Repair, Repaired};
pub use retire::Deleted;
pub use retry::{CallAgain, RetriedFailed, RetryFailed};
pub use secrets::{PutSecret, SecretPut};
pub use start::{StartRun, Started};
pub use storage::{OverStorage, StorageLimits};
pub use trigger::{FireTrigger, TriggerFired, TriggerRefused};
pub use trigger_settings::{EARLIER_URLS, SetTrigger, TriggerActed, TriggerAction, TriggerSet};

/// Something that is written as a whole.
pub(crate) trait Transaction: Send + 'static {
    /// The result, which is known once the transaction is applied.
    type Output: Send + 'static;

    /// Returns the one run whose rows it reads and writes. None if it may touch other runs, or rows that all share.
    fn run(&self) -> Option<RunId> {
        None
    }

    /// Returns true if it frees space, or if operators use it to free space. It is then done even on a full disk.
    fn is_housekeeping(&self) -> bool {
        false
    }

    /// Returns the lane in which it waits for its turn. Transactions of one lane keep their order.
    fn lane(&self) -> Lane {
        self.run().map_or(Lane::Host, Lane::Run)
    }

    /// Returns the most that it writes, including the rows that are written at the group's end for each run that it
    /// changes. Called once, before the transaction is in the queue.
    fn cost(&self) -> Extent;

    /// Checks it against the rows and writes it. It may be called again if the group must be applied again, and then
    /// finds the same rows as before. If it returns `Ok`, everything that it wrote is complete: a refusal is an `Ok`
    /// that wrote nothing.
    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError>;
}

/// A lane of the queue, whose writes take their turns together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Writes that concern one run.
    Run(RunId),
    /// The starts of a workflow.
    Workflow(String),
    /// Events that are sent to all.
    Events,
    /// Work that the host does in pieces.
    Upkeep,
    /// All other writes.
    Host,
}

/// The most that a group writes at its end for a changed run: its row, its places in two indexes (each may be removed
/// and added), and the sum and the counts of its workflow. The row is larger if the run has failed with a long message.
pub(crate) const RUN: Extent = Extent {
    rows: 6,
    bytes: 8 << 10,
};

/// The approximate size of a small row in bytes.
pub(crate) const SMALL_ROW: u64 = 512;

/// A group of transactions that is being written.
pub(crate) struct Write<'r> {
    pub(crate) rows: Counted<'r>,
    /// The time of the present transaction.
    pub(crate) now: Time,
    runs: Runs,
    inbox_bytes: u64,
    sequence: u64,
    /// The disk space of workflows, as far as it was read or has changed.
    sums: BTreeMap<String, WorkflowStorage>,
    counts: Counts,
}

/// The disk space that the runs of a workflow use.
struct WorkflowStorage {
    before: u64,
    now: u64,
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
            rows: Counted::new(rows),
            sums: BTreeMap::new(),
            counts: Counts::default(),
        })
    }

    /// Returns a run, if it exists.
    pub(crate) fn run(&mut self, id: RunId) -> Result<Option<RunWrite<'_>>, ReadError> {
        self.runs
            .load(&mut self.rows, &mut self.inbox_bytes, id, self.now)
    }

    /// Adds a run that is being started and whose rows were written.
    pub(crate) fn start(
        &mut self,
        id: RunId,
        workflow: &str,
        is_child: bool,
    ) -> Result<(), ReadError> {
        let grown = self.rows.settle(id).all;
        let bytes = u64::try_from(grown).unwrap_or_default();
        let state_row = StateRow::pending(self.now, workflow.to_owned(), bytes, is_child);
        self.runs.start(id, state_row);
        self.counts.moved(workflow, None, Some(Status::Pending));
        self.add_to_sum(workflow, grown)
    }

    /// Removes the rows by which a run is found, so that it is unknown from now on. Its other rows are removed later.
    /// Returns its workflow.
    pub(crate) fn forget_run(&mut self, id: RunId) -> Result<Option<String>, ReadError> {
        let Some(run) = self.run(id)? else {
            return Ok(None);
        };
        let state = run.state();
        let (workflow, queued_bytes) = (state.workflow.clone(), state.queued_bytes);
        let (is_child, status) = (state.is_child, state.status);
        self.inbox_bytes = self.inbox_bytes.saturating_sub(queued_bytes);
        self.runs.save_one(&mut self.rows, &mut self.counts, id)?;
        self.counts.moved(&workflow, Some(status), None);
        let rows = &mut self.rows;
        states::TABLE.remove(rows, id)?;
        if let Some(tag) = runs_by_status::tag(status) {
            runs_by_status::TABLE.remove(rows, (tag, id))?;
        }
        runs_by_workflow::TABLE.remove(rows, (workflow.as_str(), id))?;
        if is_child
            && let Some(stored) = runs::TABLE.get(rows, id)?
            && let Some(parent) = stored.run.parent
        {
            children::TABLE.remove(rows, (parent.run, id))?;
        }
        handlers::TABLE.remove(rows, id)?;
        runs::remove(rows, id)?;
        self.settle_removed(id, &workflow)?;
        Ok(Some(workflow))
    }

    /// Subtracts the removed rows of an unknown run from the sum of its workflow.
    pub(crate) fn settle_removed(&mut self, id: RunId, workflow: &str) -> Result<(), ReadError> {
        let grown = self.rows.settle(id).all;
        self.add_to_sum(workflow, grown)
    }

    /// Adds what a transaction has written to the sums of the runs and workflows that it belongs to.
    pub(crate) fn settle(&mut self) -> Result<(), ReadError> {
        for id in self.rows.unsettled() {
            let grown = self.rows.settle(id);
            let Some(mut run) = self.run(id)? else {
                continue;
            };
            let state = run.state_mut();
            state.storage_bytes = state.storage_bytes.saturating_add_signed(grown.all);
            state.received_bytes = state.received_bytes.saturating_add_signed(grown.received);
            let workflow = state.workflow.clone();
            self.add_to_sum(&workflow, grown.all)?;
        }
        Ok(())
    }

    /// Returns the disk space that the runs of a workflow use.
    pub(crate) fn storage(&mut self, workflow: &str) -> Result<u64, ReadError> {
        if let Some(storage) = self.sums.get(workflow) {
            return Ok(storage.now);
        }
        let before = number(&self.rows, &format!("{}{workflow}", meta::STORAGE_OF))?;
        let storage = WorkflowStorage {
            before,
            now: before,
        };
        self.sums.insert(workflow.to_owned(), storage);
        Ok(before)
    }

    fn add_to_sum(&mut self, workflow: &str, grown: i64) -> Result<(), ReadError> {
        self.storage(workflow)?;
        if let Some(storage) = self.sums.get_mut(workflow) {
            storage.now = storage.now.saturating_add_signed(grown);
        }
        Ok(())
    }

    /// Returns the size of the rows of loaded runs, which may have to be written at the group's end.
    pub(crate) fn loaded_bytes(&self) -> u64 {
        self.runs.loaded_bytes()
    }

    /// Returns the last commit sequence that was used.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Sets the last commit sequence that was used.
    pub(crate) fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }

    /// Writes what the group has collected. Returns everything that was written.
    pub(crate) fn finish(mut self, snapshot: ClockSnapshot) -> Result<Extent, ReadError> {
        let rows = &mut self.rows;
        self.runs.save(rows, &mut self.counts)?;
        self.counts.save(rows)?;
        for (workflow, storage) in self.sums {
            let name = format!("{}{workflow}", meta::STORAGE_OF);
            if storage.now == 0 && storage.before > 0 {
                meta::TABLE.remove(rows, name.as_str())?;
            } else if storage.now != storage.before {
                meta::put(rows, &name, &storage.now)?;
            }
        }
        meta::put(rows, meta::SEQUENCE, &self.sequence)?;
        meta::put(rows, meta::INBOX_BYTES, &self.inbox_bytes)?;
        meta::put_clock(rows, snapshot)?;
        Ok(rows.written())
    }
}

/// Returns a number that the host keeps in `meta`, or 0 if it is not there.
pub(crate) fn number(rows: &(impl Rows + ?Sized), name: &str) -> Result<u64, ReadError> {
    Ok(meta::get(rows, name)?.unwrap_or_default())
}
