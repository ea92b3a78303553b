//! The body of a call. An attempt reads the body when it has a connection on which to send it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    pub(crate) missing: BodyReads,
}

/// The result of the reads of a call's body in one attempt. Clones share the result.
#[derive(Clone, Default)]
pub(crate) struct BodyReads(Arc<Mutex<ReadState>>);

#[derive(Default)]
struct ReadState {
    /// True once a read succeeded, so that the body may have been sent.
    succeeded: bool,
    failed: Option<BodyUnavailable>,
}

/// Why a body could not be read.
pub(crate) enum BodyUnavailable {
    /// The host has no memory left for the body.
    Memory,
    /// The store could not read the body.
    Unreadable(ReadError),
    /// The call has moved on, so this attempt is no longer needed.
    Unwanted,
}

impl BodyReads {
    /// Returns why the body could not be read. None if the body was read at least once, even if a read after a redirect
    /// failed, or if it was never asked for.
    pub(crate) fn take(&self) -> Option<BodyUnavailable> {
        let mut reads = self.lock();
        let failed = reads.failed.take();
        failed.filter(|_| !reads.succeeded)
    }

    fn note(&self, read: Result<Bytes, BodyUnavailable>) -> Result<Bytes, BodyMissing> {
        let mut reads = self.lock();
        match read {
            Ok(body) => {
                reads.succeeded = true;
                Ok(body)
            }
            Err(why) => {
                reads.failed = Some(why);
                Err(BodyMissing)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ReadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodySource for CallBody {
    fn read(&self) -> Task<Result<Bytes, BodyMissing>> {
        let missing = self.missing.clone();
        let Some(memory) = self.memory.take(Part::Calls, self.length) else {
            return Box::pin(async move { missing.note(Err(BodyUnavailable::Memory)) });
        };
        let (run, operation) = self.call;
        let reading = self.store.call_body(run, operation, self.attempts);
        Box::pin(async move {
            missing.note(match reading.await {
                Ok(Some(body)) => Ok(memory.keep(body)),
                Ok(None) => Err(BodyUnavailable::Unwanted),
                Err(error) => Err(BodyUnavailable::Unreadable(error)),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_whose_body_was_sent_before_a_redirect_was_made() {
        let (missing, shared) = (BodyReads::default(), BodyReads::default());
        assert!(missing.take().is_none());
        missing.note(Err(BodyUnavailable::Memory)).unwrap_err();
        assert!(matches!(missing.take(), Some(BodyUnavailable::Memory)));
        let sent = shared.clone();
        sent.note(Ok(Bytes::from_static(b"body"))).unwrap();
        sent.note(Err(BodyUnavailable::Memory)).unwrap_err();
        assert!(shared.take().is_none());
    }
}
