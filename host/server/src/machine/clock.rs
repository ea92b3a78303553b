//! The machine's clocks. This is the only place that reads them.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dormouse_journal::Time;
use dormouse_seams::{Clock, Task};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The longest part of a sleep after which the clock is read again. So a timer that is months away is on time although
/// the machine was suspended in between.
const SLICE: Duration = Duration::from_secs(10);

/// The file with the id that Linux gives each boot.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineClock;

impl MachineClock {
    /// Resolves after this many milliseconds.
    pub fn pause(&self, milliseconds: u64) -> Task {
        self.sleep_until(elapsed().saturating_add(milliseconds))
    }
}

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
    fn date(&self) -> Time {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn elapsed(&self) -> u64 {
        elapsed()
    }

    fn boot(&self) -> Option<[u8; 16]> {
        *BOOT
    }

    fn sleep_until(&self, until: u64) -> Task {
        Box::pin(async move {
            loop {
                let left = Duration::from_millis(until.saturating_sub(elapsed()));
                if left.is_zero() {
                    return;
                }
                slice(left.min(SLICE)).await;
            }
        })
    }

    fn thread_time(&self) -> Duration {
        duration(clock_gettime(ClockId::ThreadCPUTime))
    }
}

static BOOT: LazyLock<Option<[u8; 16]>> = LazyLock::new(|| {
    let text = std::fs::read_to_string(BOOT_ID).ok()?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
});

/// Returns the milliseconds since the boot.
fn elapsed() -> u64 {
    let since = duration(clock_gettime(ClockId::Boottime));
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn duration(time: Timespec) -> Duration {
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
async fn slice(time: Duration) {
    tokio::time::sleep(time).await;
}
