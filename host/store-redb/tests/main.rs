//! What is redb's own: the file, its backups, and what a store costs that is not verified.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod backup;
mod file;
#[path = "../../store/tests/support/mod.rs"]
mod support;
mod unverified;
mod writes;
