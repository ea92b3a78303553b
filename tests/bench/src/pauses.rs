//! How often the machine takes a processor away. What waits for one then is late, whatever the host does: a virtual machine
//! that others share a processor with stands still for milliseconds at a time, and nothing inside it is told.

use std::thread;
use std::time::Duration;

use crate::statistics::number;
use crate::time::{Moment, millis};

/// For how long each processor is watched.
const TIME: Duration = Duration::from_secs(1);

/// What a thread that does nothing but look at the clock does not notice when it has a processor to itself: an interrupt.
const UNNOTICED: Duration = Duration::from_micros(200);

/// What was taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pauses {
    /// The share of all processors' time, in percent.
    pub(crate) share: f64,
    /// The longest at a time, in milliseconds.
    pub(crate) longest: f64,
}

/// Has a thread for each processor look at the clock without end, and adds up what it misses.
pub(crate) fn pauses() -> Pauses {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let watched = thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(missed)).collect();
        // A thread that panicked would have seen nothing.
        let missed = threads.into_iter().map(|thread| thread.join());
        missed.map(Result::unwrap_or_default).collect::<Vec<_>>()
    });
    let all: Duration = watched.iter().flatten().sum();
    let time = millis(TIME) * number(processors as u64);
    Pauses {
        share: 100.0 * millis(all) / time,
        longest: watched.iter().flatten().max().copied().map_or(0.0, millis),
    }
}

fn missed() -> Vec<Duration> {
    let began = Moment::now();
    let mut missed = Vec::new();
    let mut before = Duration::ZERO;
    while before < TIME {
        let now = began.elapsed();
        let gap = now.saturating_sub(before);
        if gap > UNNOTICED {
            missed.push(gap);
        }
        before = now;
    }
    missed
}
