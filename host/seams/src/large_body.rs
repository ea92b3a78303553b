//! Bodies that are read when there is a connection to send them on, and not before.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::Task;

/// A request's body that is not in memory. Each time that it is sent it is read, and kept in memory only meanwhile.
#[derive(Clone)]
pub struct LargeBody {
    length: u64,
    source: Arc<dyn BodySource>,
}

/// Where a [`LargeBody`] is read from.
pub trait BodySource: Send + Sync + 'static {
    /// Reads the body, as a whole.
    fn read(&self) -> Task<Result<Bytes, BodyMissing>>;
}

/// A body could not be read. The source knows why.
#[derive(Debug, thiserror::Error)]
#[error("the host could not read the body of the request")]
pub struct BodyMissing;

impl LargeBody {
    /// A body of this many bytes.
    #[must_use]
    pub fn new(length: u64, source: Arc<dyn BodySource>) -> Self {
        LargeBody { length, source }
    }

    /// Returns how many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads it.
    #[must_use]
    pub fn read(&self) -> Task<Result<Bytes, BodyMissing>> {
        self.source.read()
    }
}

impl fmt::Debug for LargeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LargeBody({})", self.length)
    }
}
