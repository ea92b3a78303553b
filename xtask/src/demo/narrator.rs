//! The output of the demonstration: who did what, and when.

use std::fmt::Arguments;

use serde_json::Value;

use crate::pause::Stopwatch;

/// Prints each event when it happens. Clones share the same start time.
#[derive(Clone)]
pub(crate) struct Narrator {
    watch: std::sync::Arc<Stopwatch>,
}

impl Narrator {
    pub(crate) fn begin() -> Self {
        Self {
            watch: std::sync::Arc::new(Stopwatch::start()),
        }
    }

    pub(crate) fn print(&self, who: &str, what: Arguments<'_>) {
        let seconds = self.watch.elapsed().as_secs_f32();
        println!("{seconds:6.2} s  {who:<7}  {what}");
    }

    /// Prints the result, which is the expected one.
    pub(crate) fn end(&self, result: &Value) {
        println!(
            "\nThe run's result, with every update that the service sent, once and in order:\n"
        );
        println!("{result:#}");
    }
}
