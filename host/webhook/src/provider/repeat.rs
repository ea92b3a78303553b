//! Rules of repeats: the places of the values by which a provider names a delivery.

use dormouse_journal::OtherBody;

use super::place::Place;

/// How a delivery that is repeated is recognised.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) parts: Vec<Part>,
    pub(super) is_signed: bool,
    pub(super) other_body: OtherBody,
}

/// One part of a delivery's name.
#[derive(Debug)]
pub(super) enum Part {
    At(Place),
    /// The id that the signature covers, at the place that the applying rule of signatures gives. An id at the place of
    /// another rule could have been added by anybody.
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
