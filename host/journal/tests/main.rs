//! The promises of the journal to the layers above it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod back;
mod codec;
mod cursor;
mod frontier;
