//! The acts of the storm: what it does to the host.

mod clocks;
mod context;
mod disks;
mod floods;
mod guests;
mod processes;

pub(crate) use context::{ActContext, Targets};
pub(crate) use guests::WORKFLOW;

use std::time::Duration;

use clap::ValueEnum;

use crate::rng::SeededRng;

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
            Act::DeadCalls => "runs with large calls to a service that does not exist",
            Act::SelfEvents => "runs that send large events to themselves",
            Act::HangingCalls => "thousands of calls to a service that does not answer",
            Act::Timers => "thousands of timers that end at one moment",
            Act::Disk => "the disk is full for some seconds",
        }
    }

    /// Returns the reason if this act cannot be done on this machine.
    pub(crate) fn impossible(self, context: &ActContext<'_>) -> Option<&'static str> {
        match self {
            Act::ClockForward | Act::ClockBack | Act::ClockYear if context.host.clock.is_none() => {
                Some("there is no library that moves the clock (--clock)")
            }
            Act::Disk if context.host.disk.is_none() => Some("there is no small disk"),
            _ => None,
        }
    }

    /// Does the act. An error is a fault of the host.
    pub(crate) fn perform(
        self,
        context: &ActContext<'_>,
        rng: &mut SeededRng,
    ) -> anyhow::Result<()> {
        const HOUR: i64 = 3_600;
        match self {
            Act::Kill => processes::kill(context, rng),
            Act::Stop => processes::stop(context),
            Act::Term => processes::terminate(context, rng),
            Act::ClockForward => clocks::step(context, HOUR, Duration::from_secs(5)),
            Act::ClockBack => clocks::step(context, -HOUR, Duration::from_secs(5)),
            Act::ClockYear => clocks::step(context, 365 * 24 * HOUR, Duration::from_secs(6)),
            Act::UnknownTokens => floods::unknown_tokens(context),
            Act::EndedRuns => floods::ended_runs(context),
            Act::BadSignatures => floods::bad_signatures(context),
            Act::HalfBodies => floods::half_bodies(context),
            Act::HalfHeads => floods::half_heads(context),
            Act::WithheldBytes => guests::withheld_bytes(context),
            Act::Grow => guests::grow(context),
            Act::Compute => guests::compute(context),
            Act::DeadCalls => guests::dead_calls(context),
            Act::SelfEvents => guests::self_events(context),
            Act::HangingCalls => guests::hanging_calls(context),
            Act::Timers => guests::timers(context),
            Act::Disk => disks::fill(context),
        }
    }
}
