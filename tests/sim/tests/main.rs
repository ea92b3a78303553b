//! The host in simulated time, on a disk that loses power.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and what it measured is for who reads it"
)]

mod every_sync;
mod family;
mod generated;
mod generations;
mod held;
mod herds;
mod histories;
mod large_bodies;
mod many_operations;
mod one_sync;
mod outages;
mod panics;
mod pauses;
mod player;
mod retry;
mod rules;
mod same_twice;
mod shares;
mod take_back;
mod triggers;
mod webhooks;
mod work;
