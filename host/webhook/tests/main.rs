//! Signatures, probes and keys of repeats, as senders and receivers see them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod delivery_keys;
mod descriptions;
mod format;
mod handshakes;
mod options;
mod properties;
mod provider_table;
mod providers;
mod signatures;
mod spelling;
mod support;
