//! The figures, with one file for each. BENCHMARKS.md says what they mean.

mod backlog;
mod compare;
mod deploy;
pub(crate) mod dormant;
mod floor;
mod instance;
mod languages;
mod latency;
mod replay;
mod restart;
mod sustained;
mod throughput;
mod timers;
mod trigger;
mod wake;

use clap::ValueEnum;

use crate::lab::Lab;
use crate::report::Measures;

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Figure {
    Floor,
    WakeWarm,
    WakeCold,
    Throughput,
    ThroughputCold,
    TriggerOutput,
    Latency,
    Replay,
    Dormant,
    Restart,
    Backlog,
    Timers,
    Instance,
    Deploy,
    Languages,
    Sustained,
    Compare,
}

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Figure::Floor => "floor",
            Figure::WakeWarm => "wake-warm",
            Figure::WakeCold => "wake-cold",
            Figure::Throughput => "throughput",
            Figure::ThroughputCold => "throughput-cold",
            Figure::TriggerOutput => "trigger-output",
            Figure::Latency => "latency",
            Figure::Replay => "replay",
            Figure::Dormant => "dormant",
            Figure::Restart => "restart",
            Figure::Backlog => "backlog",
            Figure::Timers => "timers",
            Figure::Instance => "instance",
            Figure::Deploy => "deploy",
            Figure::Languages => "languages",
            Figure::Sustained => "sustained",
            Figure::Compare => "compare",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Figure::Floor => "the smallest durable server: a request, a synced page, an answer",
            Figure::WakeWarm => "webhook to resumed and waiting again, one client, run in memory",
            Figure::WakeCold => "the same, run dropped from memory, 10 operations to replay",
            Figure::Throughput => "start, wait, webhook, completed, clients in a closed loop",
            Figure::ThroughputCold => "the same, no run is kept in memory",
            Figure::TriggerOutput => "request to a trigger, answered with the output of its run",
            Figure::Latency => "start, wait, webhook, completed, at half the peak rate, open loop",
            Figure::Replay => "a cold run resumes, by the waits that lie behind it",
            Figure::Dormant => "a million runs asleep, each with a webhook and a timer",
            Figure::Restart => "the host is ready again, with a million runs asleep",
            Figure::Backlog => "calls accepted before a kill are taken after the restart",
            Figure::Timers => "ten thousand timers due in one second",
            Figure::Instance => "an instance that is kept in memory",
            Figure::Deploy => "upload to first run, and what a restart compiles",
            Figure::Languages => "the same workflow in Rust, TypeScript and Python",
            Figure::Sustained => "a steady load, with runs removed soon after their end",
            Figure::Compare => "processor time a run, of this host and of another one in turn",
        }
    }

    pub(crate) async fn measure(self, lab: &mut Lab) -> anyhow::Result<Measures> {
        match self {
            Figure::Floor => floor::measure(lab).await,
            Figure::WakeWarm => wake::warm(lab).await,
            Figure::WakeCold => wake::cold(lab).await,
            Figure::Throughput => throughput::warm(lab).await,
            Figure::ThroughputCold => throughput::cold(lab).await,
            Figure::TriggerOutput => trigger::measure(lab).await,
            Figure::Latency => latency::measure(lab).await,
            Figure::Replay => replay::measure(lab).await,
            Figure::Dormant => dormant::measure(lab).await,
            Figure::Restart => restart::measure(lab).await,
            Figure::Backlog => backlog::measure(lab).await,
            Figure::Timers => timers::measure(lab).await,
            Figure::Instance => instance::measure(lab).await,
            Figure::Deploy => deploy::measure(lab).await,
            Figure::Languages => languages::measure(lab).await,
            Figure::Sustained => sustained::measure(lab).await,
            Figure::Compare => compare::measure(lab).await,
        }
    }
}
