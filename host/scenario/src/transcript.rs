//! The events of a scenario, in order.

use std::collections::VecDeque;

/// The number of the last events that are kept.
const MOST: usize = 1_000;

/// An event of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The time since the beginning, in milliseconds.
    pub at: u64,
    /// The kind of the event.
    pub what: EventKind,
    /// More about the event, in one line.
    pub text: String,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The run was started.
    Started,
    /// A call was made.
    Call,
    /// A call was answered.
    Answered,
    /// A request was sent to a webhook.
    Request,
    /// The caller of a request was answered.
    Reply,
    /// An event was sent.
    Event,
    /// The run was cancelled.
    Cancel,
    /// The run ended.
    Ended,
}

impl EventKind {
    /// Returns the kind as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Started => "started",
            EventKind::Call => "call",
            EventKind::Answered => "answered",
            EventKind::Request => "request",
            EventKind::Reply => "reply",
            EventKind::Event => "event",
            EventKind::Cancel => "cancel",
            EventKind::Ended => "ended",
        }
    }
}

/// The last events.
#[derive(Debug, Default)]
pub(crate) struct Transcript(VecDeque<Event>);

impl Transcript {
    pub(crate) fn note(&mut self, at: u64, what: EventKind, text: String) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(Event { at, what, text });
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        self.0.into()
    }
}

/// The largest number of consecutive events that are folded together if they repeat, such as a call and its answer.
const MOST_TOGETHER: usize = 4;

/// A line of a transcript whose repeats are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'e> {
    /// An event.
    Event(&'e Event),
    /// The events before this line happened again.
    Again {
        /// The number of these events.
        events: usize,
        /// How often they happened again.
        times: usize,
        /// The time of the last of them, in milliseconds since the beginning.
        until: u64,
    },
}

impl Line<'_> {
    /// Returns the number of events that the line stands for.
    #[must_use]
    pub fn events(&self) -> usize {
        match self {
            Line::Event(_) => 1,
            Line::Again { events, times, .. } => events * times,
        }
    }
}

/// Folds repeated events, at whatever times they happened, into one line with a count.
#[must_use]
pub fn folded(events: &[Event]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut rest = events;
    while !rest.is_empty() {
        let (first, times) = longest(rest);
        let (told, after) = rest.split_at(first);
        lines.extend(told.iter().map(Line::Event));
        let (again, after) = after.split_at(first * times);
        lines.extend(again.last().map(|last| Line::Again {
            events: first,
            times,
            until: last.at,
        }));
        rest = after;
    }
    lines
}

/// Returns the number of events at the beginning that are folded together, and how often they repeat after that.
/// Repeats do not count if folding them would not save a line.
fn longest(events: &[Event]) -> (usize, usize) {
    let mut longest = (1, 0);
    for length in 1..=MOST_TOGETHER.min(events.len()) {
        let (first, after) = events.split_at(length);
        let again = after.chunks_exact(length);
        let times = again.take_while(|chunk| are_same(first, chunk)).count();
        if length * times > (longest.0 * longest.1).max(1) {
            longest = (length, times);
        }
    }
    longest
}

fn are_same(one: &[Event], other: &[Event]) -> bool {
    let mut both = one.iter().zip(other);
    both.all(|(one, other)| one.what == other.what && one.text == other.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns events at intervals of one second with these texts.
    fn events(texts: &str) -> Vec<Event> {
        let events = texts.chars().zip(0..);
        let event = |(text, second): (char, u64)| Event {
            at: second * 1_000,
            what: EventKind::Call,
            text: text.to_string(),
        };
        events.map(event).collect()
    }

    fn told(texts: &str) -> String {
        let events = events(texts);
        let lines = folded(&events);
        let all: usize = lines.iter().map(Line::events).sum();
        assert_eq!(all, events.len(), "{texts}");
        let lines = lines.into_iter().map(|line| match line {
            Line::Event(event) => event.text.clone(),
            Line::Again {
                events,
                times,
                until,
            } => format!("({events}x{times} until {})", until / 1_000),
        });
        lines.collect()
    }

    #[test]
    fn repeats_are_one_line_with_a_count() {
        for (texts, expected) in [
            ("", ""),
            ("abc", "abc"),
            // Replacing one line with another saves none.
            ("aab", "aab"),
            ("aaab", "a(1x2 until 2)b"),
            ("sabababe", "sab(2x2 until 6)e"),
            ("aaaaaa", "a(1x5 until 5)"),
            ("abcdabcdabcd", "abcd(4x2 until 11)"),
            // A sequence that is too long to be folded.
            ("abcdeabcde", "abcdeabcde"),
            ("abababab", "ab(2x3 until 7)"),
            ("ababa", "ab(2x1 until 3)a"),
        ] {
            assert_eq!(told(texts), expected, "{texts}");
        }
    }

    #[test]
    fn every_difference_is_shown() {
        let mut two = events("aaa");
        two[2].what = EventKind::Answered;
        assert_eq!(folded(&two).len(), 3);
    }
}
