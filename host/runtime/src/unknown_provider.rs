//! The error for a provider whose description is gone.

/// A provider for which the host has no description any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this webhook is for the provider `{0}`, which this host does not know now: its description is gone from \
     `providers-dir`, or is not what it was; try again when the host's operator has put it back"
)]
pub struct UnknownProvider(pub String);
