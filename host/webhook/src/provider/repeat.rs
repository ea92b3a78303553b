//! Rules of repeats: where a request has the values by which its provider names a delivery.

use dormouse_journal::OtherBody;

use super::place::Place;

/// How repeats are known.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) parts: Vec<Part>,
    pub(super) is_signed: bool,
    pub(super) other_body: OtherBody,
}

/// One part of the name.
#[derive(Debug)]
pub(super) enum Part {
    At(Place),
    /// The id that the signature covers, wherever the signature that applies has it. What stands under another signature's
    /// name was added by whoever.
    SignedId,
}

impl Part {
    pub(super) fn needs_body(&self) -> bool {
        match self {
            Part::At(place) => place.needs_body(),
            Part::SignedId => false,
        }
    }
}
