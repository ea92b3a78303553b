//! The body of a call, which an attempt reads when it has a connection to send it on.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dormouse_limits::{Budget, Part};
use dormouse_seams::{BodyMissing, BodySource, Task};
use dormouse_store::{Attempts, ReadError, Store};

use crate::call_queue::CallId;

/// Reads the body of a call for one attempt.
pub(crate) struct CallBody {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) memory: Budget,
    pub(crate) call: CallId,
    pub(crate) attempts: Attempts,
    pub(crate) length: u64,
    pub(crate) missing: Missing,
}

/// Why there was no body, once there was none.
#[derive(Clone, Default)]
pub(crate) struct Missing(Arc<Mutex<Option<WhyMissing>>>);

/// Why there is no body.
pub(crate) enum WhyMissing {
    /// The host has no memory left for it.
    Memory,
    /// It cannot be read.
    Unreadable(ReadError),
    /// The call has gone from where it was: nobody wants this attempt any more.
    Unwanted,
}

impl Missing {
    /// Returns why there was no body. None if there was, or nobody asked for it.
    pub(crate) fn take(&self) -> Option<WhyMissing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn because(&self, why: WhyMissing) -> BodyMissing {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        BodyMissing
    }
}

impl BodySource for CallBody {
    fn read(&self) -> Task<Result<Bytes, BodyMissing>> {
        let missing = self.missing.clone();
        let Some(memory) = self.memory.take(Part::Calls, self.length) else {
            return Box::pin(async move { Err(missing.because(WhyMissing::Memory)) });
        };
        let (run, operation) = self.call;
        let reading = self.store.call_body(run, operation, self.attempts);
        Box::pin(async move {
            match reading.await {
                Ok(Some(body)) => Ok(memory.keep(body)),
                Ok(None) => Err(missing.because(WhyMissing::Unwanted)),
                Err(error) => Err(missing.because(WhyMissing::Unreadable(error))),
            }
        })
    }
}
