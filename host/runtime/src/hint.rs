//! Hints: what is known about the reason of a wake-up. The tables in the store are the truth.

use dormouse_journal::{Channel, Delivery, Payload, WebhookNumber};
use dormouse_store::RunView;

/// The largest number of channels that are noted one by one. With more of them, the owner looks at every channel, which
/// costs as much as the run has open operations and happens at most once for this many arrivals.
const CHANNELS: usize = 64;

/// The number of bytes that a header takes in memory besides its name and its value.
const EACH_HEADER: usize = 96;

/// What is known about the reason of a wake-up.
#[derive(Debug)]
pub(crate) enum Hint {
    /// Something arrived on this channel.
    Channel(Channel),
    /// Something may have arrived anywhere.
    Anything,
    /// A deadline may have passed.
    Time,
    /// A request was queued, and may not be durable yet.
    Request(Box<EarlyRequest>),
    /// The run was started, and may not be durable yet.
    Start(Box<EarlyStart>),
    /// Requests that may not be durable yet were left out of these hints.
    Behind,
}

/// A request that is in an inbox, and may not be durable yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EarlyRequest {
    pub(crate) webhook: WebhookNumber,
    pub(crate) place: u64,
    /// True if no other request is before it in the inbox.
    pub(crate) is_first: bool,
    pub(crate) delivery: Delivery,
}

impl EarlyRequest {
    /// Returns about how many bytes the request takes in memory.
    pub(crate) fn size(&self) -> usize {
        let request = &self.delivery.request;
        let headers = request.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.len() + EACH_HEADER)
            .sum();
        size_of::<Self>() + request.url.len() + request.body.len() + headers
    }
}

/// A run that was started, and may not be durable yet.
#[derive(Debug, Clone)]
pub(crate) struct EarlyStart {
    pub(crate) view: RunView,
    pub(crate) input: Payload,
}

impl Hint {
    /// Returns true if what the hint says may not be in the store yet, so that nothing else says it.
    fn is_early(&self) -> bool {
        matches!(self, Hint::Request(_) | Hint::Start(_) | Hint::Behind)
    }
}

/// Adds a hint to others. The number of hints about what is in the store is bounded.
pub(crate) fn add(hints: &mut Vec<Hint>, hint: Hint) {
    if hint.is_early() {
        return hints.push(hint);
    }
    if hints.iter().any(|hint| matches!(hint, Hint::Anything)) {
        return;
    }
    let durable = hints.iter().filter(|hint| !hint.is_early()).count();
    if matches!(hint, Hint::Anything) || durable >= CHANNELS {
        hints.retain(Hint::is_early);
        return hints.push(Hint::Anything);
    }
    let is_time = |hint: &Hint| matches!(hint, Hint::Time);
    if !is_time(&hint) || !hints.iter().any(is_time) {
        hints.push(hint);
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::OperationNumber;

    use super::*;

    #[test]
    fn many_hints_become_one() {
        let mut hints = Vec::new();
        for number in 0..10_000 {
            add(&mut hints, Hint::Time);
            add(
                &mut hints,
                Hint::Channel(Channel::Result(OperationNumber(number))),
            );
            assert!(hints.len() <= CHANNELS);
        }
        assert!(matches!(hints[..], [Hint::Anything]), "{hints:?}");
    }
}
