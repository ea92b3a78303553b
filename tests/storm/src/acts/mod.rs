//! The acts of the storm: what it does to the host.

mod clocks;
mod disks;
mod floods;
mod guests;
mod processes;
mod stage;

pub(crate) use guests::WORKFLOW;
pub(crate) use stage::{Ground, Stage};

use std::time::Duration;

use clap::ValueEnum;

use crate::chance::Chance;

/// An act. It ends by itself, and cleans up after itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Act {
    Kill,
    Stop,
    Term,
    ClockForward,
    ClockBack,
    ClockYear,
    UnknownTokens,
    EndedRuns,
    BadSignatures,
    HalfBodies,
    HalfHeads,
    WithheldBytes,
    Grow,
    Compute,
    DeadCalls,
    SelfEvents,
    HangingCalls,
    Timers,
    Disk,
}

impl Act {
    pub(crate) fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Act::Kill => "the host is killed (SIGKILL) and started again",
            Act::Stop => "the host stands still for some seconds (SIGSTOP, SIGCONT)",
            Act::Term => "the host is asked to end (SIGTERM) and started again",
            Act::ClockForward => "the date is an hour ahead for 5 s",
            Act::ClockBack => "the date is an hour behind for 5 s",
            Act::ClockYear => "the date is a year ahead for 6 s",
            Act::UnknownTokens => "a flood of requests with unknown tokens",
            Act::EndedRuns => "a flood of requests to a run that has ended",
            Act::BadSignatures => "a flood of requests with wrong signatures",
            Act::HalfBodies => "bodies of 16 MiB to a run that has ended, of which half is sent",
            Act::HalfHeads => "connections that stop within the head of a request",
            Act::WithheldBytes => "calls to a service whose answers lack their last byte",
            Act::Grow => "runs that grow to 240 MiB",
            Act::Compute => "runs that compute for seconds between their waits, and for ever",
            Act::DeadCalls => "runs with large calls to a service that is not there",
            Act::SelfEvents => "runs that send large events to themselves",
            Act::HangingCalls => "thousands of calls to a service that does not answer",
            Act::Timers => "thousands of timers that end at one moment",
            Act::Disk => "the disk is full for some seconds",
        }
    }

    /// Returns the reason if this act cannot be done on this machine.
    pub(crate) fn impossible(self, stage: &Stage<'_>) -> Option<&'static str> {
        match self {
            Act::ClockForward | Act::ClockBack | Act::ClockYear if stage.host.clock.is_none() => {
                Some("there is no library that moves the clock (--clock)")
            }
            Act::Disk if stage.host.disk.is_none() => Some("there is no small disk"),
            _ => None,
        }
    }

    /// Does the act. An error is a fault of the host.
    pub(crate) fn perform(self, stage: &Stage<'_>, chance: &mut Chance) -> anyhow::Result<()> {
        const HOUR: i64 = 3_600;
        match self {
            Act::Kill => processes::kill(stage, chance),
            Act::Stop => processes::stop(stage),
            Act::Term => processes::terminate(stage, chance),
            Act::ClockForward => clocks::step(stage, HOUR, Duration::from_secs(5)),
            Act::ClockBack => clocks::step(stage, -HOUR, Duration::from_secs(5)),
            Act::ClockYear => clocks::step(stage, 365 * 24 * HOUR, Duration::from_secs(6)),
            Act::UnknownTokens => floods::unknown_tokens(stage),
            Act::EndedRuns => floods::ended_runs(stage),
            Act::BadSignatures => floods::bad_signatures(stage),
            Act::HalfBodies => floods::half_bodies(stage),
            Act::HalfHeads => floods::half_heads(stage),
            Act::WithheldBytes => guests::withheld_bytes(stage),
            Act::Grow => guests::grow(stage),
            Act::Compute => guests::compute(stage),
            Act::DeadCalls => guests::dead_calls(stage),
            Act::SelfEvents => guests::self_events(stage),
            Act::HangingCalls => guests::hanging_calls(stage),
            Act::Timers => guests::timers(stage),
            Act::Disk => disks::fill(stage),
        }
    }
}
