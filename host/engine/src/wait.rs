//! The future in which a guest waits for an operation's outcome.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use dormouse_journal::{Arguments, Kind, OperationNumber, Outcome};

use crate::state::Shared;
use crate::stop::Stop;

/// Resolves to an operation's outcome. If it is dropped before that, the operation is given up, and the journal
/// records it.
pub(crate) struct Wait {
    shared: Arc<Shared>,
    number: OperationNumber,
    done: bool,
}

impl Wait {
    /// Makes an operation that completes later, and returns the future of its outcome.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        import: &str,
        step: String,
        arguments: Arguments,
        kind: Kind,
    ) -> Result<Self, Stop> {
        let number = shared.lock().start(import, step, arguments, kind)?;
        Ok(Wait {
            shared: shared.clone(),
            number,
            done: false,
        })
    }

    /// Returns the outcome as `take` converts it. `take` refuses an outcome that operations of this kind do not
    /// have, which only the journal of another run can contain.
    pub(crate) async fn outcome<T>(
        self,
        take: impl FnOnce(Outcome) -> Option<T>,
    ) -> wasmtime::Result<T> {
        let number = self.number;
        take(self.await).ok_or_else(|| {
            Stop::Host(format!(
                "operation {number} completed with an outcome that its kind does not have"
            ))
            .into()
        })
    }
}

impl Future for Wait {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let polled = self.shared.lock().waits.poll(self.number, cx.waker());
        self.done = polled.is_ready();
        polled
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if !self.done {
            self.shared.lock().give_up(self.number);
        }
    }
}
