//! The memory that the host keeps for a guest besides the guest's memories and tables. The guest decides how much that is, so
//! it is taken from the budget like those.
//!
//! Some of it stays as long as the instance: its stacks, and what it waits for. The rest stays until the activation is
//! committed: the operations that the guest made, and the values that it passed to the host. While an instance repeats its
//! journal, the activations that were read are in memory, too.

use crate::limits::{self, VALUES};
use crate::state::State;
use crate::stop::Stop;

/// The number of bytes that a suspended instance keeps resident, in addition to its memories and what grows with its
/// tables: two pages of each of two stacks, one page of each of two tables, and the allocations of wasmtime and this
/// crate. Measured with Rust guests at 45 to 55 KiB.
const BASE: usize = 52 << 10;

/// The number of bytes that wasmtime and this crate keep for each outstanding operation. Measured at 1.6 KiB.
const EACH_WAIT: usize = 1_700;

/// The number of bytes that are kept for each delivery that the workflow answers itself: its id, in a map.
const EACH_ANSWER: usize = 128;

/// The number of bytes that a new operation takes until its activation is committed, besides its step name: in memory, in
/// the encoded record, and in the transaction.
pub(crate) const EACH_OPERATION: usize = 400;

/// The number of copies of a step name that there are until the activation is committed: in the operation, and in the record.
pub(crate) const COPIES: usize = 2;

/// The memory is taken in pieces of this size, so that an activation with few operations takes none.
const PIECE: usize = 16 << 10;

impl State {
    /// Returns how many bytes are kept as long as the instance.
    pub(crate) fn kept(&self) -> usize {
        let headers = self.run.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        BASE + headers
            + self.waits.outstanding() * EACH_WAIT
            + self.answers.remembered() * EACH_ANSWER
    }

    /// Takes the memory for everything that the host keeps of the guest now. Stops the guest if there is none: it is executed
    /// again when there is more.
    pub(crate) fn reserve_held(&mut self) -> Result<(), Stop> {
        let bytes = self.kept() + self.made + self.volume + self.records;
        let is_granted = self.held.reach(rounded(bytes));
        is_granted.then_some(()).ok_or(Stop::NoMemory)
    }

    /// Notes that recorded activations of this many bytes are in memory. An activation counts for no more than it did when it was
    /// made, so that it can be repeated where it could be made.
    pub(crate) fn hold_records(&mut self, bytes: usize) {
        let most = limits::size(self.host_limits.body).saturating_mul(VALUES);
        self.records = bytes.min(most);
    }

    /// Returns the memory of what was kept until the commit of an activation.
    pub(crate) fn release_made(&mut self) {
        (self.made, self.volume) = (0, 0);
        self.held.shrink(rounded(self.kept()));
    }
}

fn rounded(bytes: usize) -> u64 {
    bytes.next_multiple_of(PIECE) as u64
}
