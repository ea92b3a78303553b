//! The writes and reads of the store, on a redb file and in memory alike.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod back;
mod commits;
mod damage;
mod decided;
mod deferred;
mod events;
mod generations;
mod inbox;
mod labels;
mod large_retry;
mod many;
mod measures;
mod migration;
mod order;
mod pause;
mod retry;
mod runs;
mod search;
mod secrets;
mod sequences;
mod support;
mod triggers;
