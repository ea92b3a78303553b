//! Probes: requests by which a provider checks that a URL answers. A request is recognised as one by its head first,
//! and by its body then.

use dormouse_journal::Request;

use super::Check;
use super::condition::Condition;
use super::handshake::Probe;

/// The largest length in bytes of the body of a probe. A probe has a challenge and some words around the challenge.
const LONGEST_BODY: u64 = 4 << 10;

/// A request that may be a probe, as far as its head shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MayBeProbe {
    /// True if the provider signs the probe as it signs its other requests.
    pub is_signed: bool,
}

impl<'c> Check<'c> {
    /// Returns the methods that probes have. They are allowed even if the webhook's own methods do not include them.
    #[must_use]
    pub fn probe_methods(&self) -> Vec<&'c str> {
        let provider = self.provider();
        let methods = provider.handshakes.iter();
        let mut methods: Vec<&str> = methods.map(|probe| probe.method.as_str()).collect();
        methods.dedup();
        methods
    }

    /// Returns what the head of a request shows, if the request can be a probe. It is called before the body is read.
    /// `length` is the length of the body, as far as it is known.
    #[must_use]
    pub fn may_be_probe(&self, head: &Request, length: Option<u64>) -> Option<MayBeProbe> {
        let reading = self.reading(head, b"");
        let mut handshakes = self.provider().handshakes.iter();
        let found = handshakes.find(|probe| {
            let mut of_head = probe
                .when
                .iter()
                .filter(|condition| !condition.needs_body());
            let fits = if probe.is_shown_by_head() {
                !probe.when.contains(&Condition::EmptyBody(true))
                    || length.is_none_or(|length| length == 0)
            } else {
                length.is_some_and(|length| length <= LONGEST_BODY)
            };
            probe.method == head.method
                && fits
                && of_head.all(|condition| condition.holds(reading, false))
        });
        found.map(|probe| MayBeProbe {
            is_signed: probe.is_signed,
        })
    }

    /// Returns the probe, if the request is one.
    #[must_use]
    pub fn probe<'a>(&'a self, request: &'a Request) -> Option<Probe<'a>> {
        let reading = self.reading(request, &request.body);
        let mut handshakes = self.provider().handshakes.iter();
        let handshake = handshakes.find(|probe| {
            probe.method == request.method
                && probe
                    .when
                    .iter()
                    .all(|condition| condition.holds(reading, false))
        })?;
        Some(Probe { handshake, reading })
    }
}
