//! Decides whether a connection is in use: a request on it is being answered, or its client reads an
//! answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::request::pace;

/// The activity on one connection.
pub(super) struct Activity {
    /// How long the connection may be quiet.
    within: Duration,
    state: Mutex<State>,
    /// Wakes the task that waits until the connection is to end.
    ends: Notify,
}

struct State {
    /// The number of requests whose heads have arrived and that are not answered yet.
    at_work: usize,
    /// When the last of them was answered. Before the first, when the connection was made.
    since: Instant,
    /// The number of bytes that the client has read since then, or that the machine buffers for it.
    taken: u64,
    /// True if the connection ends as soon as no request is being answered, because others need its place.
    is_ending: bool,
}

/// A request that is being answered, as long as this exists.
pub(super) struct Work(Arc<Activity>);

impl Activity {
    pub(super) fn new(within: Duration) -> Self {
        let state = State {
            at_work: 0,
            since: Instant::now(),
            taken: 0,
            is_ending: false,
        };
        Activity {
            within,
            state: Mutex::new(state),
            ends: Notify::new(),
        }
    }

    pub(super) fn begin(self: Arc<Self>) -> Work {
        self.state().at_work += 1;
        Work(self)
    }

    /// Waits until the connection has been unused for too long, or is to end for another reason.
    pub(super) async fn quiet(&self) {
        while let Some(deadline) = self.deadline() {
            tokio::select! {
                () = sleep_until(deadline) => {}
                () = self.ends.notified() => {}
            }
        }
    }

    /// Ends the connection as soon as no request is being answered on it.
    pub(super) fn end(&self) {
        self.state().is_ending = true;
        self.ends.notify_one();
    }

    /// Returns the time from which the connection has been unused, which is later than now while its client reads an
    /// answer. None if a request is being answered, or if the connection ends already.
    pub(super) fn unused_since(&self) -> Option<Instant> {
        let state = self.state();
        let is_unused = state.at_work == 0 && !state.is_ending;
        is_unused.then(|| state.since + pace::earned(state.taken))
    }

    /// Returns true if the connection has been unused for too long, or is to end for another reason.
    pub(super) fn is_quiet(&self) -> bool {
        self.deadline().is_none()
    }

    /// Returns the time of the next check. None if the connection has been unused for too long.
    fn deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let state = self.state();
        if state.at_work > 0 {
            return Some(now + self.within);
        }
        if state.is_ending {
            return None;
        }
        let deadline = state.since + self.within + pace::earned(state.taken);
        (deadline > now).then_some(deadline)
    }

    fn took(&self, bytes: usize) {
        self.state().taken += bytes as u64;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.at_work -= 1;
        state.since = Instant::now();
        state.taken = 0;
        if state.is_ending {
            self.0.ends.notify_one();
        }
    }
}

/// A stream that notes how much its other end reads.
pub(super) struct Metered {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl Metered {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Metered { stream, activity }
    }

    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.activity.took(bytes);
        }
        written
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITHIN: Duration = Duration::from_secs(30);

    /// Returns how long after the last use the connection must be checked again.
    fn left(activity: &Activity) -> Duration {
        let deadline = activity.deadline().unwrap();
        deadline - activity.state().since
    }

    #[test]
    fn a_new_connection_has_its_time() {
        assert_eq!(left(&Activity::new(WITHIN)), WITHIN);
    }

    #[test]
    fn no_time_passes_while_a_request_is_at_work() {
        let activity = Arc::new(Activity::new(Duration::ZERO));
        assert!(activity.deadline().is_none());
        let first = activity.clone().begin();
        let second = activity.clone().begin();
        assert!(activity.deadline().is_some());
        drop(first);
        assert!(activity.deadline().is_some());
        drop(second);
        assert!(activity.deadline().is_none());
    }

    #[test]
    fn a_client_that_reads_slowly_has_time_for_the_answer() {
        let activity = Arc::new(Activity::new(WITHIN));
        activity.took(160 << 10);
        assert_eq!(left(&activity), WITHIN + Duration::from_secs(10));
        drop(activity.clone().begin());
        assert_eq!(left(&activity), WITHIN, "what was taken before is past");
    }
}
