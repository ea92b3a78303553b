//! The store, from outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod commits;
mod events;
mod file;
mod foretold;
mod inbox;
mod many;
mod runs;
mod secrets;
mod support;
mod unverified;
