//! `prepare` from outside: what it takes, what it refuses and in which words, and what it lives through.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod accepts;
mod divides;
mod refuses;
mod support;
mod survives;
