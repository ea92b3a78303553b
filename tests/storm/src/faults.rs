//! What the host did wrong, and what the storm tells while it rages.

use std::sync::{Mutex, PoisonError};

use crate::time::Moment;

/// As many are told one by one. What is wrong more often is wrong in the same way.
const TOLD: usize = 50;

/// The faults that were found, and the lines of progress.
#[derive(Debug)]
pub(crate) struct Telling {
    began: Moment,
    faults: Mutex<Vec<String>>,
}

impl Telling {
    pub(crate) fn new() -> Self {
        Telling {
            began: Moment::now(),
            faults: Mutex::default(),
        }
    }

    /// Tells how the storm goes.
    pub(crate) fn progress(&self, line: &str) {
        println!("[{:6.1} s] {line}", self.began.elapsed().as_secs_f64());
    }

    /// Notes that the host did something wrong, which makes the storm fail.
    pub(crate) fn fault(&self, line: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() < TOLD {
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
