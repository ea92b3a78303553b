//! Decides which writes are allowed when the disk is nearly full.
//!
//! Housekeeping (removing what expires, is cancelled or is deleted) makes room, and is always allowed. All other writes
//! are refused while less space is free than must be kept free. If more is free, and one write does not fit into it, only
//! that write is refused.

use super::group::Job;
use crate::backend::Backend;
use crate::{StorageError, WriteError};

/// The number of times that a group is applied again without a write that did not fit, before everything in it except
/// housekeeping is refused.
const TRIES: u32 = 3;

/// The space for one group.
pub(super) struct Space<'b, B> {
    backend: &'b B,
    is_housekeeping_alone: bool,
    misfits: u32,
}

impl<'b, B: Backend> Space<'b, B> {
    /// Checks how much space is free, and refuses the writes that are not allowed now.
    pub(super) fn new(backend: &'b B, group: &mut Vec<Box<dyn Job>>) -> Self {
        let mut space = Space {
            backend,
            is_housekeeping_alone: false,
            misfits: 0,
        };
        // The search for space may find some, but not enough.
        if backend.lacks_space() && (!backend.finds_space() || backend.lacks_space()) {
            space.refuse_all_but_housekeeping(group);
        }
        space
    }

    /// Begins a transaction for the writes that are left in the group.
    pub(super) fn begin(&self) -> Result<B::Transaction, StorageError> {
        match self.is_housekeeping_alone {
            true => self.backend.begin_housekeeping(),
            false => self.backend.begin(),
        }
    }

    /// Refuses the write at this place of the group, which does not fit. If it seems that nothing fits, refuses
    /// everything except housekeeping.
    pub(super) fn refuse(&mut self, index: usize, group: &mut Vec<Box<dyn Job>>) {
        if self.backend.finds_space() {
            return;
        }
        self.misfits += 1;
        if self.misfits >= TRIES || group[index].is_housekeeping() {
            self.refuse_all_but_housekeeping(group);
        } else {
            group.remove(index).answer(Err(WriteError::Full));
        }
    }

    fn refuse_all_but_housekeeping(&mut self, group: &mut Vec<Box<dyn Job>>) {
        self.is_housekeeping_alone = true;
        let (housekeeping, refused) = std::mem::take(group)
            .into_iter()
            .partition(|job| job.is_housekeeping());
        *group = housekeeping;
        for job in refused {
            job.answer(Err(WriteError::Full));
        }
    }
}
