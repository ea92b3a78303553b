//! What happened in a scenario, in order.

use std::collections::VecDeque;

/// How many events are kept: the last ones.
const MOST: usize = 1_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since the beginning.
    pub at: u64,
    /// What it was.
    pub what: What,
    /// More of it, in a line.
    pub text: String,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The run was started.
    Started,
    /// A call was made.
    Call,
    /// A call was answered.
    Answered,
    /// A request came to a webhook.
    Request,
    /// Its caller was answered.
    Reply,
    /// An event was sent.
    Event,
    /// The run was cancelled.
    Cancel,
    /// The run ended.
    Ended,
}

impl What {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            What::Started => "started",
            What::Call => "call",
            What::Answered => "answered",
            What::Request => "request",
            What::Reply => "reply",
            What::Event => "event",
            What::Cancel => "cancel",
            What::Ended => "ended",
        }
    }
}

/// Keeps the last events.
#[derive(Debug, Default)]
pub(crate) struct Transcript(VecDeque<Event>);

impl Transcript {
    pub(crate) fn note(&mut self, at: u64, what: What, text: String) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Event { at, what, text });
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        self.0.into()
    }
}
