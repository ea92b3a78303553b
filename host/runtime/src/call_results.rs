//! Records the results of attempts at calls in the store.
//!
//! Recording is repeated until the store can write. Once a result is durable, its run is woken. If the run
//! failed because it has no room for the response, those who watch the run are told.

use std::sync::Arc;

use dormouse_journal::{CallError, Channel, Response, Status, Time};
use dormouse_limits::Limits;
use dormouse_seams::HostClock;
use dormouse_store::{AttemptMade, AttemptNoted, Attempts, Store, WriteError};
use tokio::sync::Notify;

use crate::call_queue::{AttemptState, CallId};
use crate::hint::Hint;
use crate::large_work::LargeWork;
use crate::slots::Slots;
use crate::storage::over_storage;
use crate::wake::Wake;
use crate::watchers::Watchers;

/// How long to wait before something is tried again that the host cannot do now, in milliseconds: the first
/// delay and the longest. The delay doubles each time.
const PAUSE: (u64, u64) = (500, 60_000);

/// Records the results of attempts at calls.
pub(crate) struct CallResults {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) limits: Arc<Limits>,
    pub(crate) watchers: Arc<Watchers>,
    /// Notified when a run has ended because of a call, which may leave orders to be carried out.
    pub(crate) orders_waiting: Arc<Notify>,
    pub(crate) large_work: LargeWork,
}

/// The outcome of recording the result of an attempt.
pub(crate) enum Recorded {
    /// The result was recorded.
    Yes,
    /// Nobody wants the result.
    Unwanted,
    /// The result cannot be recorded, because a row is damaged.
    Damaged,
}

impl CallResults {
    /// Records a call's result, and wakes its run.
    pub(crate) async fn finish(
        &self,
        id: CallId,
        state: AttemptState,
        result: Result<Response, CallError>,
    ) -> Recorded {
        let recorded = self.record(id, state, AttemptMade::Done(result)).await;
        if let Recorded::Yes = recorded {
            let hint = Hint::Channel(Channel::Result(id.1));
            self.wake.queue(id.0, hint, self.clock.now());
        }
        recorded
    }

    /// Schedules the next attempt. The attempt counts from this commit on.
    pub(crate) async fn schedule_next(
        &self,
        id: CallId,
        state: &mut AttemptState,
        next: Time,
        error: Option<String>,
    ) -> Recorded {
        let made = AttemptMade::Again { next, error };
        let recorded = self.record(id, *state, made).await;
        if let Recorded::Yes = recorded {
            *state = AttemptState::new(Attempts {
                scheduled: state.attempts.scheduled + 1,
                next,
            });
        }
        recorded
    }

    /// Records the result of an attempt. Tries again until the store can write.
    pub(crate) async fn record(
        &self,
        (run, operation): CallId,
        state: AttemptState,
        made: AttemptMade,
    ) -> Recorded {
        let mut tries = 0;
        loop {
            let attempt = state.attempts;
            let over = over_storage(&self.limits);
            let (store, made) = (self.store.clone(), made.clone());
            let size = size(&made);
            let recording = async move {
                store
                    .attempt_made(run, operation, attempt, made, over)
                    .await
            };
            match self.large_work.begin(size, recording).await {
                Ok(AttemptNoted::Recorded) => return Recorded::Yes,
                Ok(AttemptNoted::Unwanted) => return Recorded::Unwanted,
                Ok(AttemptNoted::RunFailed) => {
                    tracing::info!(%run, %operation, "a run has failed because a response is larger than the disk space that the run has left");
                    self.slots.forget(run);
                    self.watchers.tell(run, Status::Failed);
                    self.orders_waiting.notify_one();
                    return Recorded::Unwanted;
                }
                Err(error @ WriteError::Row(_)) => {
                    tracing::error!(%run, %operation, %error, "the result of a call could not be recorded");
                    return Recorded::Damaged;
                }
                // The host is about to exit. The next host counts the attempt as one that was cut off.
                Err(WriteError::Failed(_)) => return Recorded::Unwanted,
                Err(error) => {
                    tracing::debug!(%run, %operation, %error, "the result of a call could not be recorded yet; the host tries again");
                    // A disk that was full may have space at any moment. Other errors may last, so the delays grow.
                    let pause = match error {
                        WriteError::Full => PAUSE.0,
                        _ => pause(tries),
                    };
                    tries += 1;
                    self.clock.sleep_until(self.clock.now().after(pause)).await;
                }
            }
        }
    }
}

/// Returns the size of the body that is recorded, in bytes.
fn size(made: &AttemptMade) -> usize {
    match made {
        AttemptMade::Done(Ok(response)) => response.body.len(),
        _ => 0,
    }
}

/// Returns how long to wait after this many earlier tries in a row, in milliseconds.
pub(crate) fn pause(tries: u32) -> u64 {
    PAUSE.0.saturating_mul(1 << tries.min(16)).min(PAUSE.1)
}
