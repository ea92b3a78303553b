//! How often the machine takes a processor away. A thread that needs the processor is then late, whatever the host
//! does. A virtual machine that shares its processors stands still for milliseconds at a time, and the programs in it
//! are not told.

use std::thread;
use std::time::Duration;

use crate::statistics::number;
use crate::time::{Moment, millis};

/// The time for which each processor is watched.
const TIME: Duration = Duration::from_secs(1);

/// The longest gap between two looks at the clock that counts as normal: an interrupt can cause it.
const NORMAL_GAP: Duration = Duration::from_micros(200);

/// The time that was taken away.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pauses {
    /// The share of the time of all processors, in percent.
    pub(crate) share: f64,
    /// The longest pause, in milliseconds.
    pub(crate) longest: f64,
}

/// Runs a thread on each processor that only looks at the clock, and adds up the gaps.
pub(crate) fn pauses() -> Pauses {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let watched = thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(missed)).collect();
        // A thread that panicked counts as one without gaps.
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
        if gap > NORMAL_GAP {
            missed.push(gap);
        }
        before = now;
    }
    missed
}
