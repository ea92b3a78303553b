//! The host's faults, and the progress that the storm prints.

use std::sync::{Mutex, PoisonError};

use crate::time::Moment;

/// The largest number of faults that are printed one by one. Many faults usually have the same
/// cause.
const MOST_PRINTED: usize = 50;

/// The faults that were found, and the time for the lines of progress.
#[derive(Debug)]
pub(crate) struct FaultLog {
    began: Moment,
    faults: Mutex<Vec<String>>,
}

impl FaultLog {
    pub(crate) fn new() -> Self {
        FaultLog {
            began: Moment::now(),
            faults: Mutex::default(),
        }
    }

    /// Prints a line of progress.
    pub(crate) fn progress(&self, line: &str) {
        println!("[{:6.1} s] {line}", self.began.elapsed().as_secs_f64());
    }

    /// Records a fault of the host, which makes the storm fail.
    pub(crate) fn fault(&self, line: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() < MOST_PRINTED {
            self.progress(&format!("FAULT: {line}"));
        }
        faults.push(line);
    }

    /// Returns all faults so far.
    pub(crate) fn faults(&self) -> Vec<String> {
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.clone()
    }
}
