//! The kinds of things that runs wait for, as users search for them.

use std::fmt::{self, Display};
use std::str::FromStr;

use crate::Kind;

/// A kind of thing that a run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// A request to a webhook.
    Webhook,
    /// An event, or the number of waits that an event sent by the run has reached.
    Event,
    /// A time.
    Sleep,
    /// The result of a call.
    Call,
    /// Another run: its start, its end, or the result of cancelling it.
    Run,
    /// A request to cancel.
    Cancel,
}

/// The error for a text that is not one of these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give one of {}", Awaited::ALL.map(Awaited::as_str).join(", "))]
pub struct UnknownAwaited;

impl Awaited {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Awaited::Webhook,
        Awaited::Event,
        Awaited::Sleep,
        Awaited::Call,
        Awaited::Run,
        Awaited::Cancel,
    ];

    /// Returns the name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Awaited::Webhook => "webhook",
            Awaited::Event => "event",
            Awaited::Sleep => "sleep",
            Awaited::Call => "call",
            Awaited::Run => "run",
            Awaited::Cancel => "cancel",
        }
    }
}

impl Kind {
    /// Returns the kind of thing that an operation waits for. None if the operation completes at
    /// once.
    #[must_use]
    pub fn awaited(&self) -> Option<Awaited> {
        match self {
            Kind::WaitForWebhook { .. } => Some(Awaited::Webhook),
            Kind::WaitForEvent { .. } | Kind::Notify { .. } => Some(Awaited::Event),
            Kind::Sleep { .. } | Kind::SleepUntil { .. } => Some(Awaited::Sleep),
            Kind::Call { .. } => Some(Awaited::Call),
            Kind::StartRun { .. } | Kind::WaitForRun { .. } | Kind::CancelRun { .. } => {
                Some(Awaited::Run)
            }
            Kind::WaitForCancel { .. } => Some(Awaited::Cancel),
            Kind::CreateWebhook { .. }
            | Kind::CloseWebhook { .. }
            | Kind::Respond { .. }
            | Kind::Begin { .. }
            | Kind::Abandon { .. } => None,
        }
    }
}

impl Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Awaited {
    type Err = UnknownAwaited;

    fn from_str(text: &str) -> Result<Self, UnknownAwaited> {
        let mut all = Awaited::ALL.into_iter();
        all.find(|awaited| awaited.as_str() == text)
            .ok_or(UnknownAwaited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for awaited in Awaited::ALL {
            assert_eq!(awaited.as_str().parse(), Ok(awaited));
        }
        assert_eq!(
            "timer".parse::<Awaited>().unwrap_err().to_string(),
            "give one of webhook, event, sleep, call, run, cancel"
        );
    }
}
