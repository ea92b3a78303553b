//! Keeps the services of the host running.

use std::panic::AssertUnwindSafe;

use dormouse_seams::HostClock;
use futures::FutureExt;

use crate::execution_error::panic_text;

/// How long after a panic a service is started again, in milliseconds: the first delay and the longest. The delay
/// doubles each time.
const PAUSE: (u64, u64) = (100, 60_000);

/// Runs a service until it ends. If the service panics, it is started again. State that it keeps elsewhere is as the
/// panic left it.
pub(crate) async fn keep_running<F: Future<Output = ()>>(
    name: &'static str,
    clock: HostClock,
    service: impl Fn() -> F,
) {
    let mut pause = 0;
    loop {
        let start = async {
            if pause > 0 {
                clock.sleep_until(clock.now().after(pause)).await;
            }
            service().await;
        };
        match AssertUnwindSafe(start).catch_unwind().await {
            Ok(()) => return,
            Err(panic) => {
                let text = panic_text(&*panic);
                tracing::error!(
                    name,
                    panic = text,
                    "a service of the host panicked, and is started again"
                );
            }
        }
        pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use dormouse_journal::Time;
    use dormouse_seams::{Clock, Task};

    use super::*;

    /// A clock on which no time passes.
    struct Still;

    impl Clock for Still {
        fn date(&self) -> Time {
            Time(0)
        }

        fn elapsed(&self) -> u64 {
            0
        }

        fn boot(&self) -> Option<[u8; 16]> {
            None
        }

        fn sleep_until(&self, _: u64) -> Task {
            Box::pin(async {})
        }

        fn thread_time(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn a_service_that_panics_is_started_again_until_it_ends() {
        let started = Cell::new(0);
        let service = || async {
            started.set(started.get() + 1);
            assert!(started.get() > 3, "on purpose");
        };
        let clock = HostClock::new(Arc::new(Still), None);
        let ended = keep_running("test", clock, service).now_or_never();
        assert_eq!((ended, started.get()), (Some(()), 4));
    }
}
