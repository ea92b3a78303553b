//! Checks of the repository as a whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod book;
mod circles;
mod guests;
mod layers;
mod programs;
mod workspace;
