//! The figures, a file for each. BENCHMARKS.md says what they mean.

mod throughput;
mod wake;

use clap::ValueEnum;

use crate::lab::Lab;
use crate::report::Measures;

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Figure {
    WakeWarm,
    WakeCold,
    Throughput,
    ThroughputCold,
}

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Figure::WakeWarm => "wake-warm",
            Figure::WakeCold => "wake-cold",
            Figure::Throughput => "throughput",
            Figure::ThroughputCold => "throughput-cold",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Figure::WakeWarm => "webhook to resumed and waiting again, one client, run in memory",
            Figure::WakeCold => "the same, run dropped from memory, 10 operations to replay",
            Figure::Throughput => "start, wait, webhook, completed, clients in a closed loop",
            Figure::ThroughputCold => "the same, no run is kept in memory",
        }
    }

    pub(crate) async fn measure(self, lab: &mut Lab) -> anyhow::Result<Measures> {
        match self {
            Figure::WakeWarm => wake::warm(lab).await,
            Figure::WakeCold => wake::cold(lab).await,
            Figure::Throughput => throughput::warm(lab).await,
            Figure::ThroughputCold => throughput::cold(lab).await,
        }
    }
}
