//! The machine's clock. The only place that reads it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dormouse_journal::Time;
use dormouse_seams::{Clock, Task};
use rustix::time::{ClockId, clock_gettime};

/// A sleep is cut into slices of this length, after each of which the clock is read again: a timer that is months away
/// is on time although the machine was asleep, or its clock set, in between.
const SLICE: Duration = Duration::from_secs(10);

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn now(&self) -> Time {
        now()
    }

    fn sleep_until(&self, time: Time) -> Task {
        Box::pin(async move {
            loop {
                let left = Duration::from_millis(time.0.saturating_sub(now().0));
                if left.is_zero() {
                    return;
                }
                pause(left.min(SLICE)).await;
            }
        })
    }

    fn thread_time(&self) -> Duration {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
