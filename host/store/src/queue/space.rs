//! Who may write when the disk is nearly full.
//!
//! Housekeeping (what expires, what is cancelled or deleted) makes room, and is done whatever else is refused. Everything
//! else is refused once there is less space than is to be left, and a write that is larger than what is left is refused
//! alone.

use super::group::Job;
use crate::backend::Backend;
use crate::{StorageError, WriteError};

/// How often a group is applied anew without a write that did not fit, before all of it but housekeeping is refused.
const TRIES: u32 = 3;

/// The space for one group.
pub(super) struct Space<'b, B> {
    backend: &'b B,
    is_housekeeping_alone: bool,
    misfits: u32,
}

impl<'b, B: Backend> Space<'b, B> {
    /// Looks how much space there is, and refuses what may not be written now.
    pub(super) fn new(backend: &'b B, group: &mut Vec<Box<dyn Job>>) -> Self {
        let mut space = Space {
            backend,
            is_housekeeping_alone: false,
            misfits: 0,
        };
        // Looking for space may find some, and then it need not be enough.
        if backend.lacks_space() && (!backend.finds_space() || backend.lacks_space()) {
            space.refuse_all_but_housekeeping(group);
        }
        space
    }

    /// Begins a transaction for what is left of the group.
    pub(super) fn begin(&self) -> Result<B::Transaction, StorageError> {
        match self.is_housekeeping_alone {
            true => self.backend.begin_housekeeping(),
            false => self.backend.begin(),
        }
    }

    /// Refuses the write at this place of the group, which does not fit, and all others with it if none seems to fit.
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
