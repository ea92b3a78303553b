//! The parts of the store that only redb has: the file, its backups, and a store that is not
//! verified.

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
